"""A record: what is stored of one clip, and how a clip is read from it.

The keys are those of MediaPipe's MediaSequence, which DMVR and Scenic read too.
A shard is a TFRecord file of such records.

    context
      example/id            "78687"
      example/dataset_name  "something_something"
      clip/data_path        "78687.webm", within the folder of videos
      clip/start/timestamp, clip/end/timestamp   of the clip, microseconds
      clip/label/index      26; absent where the label is not public
      clip/label/string     "Holding something next to something"
      clip/label/text       the same, under the key that DMVR reads
      clip/frame_index      which stored frame each frame of the clip shows
      image/frame_rate      frames per second of the clip
      {image,FORWARD_FLOW/image}/{format,height,width,channels}
      preprocessing/parameters   JSON: every parameter and library version
      preprocessing/notes        what was done to an unusual video
      preprocessing/damage       what was wrong with its file
    feature lists
      image/encoded         the U distinct frames: RGB, JPEG of quality 95
      image/timestamp       their times in the source, microseconds
      FORWARD_FLOW/image/encoded    the U - 1 flows between them: PNG of three
                            channels: x displacement, y displacement, 0
      FORWARD_FLOW/image/timestamp  time of the first of the two frames

The keys of the flow are absent from records of RGB alone.

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
DATA_SET = 'example/dataset_name'
DATA_PATH = 'clip/data_path'
LABEL_INDEX = 'clip/label/index'
LABEL_STRING = 'clip/label/string'
LABEL_TEXT = 'clip/label/text'
START = 'clip/start/timestamp'
END = 'clip/end/timestamp'
FRAME_RATE = 'image/frame_rate'
FRAME_INDEX = 'clip/frame_index'
PARAMETERS = 'preprocessing/parameters'
NOTES = 'preprocessing/notes'
DAMAGE = 'preprocessing/damage'
RGB_ENCODED = 'image/encoded'
RGB_TIMESTAMP = 'image/timestamp'
FLOW_ENCODED = 'FORWARD_FLOW/image/encoded'
FLOW_TIMESTAMP = 'FORWARD_FLOW/image/timestamp'
# The key of the flow before schema version 2. Its images were gray.
OLD_FLOW_ENCODED = 'forward_flow/encoded'
NO_LABEL = -1

# All of one kind: bytes, int or float.
Values = list[bytes] | list[int] | list[float] | list[bytes | int | float]


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
  flows: Iterable[np.ndarray] | None,
  timestamps: Iterable[int],
  frame_index: Iterable[int],
  context: Mapping[str, Values],
) -> Record:
  """Compresses the distinct frames and flows of a clip.

  Args:
    frames: uint8 [U, H, W, 3], RGB.
    flows: U - 1 arrays float32 [H, W, 2], (x, y) in pixels; None to leave the
      flow out.
    timestamps: int [U], microseconds.
    frame_index: int [K], rising by 0 or 1 from 0 to U - 1.
    context: further features of the whole clip.

  Returns:
    A `Record`.
  """
  height, width = frames.shape[1:3]
  timestamps = [int(timestamp) for timestamp in timestamps]
  all_context: dict[str, Values] = {
    **context,
    FRAME_INDEX: [int(index) for index in frame_index],
    START: timestamps[:1],
    END: timestamps[-1:],
    **_describe_images('image', b'JPEG', height, width),
  }
  lists: dict[str, Values] = {
    RGB_ENCODED: [codecs.encode_rgb(frame) for frame in frames],
    RGB_TIMESTAMP: timestamps,
  }
  if flows is not None:
    all_context.update(
      _describe_images('FORWARD_FLOW/image', b'PNG', height, width)
    )
    lists[FLOW_ENCODED] = [codecs.encode_flow(flow) for flow in flows]
    lists[FLOW_TIMESTAMP] = timestamps[:-1]
  return Record(context=all_context, feature_lists=lists)


def _describe_images(
  prefix: str, kind: bytes, height: int, width: int
) -> dict[str, Values]:
  """Makes the features that describe the images of a stream."""
  return {
    f'{prefix}/format': [kind],
    f'{prefix}/height': [height],
    f'{prefix}/width': [width],
    f'{prefix}/channels': [3],
  }


def notes(record: Record) -> list[str]:
  """Returns what was done to make a good clip of an unusual video."""
  return [
    note.decode(errors='replace')
    for note in _values(record.context, NOTES, bytes)
  ]


def check_kind(record: Record, stream: str) -> None:
  """Raises InputError if a record cannot serve a stream, with the remedy.

  Args:
    record: a record of any origin.
    stream: 'rgb' or 'flow'.
  """
  if OLD_FLOW_ENCODED in record.feature_lists:
    raise errors.InputError(
      'was made by an older version of this program, whose flow other programs '
      'read wrongly; make the records again, in a new folder'
    )
  if stream == 'flow' and not record.feature_lists.get(FLOW_ENCODED):
    raise errors.InputError(
      'has no optical flow; use the RGB stream alone (--stream=rgb, '
      '--eval_type=rgb), or make the records with --streams=rgb,flow'
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
  rgb_encoded, flow_encoded, frame_index = stored_images(record, 'flow')
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


def stored_images(
  record: Record, stream: str
) -> tuple[list[bytes], list[bytes], list[int]]:
  """Returns the images of a record, and when each of them is shown.

  Args:
    record: the clip.
    stream: 'rgb', or 'flow' if the flow is needed, too.

  Returns:
    (the frames, U or more; the flows, which may be absent without need; the
    frame index, int [K]).

  Raises:
    InputError: the record is damaged or has no flow.
  """
  check_kind(record, stream)
  frames = _values(record.feature_lists, RGB_ENCODED, bytes)
  flows = _values(record.feature_lists, FLOW_ENCODED, bytes)
  frame_index = _values(record.context, FRAME_INDEX, int) or [
    *range(len(frames))
  ]
  num_flows = len(flows) if stream == 'flow' else len(frames) - 1
  _check_frame_index(frame_index, len(frames), num_flows)
  return frames, flows, frame_index


def seconds(record: Record) -> list[float]:
  """Returns the time of each stored frame, in seconds of its video."""
  return [
    time / 1_000_000
    for time in _values(record.feature_lists, RGB_TIMESTAMP, int)
  ]


def damage(record: Record) -> str:
  """Returns what was wrong with the file of a clip; '' if it was whole."""
  values = _values(record.context, DAMAGE, bytes)
  return ' and '.join(value.decode(errors='replace') for value in values)


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
  rgb = np.stack([frames[i] for i in frame_index[:-1]])
  return pixels.scale_rgb(rgb), expand_flow(flows, frame_index, rgb.shape[1:3])


def expand_flow(
  flows: Mapping[int, np.ndarray] | Sequence[np.ndarray],
  frame_index: Sequence[int] | np.ndarray,
  size: tuple[int, ...],
) -> np.ndarray:
  """Repeats distinct flows; where a frame is repeated, the flow is zero.

  Args:
    flows: see `expand`.
    frame_index: see `expand`.
    size: (height, width) of the flows.

  Returns:
    float32 [T, H, W, 2] in [-1, 1].
  """
  still = np.zeros((*size, 2), np.float32)
  return np.stack(
    [
      flows[i] if following != i else still
      for i, following in zip(frame_index, frame_index[1:])
    ]
  )
