"""One clip as a `tf.train.SequenceExample`: what is written and how it is read.

The keys are those of MediaPipe's MediaSequence, which DMVR and Scenic read too.
A shard is a TFRecord file of such examples.

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

Why distinct frames: 12 frames a second shown at 25 repeat about every second
one, and the flow between a frame and its repetition is zero. Each frame and
flow is stored once; `clip/frame_index` (our own key, as `preprocessing/` is)
expands them. It rises by 0 or 1: the flow at position t is the stored flow
number `frame_index[t]` where the index rises, and zero where it does not.

Encoding needs OpenCV alone and runs in the worker processes. TensorFlow, which
frames and parses the records, is imported by the functions that do so, because
it would cost each worker 3 seconds and half a gigabyte.
"""

from typing import NamedTuple

import numpy as np

from two_stream import errors, files
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


class Record(NamedTuple):
  """A clip ready to be written; plain values that cross process borders.

  Attributes:
    context: key -> list of bytes or int.
    feature_lists: key -> list of bytes or int, one per time step.
  """

  context: dict
  feature_lists: dict


def encode(frames, flows, timestamps, frame_index, context):
  """Compresses the distinct frames and flows of a clip.

  Args:
    frames: uint8 [U, H, W, 3], RGB.
    flows: iterable of U - 1 float32 [H, W, 2], pixels, (x, y).
    timestamps: int [U], microseconds.
    frame_index: int [K], rising by 0 or 1 from 0 to U - 1.
    context: further context features, key -> list.

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


def serialize(record):
  """Turns a `Record` into the bytes of a tf.train.SequenceExample.

  Equal records give equal bytes.
  """
  import tensorflow as tf  # noqa: PLC0415 (see the docstring of this module)

  def feature(values):
    if isinstance(values[0], bytes):
      return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

  example = tf.train.SequenceExample(
    context=tf.train.Features(
      feature={key: feature(value) for key, value in record.context.items()}
    ),
    feature_lists=tf.train.FeatureLists(
      feature_list={
        key: tf.train.FeatureList(feature=[feature([step]) for step in steps])
        for key, steps in record.feature_lists.items()
      }
    ),
  )
  return example.SerializeToString(deterministic=True)


def deserialize(serialized):
  """Turns the bytes of `serialize` back into the same `Record`.

  Raises:
    InputError: they are no SequenceExample, or one of its steps is empty.
  """
  import tensorflow as tf  # noqa: PLC0415
  from google.protobuf import message  # noqa: PLC0415

  def values(feature):
    kind = feature.WhichOneof('kind')
    return list(getattr(feature, kind).value) if kind else []

  def first(feature):
    for value in values(feature):
      return value
    raise errors.InputError('a record has a step without a value')

  try:
    example = tf.train.SequenceExample.FromString(serialized)
  except message.DecodeError as error:
    raise errors.InputError(
      f'a record is no SequenceExample: {error}'
    ) from None
  context = example.context.feature
  lists = example.feature_lists.feature_list
  return Record(
    context={key: values(context[key]) for key in context},
    feature_lists={
      key: [first(step) for step in lists[key].feature] for key in lists
    },
  )


def clip_id(serialized):
  """Reads the id of a clip.

  Args:
    serialized: bytes of one example.

  Returns:
    A str, unchecked; see `something_something.check_id`.

  Raises:
    InputError: as `deserialize`, and if there is no id.
  """
  values = deserialize(serialized).context.get(ID)
  try:
    (encoded,) = values
    return encoded.decode()
  except (TypeError, ValueError, AttributeError):
    raise errors.InputError('a record has no id') from None


def write_shard(path, examples):
  """Writes a shard that takes its name only once it is complete.

  Args:
    path: the file.
    examples: iterable of serialized examples.

  Raises:
    InputError: the disk is full or otherwise cannot be written.
  """
  import tensorflow as tf  # noqa: PLC0415

  try:
    # TensorFlow opens files by name. This name is the open file's, whatever
    # somebody may have put where it lies.
    with (
      files.atomic_open(path) as stream,
      tf.io.TFRecordWriter(f'/proc/self/fd/{stream.fileno()}') as writer,
    ):
      for example in examples:
        writer.write(example)
  except (OSError, tf.errors.OpError) as error:
    raise errors.InputError(
      f'{path}: cannot be written: {error}; make room or repair, then run '
      'again: complete shards are kept'
    ) from error


def read_shard(path):
  """Yields the serialized examples of a shard.

  Raises:
    InputError: the file is missing or damaged.
  """
  import tensorflow as tf  # noqa: PLC0415

  try:
    yield from tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
  except tf.errors.OpError as error:
    raise errors.InputError(
      f'{path}: not a whole shard: {error}; remove it and preprocess again'
    ) from error


def parse(serialized):
  """Parses one example inside a TensorFlow graph, without decoding images.

  Args:
    serialized: string tensor [].

  Returns:
    A dict of tensors: ID, DATA_PATH and LABEL_STRING string [], LABEL_INDEX
    int64 [] (NO_LABEL where there is none), FRAME_INDEX int64 [K], RGB_ENCODED
    string [U], FLOW_ENCODED string [U - 1]. The clip has K - 1 time steps: the
    last frame has no flow. See the docstring of this module.
  """
  import tensorflow as tf  # noqa: PLC0415

  def one(dtype, default=None):
    return tf.io.FixedLenFeature([], dtype, default)

  one_a_step = tf.io.FixedLenSequenceFeature([], tf.string)
  context, feature_lists = tf.io.parse_single_sequence_example(
    serialized,
    context_features={
      ID: one(tf.string),
      DATA_PATH: one(tf.string),
      LABEL_INDEX: one(tf.int64, NO_LABEL),
      LABEL_STRING: one(tf.string, ''),
      FRAME_INDEX: tf.io.RaggedFeature(tf.int64),
    },
    sequence_features={RGB_ENCODED: one_a_step, FLOW_ENCODED: one_a_step},
  )
  return {**context, **feature_lists}


def read_clip(serialized, start=0, num_frames=None):
  """Decodes a window of a clip with NumPy.

  Args:
    serialized: bytes of one example.
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
  record = deserialize(serialized)
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


def _values(features, key, kind):
  """The values of a feature of a `Record`, which must be of one kind."""
  values = features.get(key, [])
  if not all(isinstance(value, kind) for value in values):
    raise errors.InputError(f'a record has a {key} of another kind')
  return values


def _check_frame_index(frame_index, num_frames, num_flows):
  """Raises InputError unless it is as the docstring of this module says."""
  steps = {after - i for i, after in zip(frame_index, frame_index[1:])}
  if not (
    len(frame_index) > 1
    and steps <= {0, 1}
    and frame_index[0] >= 0
    and frame_index[-1] < min(num_frames, num_flows + 1)
  ):
    raise errors.InputError(f'a record has a {FRAME_INDEX} that leads nowhere')


def expand(frames, flows, frame_index):
  """Repeats distinct frames and flows as `frame_index` tells.

  Args:
    frames: number of the frame -> uint8 [H, W, 3]; a dict or an array.
    flows: the same for float32 [H, W, 2] in [-1, 1]: number i holds the flow
      from frame i to frame i + 1.
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
