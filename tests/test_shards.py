"""A split is distributed over shards once and for all."""

import pytest

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.records import shards


def sample(sample_id, label):
  return data_set.Sample(id=sample_id, path=f'{sample_id}.webm', label=label)


SAMPLES = [sample(str(i), 'ab'[i > 50]) for i in range(101)]
SETTINGS = {'frames_per_second': 25}


def test_every_sample_is_in_one_shard_of_about_equal_size():
  plan = shards.plan('train', SAMPLES, shard_size=10)
  assert len(plan) == 11
  assert {len(shard.samples) for shard in plan} == {9, 10}
  planned = [sample for shard in plan for sample in shard.samples]
  assert sorted(planned) == sorted(SAMPLES)
  assert plan[3].name == 'train-00003-of-00011'


def test_the_plan_mixes_classes_and_ignores_the_order_of_the_json():
  plan = shards.plan('train', SAMPLES, shard_size=10)
  assert shards.plan('train', SAMPLES[::-1], shard_size=10) == plan
  for shard in plan:
    assert {sample.label for sample in shard.samples} == {'a', 'b'}


def test_an_empty_split_has_no_shards():
  assert shards.plan('test', [], shard_size=10) == []


def test_readers_find_whole_splits_only(tmp_path):
  with pytest.raises(errors.InputError, match='no train shards'):
    shards.find(tmp_path, 'train')
  plan = shards.plan('train', SAMPLES, shard_size=50)
  for shard in plan[:-1]:
    (tmp_path / f'{shard.name}.tfrecord').touch()
  with pytest.raises(errors.InputError, match='2 of 3 train shards'):
    shards.find(tmp_path, 'train')
  (tmp_path / f'{plan[-1].name}.tfrecord').touch()
  paths = shards.find(tmp_path, 'train')
  assert [path.stem for path in paths] == [shard.name for shard in plan]


def shard_files(folder, *names):
  for name in names:
    (folder / f'{name}.tfrecord').touch()


@pytest.mark.parametrize(
  ('names', 'message'),
  [
    (
      ['train-00000-of-00002', 'train-00001-of-00003'],
      'train-00000-of-00002.* and train-00001-of-00003.* of other numbers',
    ),
    (
      ['train-00000-of-00001', 'train-00000-of-00002', 'train-00001-of-00002'],
      'train-00000-of-00001.* and train-00000-of-00002.* of other numbers',
    ),
    (
      ['train-00000-of-00002', 'train-000000-of-00002'],
      'train-00000-of-00002.* and train-000000-of-00002.* the same shard',
    ),
    (
      ['train-00000-of-00002', 'train-00002-of-00002'],
      'train-00002-of-00002.*: its number is not below 2',
    ),
    (['train-00000-of-00000'], 'train-00000-of-00000.*: its number is not'),
    (
      ['train-00000-of-00003', 'train-00002-of-00003'],
      'has 2 of 3 train shards, not train-00001-of-00003; run the',
    ),
    (
      ['train-00001-of-99999999999'],
      'has 1 of 99999999999 train shards, not train-00000-of-99999999999 and ',
    ),
    (
      ['train-00000-of-00001', 'train-00000-of-00001 (copy)'],
      r'train-00000-of-00001 \(copy\)\.tfrecord: not the name of a shard',
    ),
    (['train-x-of-y'], 'train-x-of-y.tfrecord: not the name of a shard'),
    (['train-\u0663-of-\u0664'], 'not the name of a shard'),
  ],
)
def test_shards_that_are_no_whole_split_are_named(tmp_path, names, message):
  shard_files(tmp_path, *names)
  with pytest.raises(errors.InputError, match=message):
    shards.find(tmp_path, 'train')


def test_shards_come_in_the_order_of_their_numbers(tmp_path):
  """Beside those of other splits, and whatever zeros they were named with."""
  shard_files(tmp_path, *(f'train-{i}-of-12' for i in range(12)))
  shard_files(tmp_path, 'validation-00000-of-00001')
  names = [path.stem for path in shards.find(tmp_path, 'train')]
  assert names == [f'train-{i}-of-12' for i in range(12)]
