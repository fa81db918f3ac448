"""Records as TensorFlow's bytes: one clip is a `tf.train.SequenceExample`.

A shard is a TFRecord file of such examples. schema.py says what a record holds,
and how its images are encoded, without TensorFlow.
"""

import contextlib
from collections.abc import Iterable, Iterator

import tensorflow as tf
from google.protobuf import message

from two_stream import errors, files
from two_stream.records import schema, shards


def serialize(record: schema.Record) -> bytes:
  """Turns a record into the bytes of a `tf.train.SequenceExample`.

  Equal records give equal bytes.
  """

  def feature(values: schema.Values) -> tf.train.Feature:
    if isinstance(values[0], bytes):
      return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
      return tf.train.Feature(float_list=tf.train.FloatList(value=values))
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


def deserialize(serialized: bytes) -> schema.Record:
  """Turns the bytes that `serialize` made back into the same record.

  Raises:
    InputError: the bytes are no SequenceExample, or one of its time steps has
      no value.
  """

  def values(feature: tf.train.Feature) -> schema.Values:
    kind = feature.WhichOneof('kind')
    return list(getattr(feature, kind).value) if kind else []

  def first(feature: tf.train.Feature) -> bytes | int | float:
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
  return schema.Record(
    context={key: values(context[key]) for key in context},
    feature_lists={
      key: [first(step) for step in lists[key].feature] for key in lists
    },
  )


def clip_id(serialized: bytes) -> str:
  """Reads the id of a clip.

  Args:
    serialized: the bytes of one example.

  Returns:
    The id, which is not checked; see `data_set.check_id`.

  Raises:
    InputError: the bytes are no record, or the record has no id.
  """
  values = deserialize(serialized).context.get(schema.ID, [])
  if len(values) == 1 and isinstance(values[0], bytes):
    with contextlib.suppress(UnicodeDecodeError):
      return values[0].decode()
  raise errors.InputError('a record has no id')


def write_shard(path: files.PathLike, examples: Iterable[bytes]) -> None:
  """Writes a shard, which takes its name only once it is complete.

  Args:
    path: the file.
    examples: serialized examples.

  Raises:
    InputError: the file cannot be written, for instance because the disk is
      full.
  """
  # TensorFlow opens files by their names. The name that is given here always
  # means the open file, even if somebody has put another one in its place.
  with (
    files.errors_of_writing(
      path, shards.REMEDY_OF_WRITING, (OSError, tf.errors.OpError)
    ),
    files.atomic_open(path) as stream,
    tf.io.TFRecordWriter(f'/proc/self/fd/{stream.fileno()}') as writer,
  ):
    for example in examples:
      writer.write(example)


def read_shard(path: files.PathLike) -> Iterator[bytes]:
  """Yields the serialized examples of a shard.

  Raises:
    InputError: the file is missing or damaged.
  """
  try:
    yield from tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
  except tf.errors.OpError as error:
    raise errors.InputError(
      f'{path}: not a whole shard: {error}; remove it and preprocess again'
    ) from error


def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
  """Parses one example inside a TensorFlow graph, without decoding images.

  Records of other programs may lack all but the frames. Those of MediaPipe and
  DMVR show each of their frames once.

  Args:
    serialized: string [].

  Returns:
    Key -> tensor, where the keys are constants of schema.py: ID, DATA_PATH and
    LABEL_STRING string [], '' if the record has none; LABEL_INDEX int64 [],
    which is NO_LABEL if the record has no label; FRAME_INDEX int64 [K];
    RGB_ENCODED string [U]; FLOW_ENCODED string [U - 1], or [0] if the record
    has no flow. The clip has K - 1 time steps, because the last frame has no
    flow.
  """

  def one(dtype: tf.DType, default: int | str) -> tf.io.FixedLenFeature:
    return tf.io.FixedLenFeature([], dtype, default)

  context, feature_lists = tf.io.parse_single_sequence_example(
    serialized,
    context_features={
      schema.ID: one(tf.string, ''),
      schema.DATA_PATH: one(tf.string, ''),
      schema.LABEL_INDEX: one(tf.int64, schema.NO_LABEL),
      schema.LABEL_STRING: one(tf.string, ''),
      schema.FRAME_INDEX: tf.io.RaggedFeature(tf.int64),
    },
    sequence_features={
      schema.RGB_ENCODED: tf.io.FixedLenSequenceFeature([], tf.string),
      schema.FLOW_ENCODED: tf.io.FixedLenSequenceFeature(
        [], tf.string, allow_missing=True
      ),
    },
  )
  index = context[schema.FRAME_INDEX]
  num_frames = tf.size(feature_lists[schema.RGB_ENCODED], tf.int64)
  context[schema.FRAME_INDEX] = tf.cond(
    tf.size(index) > 0, lambda: index, lambda: tf.range(num_frames)
  )
  return {**context, **feature_lists}
