"""One video to a two-stream clip: decode, resample, resize, TV-L1, encode.

The steps are DeepMind's (README of google-deepmind/kinetics-i3d). Flow is
computed between the resized frames in grayscale. A clip holds each distinct
frame once, see records/schema.py.
"""

import importlib.metadata
import itertools
import json
import pathlib
from typing import NamedTuple

import cv2
import numpy as np

from two_stream import errors
from two_stream.datasets import something_something
from two_stream.records import schema
from two_stream.video import codecs, pixels, reader, resampling, tvl1

_LIBRARIES = ('numba', 'numpy', 'opencv-python')


class Source(NamedTuple):
  """A video to encode.

  Attributes:
    videos_dir: the folder of the videos.
    id: name of the file in that folder, without `.webm`; unchecked.
    label: class name, or None where it is not public.
    label_index: its index, None where the label map lacks it.
    frames_per_second: the rate of the clip, or None to keep the source's.
    short_side: pixels.
    keep_truncated: whether a file that breaks off is used as far as it goes.
  """

  videos_dir: str
  id: str
  label: str | None
  label_index: int | None
  frames_per_second: int | None = resampling.FRAMES_PER_SECOND
  short_side: int = pixels.SHORT_SIDE
  keep_truncated: bool = False


class DistinctFrames(NamedTuple):
  """The frames a clip shows, each once.

  Attributes:
    frames: uint8 [U, H, W, 3], RGB.
    timestamps: int64 [U], microseconds.
    frame_index: int64 [K], K >= 2; frame k of the clip is
      `frames[frame_index[k]]`. It rises by 0 or 1.
    truncated: as in `reader.Video`.
  """

  frames: np.ndarray
  timestamps: np.ndarray
  frame_index: np.ndarray
  truncated: bool


def read_distinct_frames(path, frames_per_second, short_side, inside=None):
  """Decodes a video and picks the frames that its clip shows.

  Args:
    path: a file of one of the `reader.FORMATS`.
    frames_per_second: the rate of the clip, or None to keep the source's.
    short_side: pixels.
    inside: a folder that no link may lead out of, or None.

  Returns:
    A `DistinctFrames`.

  Raises:
    InputError: the file cannot be used, or shows a single frame.
  """
  source = reader.read_video(path, short_side, inside)
  if frames_per_second is None:
    shown = np.arange(len(source.frames))
  else:
    shown = resampling.resample(source.timestamps, frames_per_second)
  if len(shown) < 2:
    raise errors.InputError(f'{path}: one frame only; flow needs two')
  distinct, frame_index = np.unique(shown, return_inverse=True)
  return DistinctFrames(
    source.frames[distinct],
    source.timestamps[distinct],
    frame_index,
    source.truncated,
  )


def optical_flows(frames):
  """Yields TV-L1 flow between neighbours: float32 [H, W, 2], pixels, (x, y)."""
  gray = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
  for frame, next_frame in itertools.pairwise(gray):
    yield tvl1.optical_flow(frame, next_frame)


def clip_from_video(path, frames_per_second=resampling.FRAMES_PER_SECOND):
  """Prepares both inputs of the two-stream network from a video file.

  Args:
    path: a file of one of the `reader.FORMATS`.
    frames_per_second: the rate of the clip, or None to keep the source's.

  Returns:
    rgb float32 [1, T, 224, 224, 3] and flow float32 [1, T, 224, 224, 2], both
    in [-1, 1]: the centre crop, without the last frame, which has no flow.

  Raises:
    InputError: the file cannot be used, or the clip would have more than
      `pixels.MAX_FRAMES`.
  """
  source = read_distinct_frames(path, frames_per_second, pixels.SHORT_SIDE)
  if len(source.frame_index) > pixels.MAX_FRAMES:
    raise errors.InputError(
      f'{path}: {len(source.frame_index)} frames at {frames_per_second} a '
      f'second; a clip has at most {pixels.MAX_FRAMES}, cut it into clips first'
    )
  rgb, flow = schema.expand(
    pixels.center_crop(source.frames),
    [
      pixels.scale_flow(pixels.center_crop(flow))
      for flow in optical_flows(source.frames)
    ],
    source.frame_index,
  )
  return rgb[np.newaxis], flow[np.newaxis]


def encode_video(source):
  """Turns a video into a record; the work of one task of a worker process.

  Args:
    source: a `Source`.

  Returns:
    A `schema.Record`.

  Raises:
    InputError: why the video cannot be used.
  """
  if source.label is not None and source.label_index is None:
    raise errors.InputError(f'label {source.label!r} is not in the label map')
  path = pathlib.Path(
    source.videos_dir, f'{something_something.check_id(source.id)}.webm'
  )
  clip = read_distinct_frames(
    path,
    source.frames_per_second,
    source.short_side,
    inside=source.videos_dir,
  )
  if clip.truncated and not source.keep_truncated:
    raise errors.InputError(
      f'{path}: breaks off after {len(clip.frames)} frames; get the file again '
      'or use --keep_truncated'
    )
  settings = parameters(source.frames_per_second, source.short_side)
  context = {
    schema.ID: [source.id.encode()],
    schema.DATA_PATH: [path.name.encode()],
    schema.PARAMETERS: [json.dumps({**settings, **versions()}).encode()],
  }
  if source.label is not None:
    context[schema.LABEL_INDEX] = [source.label_index]
    context[schema.LABEL_STRING] = [source.label.encode()]
  return schema.encode(
    clip.frames,
    optical_flows(clip.frames),
    clip.timestamps,
    clip.frame_index,
    context,
  )


def parameters(frames_per_second, short_side):
  """Everything that decides what a record holds, as values of JSON."""
  return {
    'frames_per_second': frames_per_second or resampling.NATIVE,
    'short_side': short_side,
    'interpolation': 'bilinear',
    'jpeg_quality': codecs.JPEG_QUALITY,
    'flow_bound': pixels.FLOW_BOUND,
    'flow_code': f'{pixels.FLOW_ZERO} + round({pixels.FLOW_STEPS} v / bound)',
    'tvl1': _public_constants(tvl1),
  }


def _public_constants(module):
  """The settings of an algorithm: what its module has in capitals."""
  return {
    name.lower(): value
    for name, value in vars(module).items()
    if name.isupper() and not name.startswith('_')
  }


def versions():
  """Versions of the libraries whose code decides what a record holds."""
  return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def start_worker():
  """Keeps OpenCV to one thread: the processes share the cores."""
  cv2.setNumThreads(1)
