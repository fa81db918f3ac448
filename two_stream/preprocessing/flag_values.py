"""What the values of flags mean that several programs have."""

from collections.abc import Sequence

from two_stream import documents, errors
from two_stream.datasets import data_set
from two_stream.video import resampling


def splits(names: Sequence[str]) -> tuple[str, ...]:
  """Returns the splits without repetitions.

  Raises:
    InputError: a name is not that of a split, or there is none.
  """
  if not names:
    raise errors.InputError(
      f'--splits: is empty; name some of {", ".join(data_set.SPLITS)}'
    )
  for split in names:
    if split not in data_set.SPLITS:
      raise errors.InputError(
        f'--splits: {split!r} is none of {", ".join(data_set.SPLITS)}'
      )
  return tuple(dict.fromkeys(names))


def frames_per_second(fps: str) -> int | None:
  """Returns the frame rate, or None to keep the frames as they are.

  Raises:
    InputError: the text is no frame rate.
  """
  if fps == resampling.NATIVE:
    return None
  try:
    rate = documents.whole_number(fps, '--fps')
  except errors.InputError:
    rate = 0
  if not 1 <= rate <= resampling.MAX_FRAMES_PER_SECOND:
    raise errors.InputError(
      f'--fps: {documents.quote(fps)} is neither {resampling.NATIVE} nor a '
      f'whole number from 1 to {resampling.MAX_FRAMES_PER_SECOND}'
    )
  return rate
