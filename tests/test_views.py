"""A view shows that part of a record which it says, and nothing else of it."""

import numpy as np
import pytest
import small_records
import tensorflow as tf

import i3d
from two_stream import recipe
from two_stream.records import schema, tfrecords, view_plan, views
from two_stream.video import codecs, pixels

STREAMS = ('rgb', 'flow')
HEIGHT, WIDTH = small_records.HEIGHT, small_records.WIDTH
SIZE = pixels.CROP_SIZE
NUM_STEPS = 13  # Of a clip of ten frames, every third of which is shown twice.


@pytest.fixture(name='serialized', scope='module')
def serialize_clip():
  return small_records.serialized_clip(0, 1)


@pytest.fixture(name='parsed', scope='module')
def parse_clip(serialized):
  return tfrecords.parse(tf.constant(serialized))


def whole_clip(serialized, stream):
  """A record's full frames in the network's range, by the NumPy reader."""
  clip = schema.read_clip(tfrecords.deserialize(serialized))
  return clip[STREAMS.index(stream)]


def shown(parsed, stream, view):
  """The pixels of a view in the network's range."""
  dataset = tf.data.Dataset.from_tensors(parsed).map(
    lambda parsed: views.decode(parsed, stream, view)
  )
  (decoded,) = dataset.as_numpy_iterator()
  assert decoded.dtype == np.uint8
  return pixels.unit_range(decoded.astype(np.float32), stream)


def without_edges(clip):
  """Leaves out columns whose colours are interpolated otherwise in a crop."""
  return clip[:, :, 2:-2]


@pytest.mark.parametrize('stream', STREAMS)
@pytest.mark.parametrize('is_flipped', [False, True])
def test_a_view_is_its_steps_crop_and_flip(
  serialized, parsed, stream, is_flipped
):
  steps, top, left = [3, 4, 5, 0, 12], 2, 9
  clip = shown(
    parsed,
    stream,
    views.View(tf.constant(steps), top, left, tf.constant(is_flipped)),
  )
  whole = whole_clip(serialized, stream)
  expected = whole[steps, top : top + SIZE, left : left + SIZE]
  if is_flipped:
    sign = np.float32([-1, 1] if stream == 'flow' else 1)
    expected = expected[:, :, ::-1] * sign
  np.testing.assert_allclose(
    without_edges(clip), without_edges(expected), atol=2e-6
  )


@pytest.mark.parametrize('stream', STREAMS)
def test_the_view_for_testing_is_the_centre_of_all_frames(
  serialized, parsed, stream
):
  clip = shown(parsed, stream, views.center(parsed))
  top, left = (HEIGHT - SIZE) // 2, (WIDTH - SIZE) // 2
  whole = whole_clip(serialized, stream)
  expected = whole[:, top : top + SIZE, left : left + SIZE]
  assert len(clip) == NUM_STEPS
  np.testing.assert_allclose(
    without_edges(clip), without_edges(expected), atol=2e-6
  )


@pytest.mark.parametrize(
  ('num_steps', 'num_shown'),
  [(4, i3d.MIN_FRAMES), (30, 30), (999, recipe.MAX_TEST_FRAMES)],
)
def test_a_test_clip_is_as_long_as_the_network_takes(
  parsed, num_steps, num_shown
):
  other = {**parsed, schema.FRAME_INDEX: tf.range(num_steps + 1)}
  assert views.num_steps(other) == num_steps
  steps = views.center(other).steps.numpy()
  assert steps.tolist() == [i % num_steps for i in range(num_shown)]


def random_view(parsed, num_frames, number, seed=7):
  return views.random(parsed, num_frames, seed, tf.constant(number, tf.int64))


def test_random_views_lie_inside_the_record_and_reach_its_ends(parsed):
  starts, tops, lefts, flips = set(), set(), set(), set()
  for number in range(300):
    view = random_view(parsed, 9, number)
    start, *_ = steps = view.steps.numpy().tolist()
    assert steps == list(range(start, start + 9))
    starts.add(start)
    tops.add(int(view.top))
    lefts.add(int(view.left))
    flips.add(bool(view.is_flipped))
  assert starts == set(range(NUM_STEPS - 9 + 1))
  assert tops == set(range(HEIGHT - SIZE + 1))
  assert lefts == set(range(WIDTH - SIZE + 1))
  assert flips == {False, True}


def test_a_random_view_is_a_function_of_seed_and_number(parsed):
  def numbers(number, seed):
    view = random_view(parsed, 9, number, seed)
    return [*view.steps.numpy(), int(view.top), int(view.left)]

  assert numbers(3, 7) == numbers(3, 7)
  assert len({tuple(numbers(number, 7)) for number in range(9)}) > 1
  assert len({tuple(numbers(3, seed)) for seed in range(9)}) > 1


@pytest.mark.parametrize('stream', STREAMS)
def test_a_short_video_is_looped(serialized, parsed, stream):
  view = random_view(parsed, 30, number=0)
  assert view.steps.numpy().tolist() == [i % NUM_STEPS for i in range(30)]
  assert len(whole_clip(serialized, stream)) == NUM_STEPS
  clip = shown(parsed, stream, view)
  np.testing.assert_array_equal(clip[:13], clip[13:26])


@pytest.mark.parametrize('stream', STREAMS)
def test_images_outside_the_window_are_not_decoded(stream):
  record = tfrecords.deserialize(small_records.serialized_clip(0, 0, 40))
  for key in (schema.RGB_ENCODED, schema.FLOW_ENCODED):
    record.feature_lists[key][-10:] = [b'damaged'] * 10
  parsed = tfrecords.parse(tf.constant(tfrecords.serialize(record)))
  window = views.View(tf.range(9), 0, 0)
  assert len(shown(parsed, stream, window)) == 9
  with pytest.raises(tf.errors.InvalidArgumentError):
    shown(parsed, stream, views.center(parsed))


@pytest.mark.parametrize('stream', STREAMS)
def test_graphs_of_tensorflow_1_decode_the_same(stream):
  """Training is written in TensorFlow 1, where == compares objects."""
  serialized = small_records.serialized_clip(0, 0)
  parsed = tfrecords.parse(tf.constant(serialized))
  expected = shown(parsed, stream, views.center(parsed))
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    parsed = tfrecords.parse(tf.constant(serialized))
    clip = views.decode(parsed, stream, views.center(parsed))
    decoded = session.run(clip).astype(np.float32)
  np.testing.assert_array_equal(pixels.unit_range(decoded, stream), expected)


def planned(record, **options):
  """All views of a record, as (steps, (top, left), whether flipped)."""
  plan = view_plan.ViewPlan(**options)
  found = []
  for number in range(plan.num_views):
    view = views.planned(record, plan, tf.constant(number, tf.int64))
    corner = int(view.top), int(view.left)
    found.append((view.steps.numpy().tolist(), corner, bool(view.is_flipped)))
  return found


def with_frames(parsed, height, width, num_steps=30):
  frame = codecs.encode_rgb(np.zeros([height, width, 3], np.uint8))
  return {
    **parsed,
    schema.FRAME_INDEX: tf.range(num_steps + 1),
    schema.RGB_ENCODED: tf.constant([frame]),
  }


@pytest.mark.parametrize(
  ('num_clips', 'clip_frames', 'starts'),
  [(1, 10, [10]), (2, 10, [0, 20]), (4, 11, [0, 6, 13, 19]), (3, 30, [0] * 3)],
)
def test_windows_are_equally_spaced_from_start_to_end(
  parsed, num_clips, clip_frames, starts
):
  """Of a clip of 30 time steps; 19 / 3 is 6.33 and 38 / 3 is 12.67."""
  record = with_frames(parsed, 256, 256)
  found = planned(record, num_clips=num_clips, clip_frames=clip_frames)
  assert [steps for steps, _, _ in found] == [
    list(range(start, start + clip_frames)) for start in starts
  ]


def test_a_clip_shorter_than_its_windows_is_repeated(parsed):
  found = planned(with_frames(parsed, 256, 256), num_clips=2, clip_frames=64)
  assert [steps for steps, _, _ in found] == [[i % 30 for i in range(64)]] * 2


@pytest.mark.parametrize(
  ('height', 'width', 'corners'),
  [
    (256, 340, [(16, 0), (16, 58), (16, 116)]),
    (340, 256, [(0, 16), (58, 16), (116, 16)]),
    (256, 256, [(16, 0), (16, 16), (16, 32)]),
  ],
)
def test_three_crops_lie_along_the_longer_side(parsed, height, width, corners):
  found = planned(with_frames(parsed, height, width), num_crops=3)
  assert [corner for _, corner, _ in found] == corners
  assert {is_flipped for _, _, is_flipped in found} == {False}
  assert all(steps == list(range(30)) for steps, _, _ in found)


def test_ten_crops_are_corners_and_centre_and_their_mirror_images(parsed):
  found = planned(
    with_frames(parsed, 256, 340), num_clips=2, clip_frames=9, num_crops=10
  )
  five = [(0, 0), (0, 116), (32, 0), (32, 116), (16, 58)]
  assert [corner for _, corner, _ in found] == five * 4
  flips = [is_flipped for _, _, is_flipped in found]
  assert flips == ([False] * 5 + [True] * 5) * 2
  assert [steps[0] for steps, _, _ in found] == [0] * 10 + [21] * 10
