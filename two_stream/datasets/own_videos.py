"""One's own videos: their classes, and a division if they have none."""

import hashlib
from collections.abc import Mapping, Sequence

from two_stream.datasets import data_set, listing

# The name of the split of samples that are to be divided.
UNDIVIDED = ''


def to_data_set(
  request: data_set.Request,
  samples: Mapping[str, Sequence[data_set.Sample]],
  where: object,
) -> data_set.DataSet:
  """Makes a data set of one's own videos.

  Args:
    request: what the user says.
    samples: split -> its samples; `UNDIVIDED` -> those that are to be divided.
    where: the file or folder that lists them, for messages.

  Raises:
    InputError: there are no labels, the label map lacks a label, or a wanted
      split is missing.
  """
  labels = [each.label for members in samples.values() for each in members]
  names = listing.class_names(request, labels, where)
  divided = divide(
    samples.get(UNDIVIDED, ()), request.validation_share, request.seed
  )
  there: dict[str, list[data_set.Sample]] = {
    split: [*samples.get(split, ()), *divided.get(split, ())]
    for split in data_set.SPLITS
  }
  wanted = listing.splits(
    request, [split for split, members in there.items() if members], where
  )
  return data_set.DataSet(
    name='own_videos',
    class_names=names,
    splits={split: there[split] for split in wanted},
  )


def divide(
  samples: Sequence[data_set.Sample], share: float, seed: int
) -> dict[str, list[data_set.Sample]]:
  """Divides labelled samples into those for training and for validation.

  The videos of each class are put in the order of a hash of the seed and the
  path. The first ones are for validation: the share of the class, rounded, but
  at least one and not all if the class has two videos or more. So a new video
  moves at most one other to the other split. All parts of a video that are of
  the same class stay together.

  Args:
    samples: the samples.
    share: the share for validation, from 0 to 1. 0: none is for validation; 1:
      all are.
    seed: what the order is drawn with.

  Returns:
    {'train': samples, 'validation': samples}, in their order.
  """
  videos_of: dict[str | None, set[str]] = {}
  for sample in samples:
    videos_of.setdefault(sample.label, set()).add(sample.path)
  chosen: set[tuple[str | None, str]] = set()
  for label, videos in videos_of.items():
    count = round(share * len(videos))
    if len(videos) > 1 and 0 < share < 1:
      count = min(max(count, 1), len(videos) - 1)
    ordered = sorted(videos, key=lambda path: (_draw(seed, path), path))
    chosen.update((label, path) for path in ordered[:count])
  divided: dict[str, list[data_set.Sample]] = {'train': [], 'validation': []}
  for sample in samples:
    is_chosen = (sample.label, sample.path) in chosen
    divided['validation' if is_chosen else 'train'].append(sample)
  return divided


def _draw(seed: int, path: str) -> bytes:
  """Returns what decides on the place of a video in a random order."""
  text = f'{seed}/{path}'
  return hashlib.sha256(text.encode(errors='surrogatepass')).digest()
