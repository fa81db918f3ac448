"""One sample to classify: a video, or DeepMind's pair of .npy files."""

import logging
import math
import os
import pathlib
import re
import reprlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from two_stream import errors, files, recipe
from two_stream.evaluation import array_files, video_clips
from two_stream.preprocessing import clip_settings
from two_stream.video import pixels, reader, resampling

_SIZE = pixels.CROP_SIZE


def load(
  sample: files.PathLike,
  streams: Collection[str],
  frames_per_second: int | None = resampling.FRAMES_PER_SECOND,
  max_seconds: float = reader.MAX_SECONDS,
) -> dict[str, np.ndarray]:
  """Loads the clips of a sample.

  Args:
    sample: see `load_each`.
    streams: see `load_each`.
    frames_per_second: see `load_each`.
    max_seconds: see `load_each`.

  Returns:
    stream -> clip, as `load_each` yields them.

  Raises:
    InputError: a file is missing or contains no such clip.
  """
  return dict(load_each(sample, streams, frames_per_second, max_seconds))


def load_each(
  sample: files.PathLike,
  streams: Collection[str],
  frames_per_second: int | None,
  max_seconds: float,
) -> Iterator[tuple[str, np.ndarray]]:
  """Loads the clips of a sample one by one.

  Args:
    sample: a video file, or the PREFIX of PREFIX_rgb.npy and PREFIX_flow.npy.
    streams: the streams whose clips are needed, keys of `recipe.STREAMS`.
    frames_per_second: the frame rate of the clips of a video; None keeps the
      frames of the video. See `data_directory.frames_per_second`.
    max_seconds: where a longer video is cut.

  Yields:
    (stream, float32 [1, T, 224, 224, channels]), T >= 9. RGB comes before flow,
    which takes most of the time. A warning is logged if values are outside
    [-1, 1].

  Raises:
    InputError: a file is missing or contains no such clip.
  """
  channels = {stream: recipe.STREAMS[stream].channels for stream in streams}
  # A folder may have the same name as the arrays beside it.
  if not _exists(sample) or pathlib.Path(sample).is_dir():
    _check_arrays(sample, streams)
    clips = {
      stream: _read_clip(f'{sample}_{stream}.npy', channels[stream])
      for stream in streams
    }
    _warn_of_lengths(sample, clips)
    yield from clips.items()
    return
  _refuse_array(sample)
  how = clip_settings.Settings(
    frames_per_second=frames_per_second, max_seconds=max_seconds
  )
  video = video_clips.read(sample, how, streams)
  if video.damage:
    logging.warning('%s: %s; the rest is classified', sample, video.damage)
  for note in video.notes:
    logging.warning('%s: %s', sample, note)
  for stream, clip in video.clips:
    yield stream, check(clip, channels[stream], sample)


def _check_arrays(sample: files.PathLike, streams: Collection[str]) -> None:
  """Raises InputError if an array of a sample is missing, with the remedy."""
  paths = {stream: f'{sample}_{stream}.npy' for stream in recipe.STREAMS}
  there = [stream for stream, path in paths.items() if _exists(path)]
  missing = [paths[stream] for stream in streams if stream not in there]
  if not missing:
    return
  if there:
    raise errors.InputError(
      f'{missing[0]} not found; {paths[there[0]]} alone is enough for '
      f'--eval_type={there[0]}'
    )
  # The user may have given more of the name than the PREFIX.
  prefix = re.sub(r'(_(rgb|flow)?)?(\.npy)?$', '', str(sample))
  if any(_exists(f'{prefix}_{stream}.npy') for stream in recipe.STREAMS):
    raise errors.InputError(
      f'{sample}: no such video, and {missing[0]} not found; give the PREFIX '
      f'of PREFIX_rgb.npy and PREFIX_flow.npy, which is --sample={prefix}'
    )
  problem = 'is a folder' if _exists(sample) else 'no such video'
  raise errors.InputError(
    f'{sample}: {problem}, and {missing[0]} not found; --sample is a '
    'video file, or the PREFIX of PREFIX_rgb.npy and PREFIX_flow.npy'
  )


def _warn_of_lengths(
  sample: files.PathLike, clips: Mapping[str, np.ndarray]
) -> None:
  """Logs a warning if the arrays of a sample are not equally long."""
  lengths = {stream: clip.shape[1] for stream, clip in clips.items()}
  if len(set(lengths.values())) > 1:
    found = ' and '.join(f'{n} frames of {name}' for name, n in lengths.items())
    logging.warning('%s: has %s; are they of one clip?', sample, found)


def _prefix(path: files.PathLike) -> str:
  """Returns the PREFIX of the path PREFIX_rgb.npy or PREFIX_flow.npy."""
  return re.sub(r'_(rgb|flow)\.npy$', '', str(path))


def _exists(path: files.PathLike) -> bool:
  """Returns whether there is a file, a folder or a link of this name.

  Raises:
    InputError: nobody can tell, for instance because a folder on the way may
      not be entered.
  """
  try:
    os.lstat(path)
  except (FileNotFoundError, NotADirectoryError):
    return False
  except OSError as error:
    raise errors.unreadable(path, error.strerror) from None
  return True


def _refuse_array(sample: files.PathLike) -> None:
  """Raises InputError if a sample is one of NumPy's files, given whole."""
  path = pathlib.Path(sample)
  if path.suffix == '.npy':
    prefix = _prefix(path).removesuffix('.npy')
    raise errors.InputError(
      f'{sample}: is an array; give the PREFIX of PREFIX_rgb.npy and '
      f'PREFIX_flow.npy, such as --sample={prefix}'
    )
  if path.suffix == '.npz':
    raise errors.InputError(
      f'{sample}: is an archive of arrays; save each as PREFIX_rgb.npy and '
      'PREFIX_flow.npy'
    )


def check(clip: np.ndarray, channels: int, name: files.PathLike) -> np.ndarray:
  """Returns a clip as float32, after checking shape, type and values.

  Args:
    clip: floats [1, T, 224, 224, channels]; a warning is logged if values are
      outside [-1, 1].
    channels: number of channels of the stream.
    name: what messages call the clip, such as its path.

  Raises:
    InputError: the array is not such a clip, or has values that are not finite.
  """
  _check_kind(clip.shape, clip.dtype, channels, name)
  with np.errstate(over='ignore'):  # Overflow is reported below: not finite.
    clip = np.asarray(clip, np.float32)
  low, high = clip.min(), clip.max()
  if not np.isfinite([low, high]).all():
    raise errors.InputError(f'{name} has values that are not finite')
  if low < -1 or high > 1:
    logging.warning(
      '%s: values from %g to %g; the network was trained on [-1, 1]',
      name,
      low,
      high,
    )
  return clip


def _check_kind(
  shape: Sequence[int], dtype: np.dtype, channels: int, name: files.PathLike
) -> None:
  """Raises InputError if a clip cannot have this shape and type."""
  expected = f'[1, frames, {_SIZE}, {_SIZE}, {channels}]'
  if len(shape) != 5 or shape[0] != 1 or list(shape[2:4]) != [_SIZE, _SIZE]:
    raise errors.InputError(
      f'{name} has shape {reprlib.repr(list(shape))}; a clip is {expected}'
    )
  if shape[4] != channels:
    raise errors.InputError(
      f'{name} has {shape[4]} channels; this stream takes {channels}: RGB has '
      '3, flow 2'
    )
  if shape[1] < recipe.MIN_FRAMES:
    raise errors.InputError(
      f'{name} has {shape[1]} frames; the network needs at least '
      f'{recipe.MIN_FRAMES}'
    )
  if shape[1] > pixels.MAX_FRAMES:
    raise errors.InputError(
      f'{name} has {shape[1]} frames; a clip has at most {pixels.MAX_FRAMES}, '
      'cut it into clips first'
    )
  if not np.issubdtype(dtype, np.floating):
    raise errors.InputError(
      f'{name} holds {dtype.name}; a clip holds floats in [-1, 1]'
    )


def _read_clip(path: files.PathLike, channels: int) -> np.ndarray:
  """Reads a clip from a .npy file. Pickled objects are never loaded.

  The header is checked before memory is allocated for the values.

  Raises:
    InputError: the file is damaged, or contains no clip.
  """
  with files.open_to_read(path) as stream:
    shape, is_fortran, dtype = array_files.read_header(stream, path)
    _check_kind(shape, dtype, channels, path)
    array_files.check_length(stream, path, shape, dtype)
    size = math.prod(shape)
    values = np.fromfile(stream, dtype, size)
  if len(values) < size:
    raise array_files.damaged(path, 'somebody is writing it')
  clip = values.reshape(shape, order='F' if is_fortran else 'C')
  clip = check(clip, channels, path)
  if 0 <= clip.min() < clip.max():
    logging.warning(
      '%s: has no negative value; if it is in [0, 1], scale it to [-1, 1]', path
    )
  return clip
