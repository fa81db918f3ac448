"""One video becomes a two-stream clip: decode, resample, resize, TV-L1, encode.

The steps are DeepMind's (README of google-deepmind/kinetics-i3d). Flow is
computed between the resized frames in grayscale. A clip holds each distinct
frame once, see records/schema.py.
"""

import dataclasses
import importlib.metadata
import itertools
import json
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np

from two_stream import errors, files
from two_stream.datasets import data_set
from two_stream.records import schema
from two_stream.video import (
  codecs,
  pixels,
  reader,
  resampling,
  tvl1,
  tvl1_kernels,
)

_LIBRARIES = ('numba', 'numpy', 'opencv-python')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
  """A sample to encode, and how.

  Attributes:
    videos_dir: the folder that the sample's path is relative to.
    sample: which video of that folder.
    label_index: the index of its label; None if the sample has no label, or if
      the label map lacks that label.
    frames_per_second: the rate of the clip, or None to keep the source's.
    short_side: pixels of the frames' smaller side.
    keep_truncated: whether a file that breaks off is used up to that point.
  """

  videos_dir: str
  sample: data_set.Sample
  label_index: int | None
  frames_per_second: int | None = resampling.FRAMES_PER_SECOND
  short_side: int = pixels.SHORT_SIDE
  keep_truncated: bool = False


class DistinctFrames(NamedTuple):
  """The frames that a clip shows, each of them once.

  Attributes:
    frames: uint8 [U, H, W, 3], RGB.
    timestamps: int64 [U], microseconds.
    frame_index: int64 [K], K >= 2; frame k of the clip is
      `frames[frame_index[k]]`. Each value equals the value before it or is
      larger by 1.
    truncated: whether the file breaks off, see `reader.Video`.
  """

  frames: np.ndarray
  timestamps: np.ndarray
  frame_index: np.ndarray
  truncated: bool


def read_distinct_frames(
  path: files.PathLike,
  frames_per_second: int | None,
  short_side: int,
  inside: files.PathLike | None = None,
) -> DistinctFrames:
  """Decodes a video and picks the frames that its clip shows.

  Args:
    path: a file of one of the `reader.FORMATS`.
    frames_per_second: the rate of the clip, or None to keep the source's.
    short_side: pixels of the frames' smaller side.
    inside: a folder that no link may lead out of, or None.

  Returns:
    The frames.

  Raises:
    InputError: the file cannot be used, or its clip has a single frame.
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


def optical_flows(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Computes the TV-L1 flow from each frame to the next.

  Args:
    frames: uint8 [H, W, 3], RGB.

  Yields:
    float32 [H, W, 2], (x, y) in pixels, one fewer than there are frames.
  """
  gray = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
  for frame, next_frame in itertools.pairwise(gray):
    yield tvl1.optical_flow(frame, next_frame)


def clip_from_video(
  path: files.PathLike,
  frames_per_second: int | None = resampling.FRAMES_PER_SECOND,
) -> tuple[np.ndarray, np.ndarray]:
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


def encode_video(source: Source) -> schema.Record:
  """Turns a video into a record. This is one task of a worker process.

  Args:
    source: which video, and how.

  Returns:
    The record.

  Raises:
    InputError: why the video cannot be used.
  """
  sample = source.sample
  if sample.label is not None and source.label_index is None:
    raise errors.InputError(f'label {sample.label!r} is not in the label map')
  data_set.check_id(sample.id)
  if sample.start is not None or sample.end is not None:
    raise NotImplementedError('parts of videos cannot be cut out yet')
  path = pathlib.Path(source.videos_dir, sample.path)
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
  context: dict[str, schema.Values] = {
    schema.ID: [sample.id.encode()],
    schema.DATA_PATH: [os.fsencode(sample.path)],
    schema.PARAMETERS: [json.dumps({**settings, **versions()}).encode()],
  }
  if sample.label is not None and source.label_index is not None:
    context[schema.LABEL_INDEX] = [source.label_index]
    context[schema.LABEL_STRING] = [sample.label.encode()]
  return schema.encode(
    clip.frames,
    optical_flows(clip.frames),
    clip.timestamps,
    clip.frame_index,
    context,
  )


def parameters(
  frames_per_second: int | None, short_side: int
) -> dict[str, Any]:
  """Lists everything that decides what a record holds, as values of JSON.

  A folder of shards keeps these parameters and refuses to go on with others.
  So a key must be added only together with a change of what records hold, and
  `shard_counts.SCHEMA_VERSION` must then be raised.

  Args:
    frames_per_second: the rate of the clips, or None to keep the source's.
    short_side: pixels of the frames' smaller side.
  """
  return {
    'frames_per_second': frames_per_second or resampling.NATIVE,
    'short_side': short_side,
    'interpolation': 'bilinear',
    'jpeg_quality': codecs.JPEG_QUALITY,
    'flow_bound': pixels.FLOW_BOUND,
    'flow_code': f'{pixels.FLOW_ZERO} + round({pixels.FLOW_STEPS} v / bound)',
    'tvl1': {
      'tau': tvl1_kernels.TAU,
      'lambda': tvl1_kernels.LAMBDA,
      'theta': tvl1_kernels.THETA,
      'num_scales': tvl1.NUM_SCALES,
      'scale_step': tvl1.SCALE_STEP,
      'num_warps': tvl1.NUM_WARPS,
      'outer_iterations': tvl1.OUTER_ITERATIONS,
      'inner_iterations': tvl1_kernels.INNER_ITERATIONS,
      'epsilon': tvl1.EPSILON,
      'median_size': tvl1.MEDIAN_SIZE,
    },
  }


def versions() -> dict[str, str]:
  """Gives the versions of the libraries whose code decides what records hold.

  Returns:
    Name of a library -> its version.
  """
  return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def start_worker() -> None:
  """Keeps OpenCV to one thread, because the processes share the cores."""
  cv2.setNumThreads(1)
