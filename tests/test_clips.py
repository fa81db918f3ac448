"""Clips show what the records hold, in an order that anyone can recompute."""

import numpy as np
import pytest
import small_records
import tensorflow as tf

from two_stream.datasets import mirroring
from two_stream.records import (
  clips,
  record_index,
  schema,
  tfrecords,
  view_plan,
)

FRAMES = 9
STREAMS = ('rgb', 'flow')
ALONE = clips.Turn()


@pytest.fixture(name='index', scope='module')
def make_index(tmp_path_factory):
  paths = small_records.write(tmp_path_factory.mktemp('records'))
  return record_index.build(paths)


def reading(index, stream='rgb', num_frames=FRAMES, seed=7, flips=(1, 0, 2)):
  return clips.Reading(
    records=index,
    stream=stream,
    num_frames=num_frames,
    flipped_labels=list(flips),
    seed=seed,
  )


def batches(read, count, batch_size=1, turn=ALONE, first=0):
  dataset = clips.training_clips(
    read, batch_size, turn, tf.constant(first, tf.int64)
  )
  return list(dataset.take(count).as_numpy_iterator())


@pytest.fixture(name='alone', scope='module')
def read_alone(index):
  """Stream -> the first 20 clips of a single replica, in batches of one."""
  return {stream: batches(reading(index, stream), 20) for stream in STREAMS}


def whole_clip(index, record, stream):
  """A record's full frames in the network's range, by the NumPy reader."""
  dataset = tf.data.Dataset.from_tensors(record).flat_map(index.read)
  (serialized,) = dataset.as_numpy_iterator()
  return schema.read_clip(tfrecords.deserialize(serialized))[
    STREAMS.index(stream)
  ]


def find(clip, whole, tolerance):
  """Where a clip was cut out of a video: [(start, top, left, flipped)]."""
  length, height, width, channels = whole.shape
  sign = np.array([-1, 1] if channels == 2 else 1, np.float32)
  found = []
  for flipped in (False, True):
    cut = clip[:, :, ::-1] * sign if flipped else clip
    for start in range(max(length - len(clip), 0) + 1):
      steps = (start + np.arange(len(clip))) % length
      for top in range(height - 224 + 1):
        for left in range(width - 224 + 1):
          part = whole[steps[0], top : top + 224, left : left + 224]
          # Colours at a crop's edge are interpolated otherwise.
          if np.abs(part - cut[0])[:, 2:-2].max() > tolerance:
            continue
          parts = whole[steps, top : top + 224, left : left + 224]
          if np.abs(parts - cut)[:, :, 2:-2].max() <= tolerance:
            found.append((start, top, left, flipped))
  return found


@pytest.mark.parametrize('stream', STREAMS)
def test_a_clip_is_one_window_crop_and_flip_of_its_record(index, alone, stream):
  """And the flip swaps the labels of left and right."""
  flips = set()
  for batch in alone[stream][:6]:
    whole = whole_clip(index, batch['record'][0], stream)
    clip = clips.scale(batch['clip'][0], stream).numpy()
    ((*_, flipped),) = find(clip, whole, 2e-6)
    label = batch['record'][0] % 3
    assert batch['label'][0] == ([1, 0, 2][label] if flipped else label)
    assert clip.shape == (FRAMES, 224, 224, 3 if stream == 'rgb' else 2)
    flips.add(flipped)
  assert flips == {True, False}


def test_both_streams_see_the_same_windows_crops_and_flips(index, alone):
  places = {}
  for stream in STREAMS:
    places[stream] = [
      find(
        clips.scale(batch['clip'][0], stream).numpy(),
        whole_clip(index, batch['record'][0], stream),
        2e-6,
      )
      for batch in alone[stream][:5]
    ]
  assert places['rgb'] == places['flow']
  starts, tops, lefts, _ = zip(*(place for (place,) in places['rgb']))
  assert len(set(starts)) > 1 and len(set(tops)) > 1 and len(set(lefts)) > 1


def test_a_class_that_cannot_be_flipped_is_not(index):
  flips = (mirroring.CANNOT_FLIP,) * 3
  for batch in batches(reading(index, flips=flips), 6):
    whole = whole_clip(index, batch['record'][0], 'rgb')
    clip = clips.scale(batch['clip'][0], 'rgb').numpy()
    assert not find(clip, whole, 2e-6)[0][-1]
    assert batch['label'][0] == batch['record'][0] % 3


def test_an_epoch_shows_every_record_once_and_each_in_another_order(alone):
  order = [batch['record'][0] for batch in alone['rgb']]
  epochs = [order[i : i + 5] for i in range(0, 20, 5)]
  assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
  assert len({tuple(epoch) for epoch in epochs}) > 1


def test_replicas_take_turns_at_the_clips_of_one(index, alone):
  shared = [batches(reading(index), 2, 2, clips.Turn(i, 3)) for i in range(3)]
  for i, parts in enumerate(shared):
    numbers = np.concatenate([part['number'] for part in parts])
    assert numbers.tolist() == list(range(i, 12, 3))
    for number, clip in zip(
      numbers, np.concatenate([p['clip'] for p in parts])
    ):
      np.testing.assert_array_equal(clip, alone['rgb'][number]['clip'][0])


@pytest.mark.parametrize('replicas, per_step', [(1, 3), (2, 4), (3, 4)])
def test_a_step_has_the_same_minibatches_for_any_replicas(
  index, alone, replicas, per_step
):
  """The minibatches of step 1, by their clips' numbers and pixels."""
  size = 2
  shares = [clips.Share(i, replicas, per_step) for i in range(replicas)]
  found = []
  for share in shares:
    dataset = clips.shared_clips(reading(index), size, share, 1)
    found.extend(dataset.take(share.size).as_numpy_iterator())
  assert sum(share.size for share in shares) == per_step
  numbers = sorted(each['number'].tolist() for each in found)
  first = per_step * size
  assert numbers == [[n, n + 1] for n in range(first, 2 * first, size)]
  for each in found:
    for number, clip in zip(each['number'], each['clip']):
      if number < len(alone['rgb']):
        np.testing.assert_array_equal(clip, alone['rgb'][number]['clip'][0])


def test_reading_continues_at_any_batch(index, alone):
  continued = batches(reading(index), 2, 2, first=2)
  for number, batch in zip((4, 6), continued, strict=True):
    first, second = alone['rgb'][number : number + 2]
    for key, value in batch.items():
      expected = np.concatenate([first[key], second[key]])
      np.testing.assert_array_equal(value, expected)


def test_another_seed_gives_other_clips(index, alone):
  ours = alone['rgb'][:5]
  theirs = batches(reading(index, seed=1), 5)
  assert any((a['clip'] != b['clip']).any() for a, b in zip(ours, theirs))


@pytest.mark.parametrize('stream', STREAMS)
def test_a_test_clip_is_the_centre_of_all_frames(index, stream):
  elements = list(clips.test_clips(index, stream).as_numpy_iterator())
  assert [element['record'] for element in elements] == [0, 1, 2, 3, 4]
  assert [element['label'] for element in elements] == [0, 1, 2, 0, 1]
  for element in elements:
    whole = whole_clip(index, element['record'], stream)
    clip = clips.scale(element['clip'], stream).numpy()
    centre = whole[:, 1:225, 8:232]
    np.testing.assert_allclose(clip[:, :, 2:-2], centre[:, :, 2:-2], atol=2e-6)


@pytest.mark.parametrize('stream', STREAMS)
def test_views_of_a_plan_are_parts_of_the_whole_clip(index, stream):
  """Two windows of nine frames of each clip of 13, in ten crops."""
  plan = view_plan.ViewPlan(num_clips=2, clip_frames=9, num_crops=10)
  seen = []
  for element in clips.test_clips(index, stream, plan).as_numpy_iterator():
    record, number = element['record'], element['view']
    seen.append((record, number))
    assert not element['is_repeated']
    if record in (0, 4):
      whole = whole_clip(index, record, stream)
      start = (0, 4)[number // 10]
      top, left = [(0, 0), (0, 16), (2, 0), (2, 16), (1, 8)][number % 5]
      expected = whole[start:, top:, left:][:9, :224, :224]
      if number % 10 >= 5:
        sign = np.float32([-1, 1] if stream == 'flow' else 1)
        expected = expected[:, :, ::-1] * sign
      clip = clips.scale(element['clip'], stream).numpy()
      np.testing.assert_allclose(
        clip[:, :, 2:-2], expected[:, :, 2:-2], atol=2e-6
      )
  assert sorted(seen) == [(n, view) for n in range(5) for view in range(20)]


def test_a_clip_shorter_than_its_windows_says_so(index):
  plan = view_plan.ViewPlan(clip_frames=14)
  for element in clips.test_clips(index, 'rgb', plan).as_numpy_iterator():
    assert element['is_repeated']
    assert len(element['clip']) == 14


def test_a_damaged_record_is_replaced_and_told(tmp_path):
  path, _ = small_records.write(tmp_path)
  whole = record_index.build([path])
  undamaged = batches(reading(whole), 6)
  content = bytearray(path.read_bytes())
  content[whole.offsets[1] + 500] ^= 255
  path.write_bytes(content)
  damaged = batches(reading(record_index.build([path])), 6)
  for ours, theirs in zip(damaged, undamaged):
    assert ours['record'] == theirs['record']
    is_damaged = ours['record'][0] == 1
    assert (ours['attempts'][0] > 0) == is_damaged
    assert (ours['clip'] == theirs['clip']).all() != is_damaged
  tested = clips.test_clips(record_index.build([path]), 'rgb')
  assert [each['record'] for each in tested.as_numpy_iterator()] == [0, 2]


def test_an_image_that_does_not_decode_costs_its_record_alone(tmp_path):
  record = tfrecords.deserialize(small_records.serialized_clip(0, 0))
  record.feature_lists[schema.RGB_ENCODED][:] = [b'damaged'] * 10
  good = small_records.serialized_clip(1, 1)
  tfrecords.write_shard(tmp_path / 'shard', [tfrecords.serialize(record), good])
  index = record_index.build([tmp_path / 'shard'])
  for batch in batches(reading(index), 4):
    assert (batch['attempts'][0] > 0) == (batch['record'][0] == 0)


def test_a_shard_that_goes_away_costs_its_records_alone(tmp_path):
  first, second = small_records.write(tmp_path)
  index = record_index.build([first, second])
  second.unlink()
  for batch in batches(reading(index), 10):
    assert (batch['attempts'][0] > 0) == (batch['record'][0] in (3, 4))
  tested = clips.test_clips(index, 'rgb')
  assert [each['record'] for each in tested.as_numpy_iterator()] == [0, 1, 2]


def test_data_that_is_all_damaged_is_an_error(tmp_path):
  tfrecords.write_shard(tmp_path / 'shard', [b'no example'] * 3)
  with pytest.raises(tf.errors.InvalidArgumentError):
    batches(reading(record_index.build([tmp_path / 'shard'])), 1)
