"""The logits of a split: each is computed once, damaged records are named."""

import shutil

import numpy as np
import pytest
import small_networks
import small_records
import small_splits
import tensorflow as tf

from two_stream import errors
from two_stream.evaluation import data_directory, split_evaluation, split_logits
from two_stream.networks import classifier
from two_stream.records import (
  clips,
  record_index,
  schema,
  shards,
  tfrecords,
  view_plan,
)


@pytest.fixture(autouse=True)
def compile_once(monkeypatch):
  monkeypatch.setattr(classifier, 'load', small_networks.load_compiled)


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  """A data directory of four networks of three classes."""
  data = tmp_path_factory.mktemp('data')
  small_splits.write_networks(data)
  return data


@pytest.fixture(name='records_dir', scope='module')
def make_records(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_splits.write_records(folder)
  return folder


def compute(data, records_dir, output, plan=view_plan.WHOLE_CLIP, **options):
  """Computes the logits of the split; options choose the networks."""
  networks = data_directory.networks(data, **{'eval_type': 'joint', **options})
  return split_evaluation.compute(
    networks,
    small_records.CLASS_NAMES,
    records_dir,
    small_splits.SPLIT,
    output / 'parts',
    plan,
  )


@pytest.fixture(name='computed')
def compute_undisturbed(data, records_dir, tmp_path):
  """The folder that has the parts of all networks."""
  compute(data, records_dir, tmp_path / 'output')
  return tmp_path / 'output'


@pytest.fixture
def counted(monkeypatch):
  """Counts how many clips each checkpoint is asked about."""
  counts = {}
  original = classifier.load

  def load(path, scope):
    classify = original(path, scope)

    def count(clip):
      counts[path.parent.name] = counts.get(path.parent.name, 0) + len(clip)
      return classify(clip)

    return count

  monkeypatch.setattr(classifier, 'load', load)
  return counts


def test_only_what_changed_is_computed_again(
  data, records_dir, computed, tmp_path, counted
):
  """A checkpoint, then a shard, then a part that is damaged."""
  shutil.copytree(data, tmp_path / 'data')
  arguments = tmp_path / 'data', records_dir, computed
  before = compute(*arguments)
  assert counted == {}

  checkpoints = tmp_path / 'data' / 'checkpoints'
  shutil.rmtree(checkpoints / 'rgb_scratch')
  shutil.copytree(checkpoints / 'rgb_imagenet', checkpoints / 'rgb_scratch')
  after = compute(*arguments)
  assert counted == {'rgb_scratch': 8}
  old, new = (
    {network.name: values for network, values in logits.networks.items()}
    for logits in (before, after)
  )
  np.testing.assert_array_equal(new['rgb_scratch'], old['rgb_imagenet'])

  counted.clear()
  part = computed / 'parts/flow_imagenet/validation-00001-of-00003.npz'
  part.write_bytes(part.read_bytes()[:100])
  compute(*arguments)
  assert counted == {'flow_imagenet': 2}

  counted.clear()
  shutil.copytree(records_dir, tmp_path / 'records')
  arguments = tmp_path / 'data', tmp_path / 'records', tmp_path / 'other'
  compute(*arguments, eval_type='rgb', imagenet_pretrained=True)
  path = shards.find(tmp_path / 'records', small_splits.SPLIT)[2]
  tfrecords.write_shard(
    path, small_splits.serialized_clips([8, 9, 10], [10, 10, 9])
  )
  assert counted == {'rgb_imagenet': 8}
  changed = compute(*arguments, eval_type='rgb', imagenet_pretrained=True)
  assert counted == {'rgb_imagenet': 8 + 3}
  assert changed.ids.tolist() == ['0', '1', '2', '3', '4', '5', '8', '9', '10']


def test_damaged_records_are_named_and_left_out(data, tmp_path):
  paths = small_splits.write_records(tmp_path / 'records')
  index = record_index.build(paths)
  content = bytearray(paths[0].read_bytes())
  content[index.offsets[1] + 3000] ^= 255  # In an image of clip 1.
  paths[0].write_bytes(content)
  # Clip 4 has flow that does not decode; then comes no clip at all.
  record = tfrecords.deserialize(small_splits.serialized_clips([4], [10])[0])
  record.feature_lists[schema.FLOW_ENCODED][3] = b'damaged'
  tfrecords.write_shard(paths[1], [tfrecords.serialize(record), b'no clip'])
  # The last one breaks off.
  whole = paths[2].read_bytes()
  paths[2].write_bytes(whole[:-1000])

  logits = compute(
    data, tmp_path / 'records', tmp_path, imagenet_pretrained=True
  )
  assert logits.ids.tolist() == ['0', '2', '3', '6']
  assert logits.labels.tolist() == [0, 2, 0, 0]
  assert [len(values) for values in logits.networks.values()] == [4] * 2
  first, second, third = (path.name for path in paths)
  starts = record_index.build(paths).offsets
  assert logits.damaged == [
    split_logits.Damage(
      id=sample_id, shard=shard, record=record, byte=byte, breaks_off=breaks_off
    )
    for sample_id, shard, record, byte, breaks_off in (
      ('1', first, 1, int(index.offsets[1]), False),
      ('4', second, 0, 0, False),
      (None, second, 1, int(starts[5]), False),
      (None, third, 1, int(index.offsets[-1]), True),
    )
  ]


def test_the_logits_of_views_are_averaged_and_kept(data, tmp_path, counted):
  """Each view is classified here alone, and compared with the average."""
  plan = view_plan.ViewPlan(clip_frames=14, num_crops=10)
  (path,) = small_records.write(tmp_path, small_splits.SPLIT, [()])
  tfrecords.write_shard(path, small_splits.serialized_clips([0, 1], [10, 16]))
  arguments = data, tmp_path, tmp_path
  options = {'eval_type': 'rgb', 'imagenet_pretrained': False}
  compute(*arguments, **options)
  counted.clear()
  logits = compute(*arguments, plan=plan, **options)
  assert counted == {'rgb_scratch': 2 * 10}
  (found,) = logits.networks.values()
  checkpoint = data / 'checkpoints' / 'rgb_scratch' / 'model.ckpt'
  classify = classifier.load(checkpoint, 'RGB')
  index = record_index.build([path])
  sums = np.zeros([2, 3])
  for view in clips.test_clips(index, 'rgb', plan):
    alone = classify(clips.scale(view['clip'][tf.newaxis], 'rgb'))[0]
    # Moving left and Moving right swap, Resting stays.
    sums[view['record']] += alone if view['view'] < 5 else alone[[1, 0, 2]]
  np.testing.assert_allclose(found, sums / 10, atol=1e-5)
  # The first clip has 13 time steps, the second 21.
  assert logits.repeated.tolist() == [True, False]

  counted.clear()
  again = compute(*arguments, plan=plan, **options)
  np.testing.assert_array_equal(again.networks.popitem()[1], found)
  assert again.repeated.tolist() == [True, False]
  compute(*arguments, **options)  # The whole clips were kept too.
  assert counted == {}


def test_a_record_that_lacks_a_view_is_damaged(data, tmp_path):
  """The last frames are shown by the second window alone."""
  (path,) = small_records.write(tmp_path, small_splits.SPLIT, [()])
  first, second = small_splits.serialized_clips([0, 1], [30, 30])
  record = tfrecords.deserialize(first)
  record.feature_lists[schema.RGB_ENCODED][-3:] = [b'damaged'] * 3
  tfrecords.write_shard(path, [tfrecords.serialize(record), second])
  logits = compute(
    data,
    tmp_path,
    tmp_path,
    plan=view_plan.ViewPlan(num_clips=2, clip_frames=9),
    eval_type='rgb',
    imagenet_pretrained=True,
  )
  assert logits.ids.tolist() == ['1']
  assert [damage.id for damage in logits.damaged] == ['0']


def test_a_split_of_damaged_records_alone_is_an_error(data, tmp_path):
  (path,) = small_records.write(tmp_path, small_splits.SPLIT, [()])
  tfrecords.write_shard(path, [b'no clip'])
  with pytest.raises(errors.InputError, match='no record can be read'):
    compute(data, tmp_path, tmp_path, eval_type='rgb', imagenet_pretrained=True)


def unlabelled(number, frames):
  record = tfrecords.deserialize(
    small_splits.serialized_clips([number], [frames])[0]
  )
  for key in (schema.LABEL_INDEX, schema.LABEL_STRING):
    del record.context[key]
  return tfrecords.serialize(record)


def test_clips_without_a_label_are_classified_too(data, tmp_path):
  (path,) = small_records.write(tmp_path, small_splits.SPLIT, [()])
  tfrecords.write_shard(path, [unlabelled(0, 10), unlabelled(1, 10)])
  logits = compute(data, tmp_path, tmp_path, imagenet_pretrained=False)
  assert {network.name for network in logits.networks} == {
    'rgb_scratch',
    'flow_scratch',
  }
  for values in logits.networks.values():
    assert values.shape == (2, 3)
  assert logits.labels.tolist() == [schema.NO_LABEL] * 2


def test_a_label_too_large_for_int32_is_none_of_the_classes(data, tmp_path):
  (path,) = small_records.write(tmp_path, small_splits.SPLIT, [()])
  record = tfrecords.deserialize(small_splits.serialized_clips([0], [10])[0])
  record.context[schema.LABEL_INDEX] = [2**32 + 1]
  tfrecords.write_shard(path, [tfrecords.serialize(record)])
  with pytest.raises(
    errors.InputError, match=f'label {2**31 - 1} and the networks 3'
  ):
    compute(data, tmp_path, tmp_path, eval_type='rgb', imagenet_pretrained=True)
