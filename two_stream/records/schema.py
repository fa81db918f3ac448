"""A record: what is stored of one clip, and how a clip is read from it.

The keys are those of MediaPipe's MediaSequence, which DMVR and Scenic read too.
A shard is a TFRecord file of such records.

    context
      example/id            "78687"
      clip/data_path        "78687.webm", within the folder of videos
      clip/label/index      26; absent where the label is not public
      clip/label/string     "Holding something next to something"
      clip/frame_index      which stored frame each frame of the clip shows
      {image,forward_flow}/{format,height,width,channels}
      preprocessing/parameters   JSON: every parameter and library version
    feature lists
      image/encoded         the U distinct frames: RGB, JPEG of quality 95
      image/timestamp       their times in the source, microseconds
      forward_flow/encoded  the U - 1 flows between them: gray PNG [2 H, W], the
                            x displacements above the y displacements
      forward_flow/timestamp     time of the first of the two frames

Why distinct frames: where a video of 12 frames a second is shown at 25 frames
a second, about every second frame repeats the one before it, and the flow
between a frame and its repetition is zero. So each frame and each flow is
stored once, and `clip/frame_index` tells which of them to show. Each value of
the index equals the value before it or is larger by 1. Where it is larger, the
flow from position t to t + 1 is the stored flow number `frame_index[t]`. Where
it is equal, that flow is zero. The keys `clip/frame_index` and `preprocessing/`
are this project's own.

This module needs NumPy and OpenCV alone, because the worker processes encode
records: TensorFlow would cost each of them 3 seconds and half a gigabyte.
tfrecords.py turns records into the bytes of a `tf.train.SequenceExample`, and
back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from two_stream import errors
from two_stream.video import codecs, pixels

ID = 'example/id'
DATA_PATH = 'clip/data_path'
LABEL_INDEX = 'clip/label/index'
LABEL_STRING = 'clip/label/string'
FRAME_INDEX = 'clip/frame_index'
PARAMETERS = 'preprocessing/parameters'
RGB_ENCODED = 'image/encoded'
RGB_TIMESTAMP = 'image/timestamp'
FLOW_ENCODED = 'forward_flow/encoded'
FLOW_TIMESTAMP = 'forward_flow/timestamp'
NO_LABEL = -1

# All of one kind: bytes or int.
Values = list[bytes] | list[int] | list[bytes | int]


class Record(NamedTuple):
  """A clip ready to be written, in plain values that can be sent to a process.

  Attributes:
    context: key -> the values of a feature of the whole clip.
    feature_lists: key -> the values of a feature, one for each time step.
  """

  context: dict[str, Values]
  feature_lists: dict[str, Values]


def encode(
  frames: np.ndarray,
  flows: Iterable[np.ndarray],
  timestamps: Iterable[int],
  frame_index: Iterable[int],
  context: Mapping[str, Values],
) -> Record:
  """Compresses the distinct frames and flows of a clip.

  Args:
    frames: uint8 [U, H, W, 3], RGB.
    flows: U - 1 arrays float32 [H, W, 2], (x, y) in pixels.
    timestamps: int [U], microseconds.
    frame_index: int [K], rising by 0 or 1 from 0 to U - 1.
    context: further features of the whole clip.

  Returns:
    A `Record`.
  """
  height, width = frames.shape[1:3]
  rgb_encoded = [codecs.encode_rgb(frame) for frame in frames]
  flow_encoded = [codecs.encode_flow(flow) for flow in flows]
  timestamps = [int(timestamp) for timestamp in timestamps]
  return Record(
    context={
      **context,
      FRAME_INDEX: [int(index) for index in frame_index],
      'image/format': [b'JPEG'],
      'image/height': [height],
      'image/width': [width],
      'image/channels': [3],
      'forward_flow/format': [b'PNG'],
      'forward_flow/height': [2 * height],
      'forward_flow/width': [width],
      'forward_flow/channels': [1],
    },
    feature_lists={
      RGB_ENCODED: rgb_encoded,
      RGB_TIMESTAMP: timestamps,
      FLOW_ENCODED: flow_encoded,
      FLOW_TIMESTAMP: timestamps[:-1],
    },
  )


def read_clip(
  record: Record, start: int = 0, num_frames: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
  """Decodes a window of a clip with NumPy.

  Args:
    record: the clip.
    start: first time step of the window.
    num_frames: length of the window; None: to the end.

  Returns:
    rgb float32 [T, H, W, 3] and flow float32 [T, H, W, 2], both in [-1, 1] and
    equally long: the last frame of the clip, which has no flow, is left out.
    Only images of the window are decoded.

  Raises:
    ValueError: the window is not inside the clip.
    InputError: the record is damaged.
  """
  rgb_encoded = _values(record.feature_lists, RGB_ENCODED, bytes)
  flow_encoded = _values(record.feature_lists, FLOW_ENCODED, bytes)
  frame_index = _values(record.context, FRAME_INDEX, int)
  _check_frame_index(frame_index, len(rgb_encoded), len(flow_encoded))
  stop = len(frame_index) - 1 if num_frames is None else start + num_frames
  if not 0 <= start < stop < len(frame_index):
    raise ValueError(f'{start}:{stop} of {len(frame_index) - 1} time steps')
  window = frame_index[start : stop + 1]
  frames = {
    i: codecs.decode_rgb(rgb_encoded[i]) for i in sorted(set(window[:-1]))
  }
  flows = {
    i: codecs.decode_flow(flow_encoded[i])
    for i, following in zip(window, window[1:])
    if following != i
  }
  sizes = {image.shape[:2] for image in (*frames.values(), *flows.values())}
  if len(sizes) > 1:
    raise errors.InputError('a record has images of several sizes')
  return expand(frames, flows, window)


def _values(features: Mapping[str, Values], key: str, kind: type) -> list[Any]:
  """Gives the values of a feature, all of which must be of one kind."""
  values = features.get(key, [])
  if not all(isinstance(value, kind) for value in values):
    raise errors.InputError(f'a record has a {key} of another kind')
  return values


def _check_frame_index(
  frame_index: Sequence[int], num_frames: int, num_flows: int
) -> None:
  """Raises InputError unless the index fits the frames and flows of a record.

  The docstring of this module says what values a frame index has.
  """
  steps = {after - i for i, after in zip(frame_index, frame_index[1:])}
  if not (
    len(frame_index) > 1
    and steps <= {0, 1}
    and frame_index[0] >= 0
    and frame_index[-1] < min(num_frames, num_flows + 1)
  ):
    raise errors.InputError(f'a record has a {FRAME_INDEX} that leads nowhere')


def expand(
  frames: Mapping[int, np.ndarray] | Sequence[np.ndarray] | np.ndarray,
  flows: Mapping[int, np.ndarray] | Sequence[np.ndarray],
  frame_index: Sequence[int] | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """Repeats distinct frames and flows as a frame index says.

  Args:
    frames: number of a distinct frame -> uint8 [H, W, 3].
    flows: number of a distinct frame -> the flow from that frame to the next
      one, float32 [H, W, 2] in [-1, 1].
    frame_index: int [T + 1], rising by 0 or 1.

  Returns:
    rgb float32 [T, H, W, 3] and flow float32 [T, H, W, 2], both in [-1, 1].
  """
  shown = frame_index[:-1]
  still = np.zeros((*frames[shown[0]].shape[:2], 2), np.float32)
  rgb = np.stack([frames[i] for i in shown])
  flow = np.stack(
    [
      flows[i] if following != i else still
      for i, following in zip(shown, frame_index[1:])
    ]
  )
  return pixels.scale_rgb(rgb), flow
