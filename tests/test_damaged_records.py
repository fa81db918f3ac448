"""No record is a traceback, whatever its bytes: it is damaged, or a clip."""

import functools

import cv2
import damage
import numpy as np
import pytest
import small_records
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from two_stream import errors
from two_stream.records import clips, schema, tfrecords, view_plan

FRAMES = 9
CLASSES = 3
STREAMS = ('rgb', 'flow')
INT32 = -(2**31), 2**31 - 1
CHANNELS = {'rgb': 3, 'flow': 2}


@pytest.fixture(name='serialized', scope='module')
def serialize_clip():
  return small_records.serialized_clip(0, 1)


@pytest.fixture(autouse=True, scope='module')
def run_graphs_as_written():
  """As tf.data does; TensorFlow 2.21 rewrites 0 - x of uint8 to no kernel."""
  options = tf.config.optimizer.get_experimental_options()
  tf.config.optimizer.set_experimental_options({'disable_meta_optimizer': True})
  yield
  tf.config.optimizer.set_experimental_options(
    {'disable_meta_optimizer': False, **options}
  )


@functools.cache
def reader(stream, training):
  """What `clips` makes of a serialized record, in a graph made once."""
  reading = clips.Reading(
    records=None,
    stream=stream,
    num_frames=FRAMES,
    flipped_labels=[1, 0, 2],
    seed=3,
  )

  @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
  def read(serialized):
    if training:
      number = tf.constant(5, tf.int64)
      return clips._random_clip(reading, number, tfrecords.parse(serialized))
    zero = tf.constant(0, tf.int64)
    parsed = tfrecords.parse(serialized)
    return clips._test_clip(stream, view_plan.WHOLE_CLIP, zero, parsed, zero)

  return read


def read_clip(serialized):
  return schema.read_clip(tfrecords.deserialize(serialized))


def check(serialized):
  """Reads a record in all ways; says of each whether it is a clip."""
  whole = []
  for read in (tfrecords.deserialize, tfrecords.clip_id, read_clip):
    try:
      read(serialized)
    except errors.InputError as error:
      assert '\n' not in str(error)
    else:
      whole.append(read.__name__)
  for stream in STREAMS:
    for training in (False, True):
      try:
        element = reader(stream, training)(serialized)
      except tf.errors.OpError:
        continue
      whole.append((stream, training))
      length, *shape = element['clip'].shape
      assert shape == [224, 224, CHANNELS[stream]]
      assert length == FRAMES if training else 9 <= length <= 250
      label = int(element['label'])
      if training:
        assert 0 <= label < CLASSES
      else:
        assert label == np.clip(written_label(serialized), *INT32)
  return whole


def written_label(serialized):
  parsed = tfrecords.parse(serialized)
  return int(parsed[schema.LABEL_INDEX])


FUZZ = functools.partial(
  settings,
  deadline=None,
  suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_the_whole_record_is_a_clip_in_all_ways(serialized):
  assert check(serialized) == [
    *('deserialize', 'clip_id', 'read_clip'),
    *((stream, training) for stream in STREAMS for training in (False, True)),
  ]


@pytest.mark.parametrize(
  'examples', [60, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_bytes_that_are_damaged(serialized, examples):
  """Between the images too, of which most of the bytes are."""

  @FUZZ(max_examples=examples)
  # The first image and the features that are no images are in the head.
  @example(b'')
  @given(damage.damaged(serialized, head=2000) | st.binary(max_size=100))
  def run(content):
    check(content)

  run()


def image(height, width, extension, channels=1):
  rng = np.random.default_rng([height, width])
  shape = [height, width, channels] if channels > 1 else [height, width]
  return cv2.imencode(extension, rng.integers(0, 256, shape, np.uint8))[
    1
  ].tobytes()


IMAGES = [
  b'',
  b'damaged',
  *(
    image(height, width, extension, channels)
    for height, width in [(1, 1), (226, 240), (452, 240), (448, 224), (100, 90)]
    for extension in ('.jpg', '.png')
    for channels in (1, 3)
  ),
  image(452, 240, '.png', 4),
  image(452, 240, '.bmp'),
  image(224, 224, '.jpg')[:-900],
  cv2.imencode('.png', np.zeros([452, 240], np.uint16))[1].tobytes(),
]
NUMBERS = st.integers(-2, 12) | st.sampled_from(
  [2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**63 - 1, -(2**63), -(2**31) - 1]
)
VALUES = (
  st.lists(NUMBERS, max_size=14)
  | st.lists(st.integers(0, 9), min_size=2, max_size=300).map(sorted)
  | st.lists(st.sampled_from(IMAGES), max_size=11)
)
CONTEXT = (
  schema.ID,
  schema.DATA_PATH,
  schema.LABEL_INDEX,
  schema.LABEL_STRING,
  schema.FRAME_INDEX,
)
LISTS = (schema.RGB_ENCODED, schema.FLOW_ENCODED)


def with_features(record, changes):
  """A serialized record with other features: key -> values, None for none."""
  context, lists = dict(record.context), dict(record.feature_lists)
  for key, values in changes.items():
    features = context if key in CONTEXT else lists
    del features[key]
    if values or (values is not None and key in LISTS):
      features[key] = values
  return tfrecords.serialize(schema.Record(context, lists))


@pytest.mark.parametrize(
  'examples', [60, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_features_of_other_kinds_numbers_and_sizes(serialized, examples):
  record = tfrecords.deserialize(serialized)
  frames = record.feature_lists[schema.RGB_ENCODED]

  @FUZZ(max_examples=examples)
  @example({schema.LABEL_INDEX: [2**32 + 1]})
  @example({schema.LABEL_INDEX: [-5]})
  @example({schema.FRAME_INDEX: [0]})
  @example({schema.FRAME_INDEX: None})
  @example({schema.FLOW_ENCODED: [image(200, 240, '.png')] * 9})
  @example({schema.FLOW_ENCODED: [image(448, 224, '.png')] * 9})
  @example(
    {
      schema.FRAME_INDEX: [*range(10)],  # No flow is zero, so all are alike.
      schema.FLOW_ENCODED: [image(226, 240, '.png')] * 9,
    }
  )
  @example({schema.RGB_ENCODED: [frames[0], *[IMAGES[2]] * 9]})
  @given(
    st.dictionaries(
      st.sampled_from([*CONTEXT, *LISTS]),
      st.none() | VALUES,
      min_size=1,
      max_size=3,
    )
  )
  def run(changes):
    check(with_features(record, changes))

  run()
