"""One sample to classify: a video, or DeepMind's pair of .npy files."""

import logging
import pathlib

import numpy as np

from two_stream import errors, preprocessing, recipe, video

_SIZE = video.CROP_SIZE


def load(sample, streams, frames_per_second=video.FRAMES_PER_SECOND):
  """Loads the clips of a sample.

  Args:
    sample: a video file, or the PREFIX of PREFIX_rgb.npy and PREFIX_flow.npy.
    streams: keys of `recipe.STREAMS`, those that are needed.
    frames_per_second: of the clips made from a video, or None to keep its own;
      see `data_directory.frames_per_second`.

  Returns:
    Stream -> float32 [1, T, 224, 224, channels], T >= 9.

  Raises:
    InputError: if a file is missing or is not such a clip. Values outside
      [-1, 1] are only warned of.
  """
  if pathlib.Path(sample).is_file():
    clips = _from_video(sample, frames_per_second)
    names = dict.fromkeys(streams, sample)
  else:
    names = {stream: f'{sample}_{stream}.npy' for stream in streams}
    clips = {stream: _read_array(name) for stream, name in names.items()}
  return {
    stream: check(clips[stream], recipe.STREAMS[stream].channels, names[stream])
    for stream in streams
  }


def check(clip, channels, name):
  """Returns a clip as float32 [1, T, 224, 224, channels], checked.

  Args:
    clip: array, values in [-1, 1].
    channels: of its stream.
    name: what to call it in messages.

  Raises:
    InputError: if the shape, type or values are not a clip's.
  """
  expected = f'[1, frames, {_SIZE}, {_SIZE}, {channels}]'
  if clip.ndim != 5 or clip.shape[0] != 1 or clip.shape[2:4] != (_SIZE, _SIZE):
    raise errors.InputError(
      f'{name} has shape {list(clip.shape)}; a clip is {expected}'
    )
  if clip.shape[4] != channels:
    raise errors.InputError(
      f'{name} has {clip.shape[4]} channels; this stream takes {channels}: RGB '
      'has 3, flow 2'
    )
  if clip.shape[1] < recipe.MIN_FRAMES:
    raise errors.InputError(
      f'{name} has {clip.shape[1]} frames; the network needs at least '
      f'{recipe.MIN_FRAMES}'
    )
  if not np.issubdtype(clip.dtype, np.floating):
    raise errors.InputError(
      f'{name} holds {clip.dtype}; a clip holds floats in [-1, 1]'
    )
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


def _from_video(path, frames_per_second):
  rgb, flow = preprocessing.clip_from_video(path, frames_per_second)
  return {'rgb': rgb, 'flow': flow}


def _read_array(path):
  """Maps a .npy file into memory; never unpickles."""
  try:
    return np.lib.format.open_memmap(path, mode='r')
  except FileNotFoundError:
    raise errors.InputError(
      f'{path} not found; --sample is a video file, or the PREFIX of '
      'PREFIX_rgb.npy and PREFIX_flow.npy'
    ) from None
  except (OSError, ValueError) as error:
    reason = str(error).splitlines()[0]
    raise errors.InputError(
      f'{path} is no complete .npy file of plain numbers ({reason}); copy or '
      'make it again'
    ) from error
