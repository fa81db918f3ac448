"""A folder of shards remembers what it was made from and what it lacks."""

import dataclasses
import json
import os

import pytest
import small_records

from two_stream import errors
from two_stream.datasets import data_set, label_map
from two_stream.preprocessing import clip_settings
from two_stream.records import shard_counts, shard_folder, shards


def sample(sample_id, label):
  return data_set.Sample(id=sample_id, path=f'{sample_id}.webm', label=label)


SAMPLES = [sample(str(i), 'ab'[i > 50]) for i in range(101)]
SETTINGS = {'frames_per_second': 25}


@pytest.fixture(name='plan')
def make_plan():
  return shards.plan('train', SAMPLES, shard_size=50)


@pytest.fixture(name='folder')
def make_folder(tmp_path, plan):
  folder = shard_folder.ShardFolder(tmp_path / 'records')
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
  return folder


def write_records(folder, shard, count):
  folder.path(shard).write_bytes(small_records.EMPTY_RECORD * count)


def test_a_shard_lacks_what_failed(folder, plan):
  shard = plan[0]
  assert folder.lacking(shard) == []
  folder.record_failures(
    shard, [shard_counts.LackingVideo(shard.samples[3], 'why')]
  )
  assert folder.lacking(shard) == [shard.samples[3]]
  folder.record_failures(shard, [])
  assert folder.lacking(shard) == []


def test_a_reason_with_a_name_that_is_no_text_can_be_read_again(folder, plan):
  shard = plan[0]
  reason = os.fsdecode(b'x\xff/3.webm: why')
  folder.record_failures(
    shard, [shard_counts.LackingVideo(shard.samples[3], reason)]
  )
  assert folder.lacking(shard) == [shard.samples[3]]
  folder.summarize({})
  assert '/3.webm: why' in (folder.folder / 'failures.jsonl').read_text()


def test_a_shard_with_fewer_records_than_it_should_have_is_damaged(
  folder, plan
):
  assert folder.damaged(plan) == {}  # None is there.
  for count, shard in zip([33, 0, 33], plan):
    write_records(folder, shard, count)
  assert folder.damaged(plan) == {
    plan[0].name: 'has 33 records instead of 34',
    plan[1].name: 'has 0 records instead of 34',
  }
  folder.record_failures(
    plan[0], [shard_counts.LackingVideo(plan[0].samples[3], 'why')]
  )
  assert list(folder.damaged(plan)) == [plan[1].name]


def test_the_summary_counts_what_is_there(folder, plan):
  write_records(folder, plan[0], 34)
  write_records(folder, plan[1], 32)
  failed, missing = plan[1].samples[5:7]
  folder.record_failures(
    plan[1],
    [
      shard_counts.LackingVideo(failed, 'why'),
      shard_counts.LackingVideo(missing, 'not there', is_missing=True),
    ],
  )
  summary = folder.summarize({'numpy': '2'})
  assert summary['parameters'] == SETTINGS
  assert summary['versions'] == {'numpy': '2'}
  assert summary['splits']['train'] == {
    'videos': 101,
    'clips': 66,
    'missing': 1,
    'failed': 1,
    'shards': 3,
    'shards_written': 2,
  }
  written = json.loads((folder.folder / 'summary.json').read_text())
  assert written == summary
  failures = (folder.folder / shard_folder.FAILURES).read_text().splitlines()
  assert [json.loads(line) for line in failures] == [
    {
      'id': failed.id,
      'label': failed.label,
      'shard': plan[1].name,
      'reason': 'why',
    },
    {
      'id': missing.id,
      'label': missing.label,
      'shard': plan[1].name,
      'reason': 'not there',
      'missing': True,
    },
  ]
  path = folder.folder / shard_folder.LABEL_MAP
  assert label_map.read(path) == ['a', 'b']


def test_what_was_made_otherwise_is_refused(folder, plan):
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
  fewer = shards.plan('train', SAMPLES[1:], shard_size=50)
  relabelled = shards.plan(
    'train', [sample('0', 'b'), *SAMPLES[1:]], shard_size=50
  )
  smaller = shards.plan('train', SAMPLES, shard_size=10)
  for parameters, names, new_plan, message in [
    (
      {'frames_per_second': 12},
      ['a', 'b'],
      plan,
      'per_second was 25 and is 12',
    ),
    (SETTINGS, ['b', 'a'], plan, 'classes: other names, labels or another'),
    (SETTINGS, ['a', 'b', 'c'], plan, 'classes: number was 2 and is 3'),
    (SETTINGS, ['a', 'b'], fewer, 'train: videos was 101 and is 100'),
    (SETTINGS, ['a', 'b'], relabelled, 'train: other names, labels or'),
    (
      SETTINGS,
      ['a', 'b'],
      smaller,
      'train: shards was 3 and is 11 now, see --shard_size',
    ),
  ]:
    with pytest.raises(errors.InputError, match=message):
      folder.remember_parameters(parameters, names, {'train': new_plan})
  assert label_map.read(folder.folder / 'label_map.txt') == ['a', 'b']


def test_splits_can_be_added_later(folder, plan):
  test_plan = shards.plan('test', SAMPLES[:3], shard_size=50)
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'test': test_plan})
  folder.remember_parameters(
    SETTINGS, ['a', 'b'], {'train': plan, 'test': test_plan}
  )
  assert set(folder.summarize({})['splits']) == {'train', 'test'}


def test_a_failed_name_that_is_not_utf8_stays_known(folder):
  """Its entry holds another text than the name, which JSON cannot hold."""
  odd = sample(os.fsdecode(b'k/\xff.mp4'), 'a')
  (shard,) = shards.plan('train', [odd, *SAMPLES[:2]], shard_size=5)
  folder.record_failures(shard, [shard_counts.LackingVideo(odd, 'why')])
  assert folder.lacking(shard) == [odd]


def test_leftovers_of_dead_runs_are_removed(folder, plan):
  leftovers = [
    folder.folder / f'.{plan[0].name}.tfrecord.123.tmp',
    folder.folder / 'failures' / f'.{plan[0].name}.jsonl.123.tmp',
    folder.folder / '.parameters.json.123.tmp',
    folder.folder / '.summary.json.123.tmp',
    folder.folder / '.failures.jsonl.123.tmp',
  ]
  others = folder.folder / f'.{plan[1].name}.tfrecord.123.tmp'
  for path in [*leftovers, others]:
    path.touch()
  folder.claim(plan[:1])
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
  folder.summarize({})
  assert not any(path.exists() for path in leftovers)
  assert others.exists()  # A live run may be writing it.


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(errors.InputError, match='file/records: cannot be'):
    shard_folder.ShardFolder(tmp_path / 'file' / 'records')


def test_a_label_map_that_is_not_that_of_the_shards_is_refused(folder, plan):
  path = folder.folder / 'label_map.txt'
  assert shard_folder.read_class_names(folder.folder) == ['a', 'b']
  path.write_text('b\na\n')
  with pytest.raises(errors.InputError, match='label_map.txt: not the label'):
    shard_folder.read_class_names(folder.folder)
  # As preprocessing does when it is run again.
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
  assert shard_folder.read_class_names(folder.folder) == ['a', 'b']
  path.write_text('b\na\n')
  (folder.folder / 'parameters.json').unlink()  # Nobody knows.
  assert shard_folder.read_class_names(folder.folder) == ['b', 'a']


# The parameters.json of a folder that was made before the file had a version.
MADE = {
  'parameters': {
    'frames_per_second': 25,
    'short_side': 256,
    'streams': ['rgb', 'flow'],
    'max_seconds': 60.0,
    'interpolation': 'bilinear',
    'jpeg_quality': 95,
    'flow_bound': 20.0,
    'flow_code': '128 + round(127 v / bound)',
    'tvl1': {
      'tau': 0.25,
      'lambda': 0.15,
      'theta': 0.3,
      'num_scales': 5,
      'scale_step': 0.8,
      'num_warps': 5,
      'outer_iterations': 10,
      'inner_iterations': 30,
      'epsilon': 0.01,
      'median_size': 5,
    },
  },
  'classes': {
    'number': 3,
    'sha256': (
      '45f2822938c69acc964bd8b85bdc087322cca202a37c4bf01852c1b0117adde3'
    ),
  },
  'train': {
    'videos': 6,
    'shards': 2,
    'sha256': (
      '37676660f633cd0c1185a90dcdb494771c4e8ce2141875f0eda4c1e0e4f419ed'
    ),
  },
  'test': {
    'videos': 2,
    'shards': 1,
    'sha256': (
      '0b9e1b7ee99efc2d099501112392f5b541159921b3840c77805c83362e14afb9'
    ),
  },
}


def test_a_folder_of_this_version_is_continued(tmp_path):
  """Its digests are frozen: other code must still compute the same ones."""
  path = tmp_path / 'parameters.json'
  made = {'schema_version': 2, **MADE}
  path.write_text(json.dumps(made))
  names = ['Dropping something', 'Holding something', 'Pushing \xe9']
  samples = [sample(str(i), names[i % 3]) for i in range(6)]
  unlabelled = [sample(str(i), None) for i in range(2)]
  shard_folder.ShardFolder(tmp_path).remember_parameters(
    clip_settings.Settings().parameters(),
    names,
    {
      'train': shards.plan('train', samples, shard_size=3),
      'test': shards.plan('test', unlabelled, shard_size=3),
    },
  )
  after = json.loads(path.read_text())
  assert after == made
  assert list(after['parameters']) == list(MADE['parameters'])


@pytest.mark.parametrize('version', [{}, {'schema_version': 1}])
def test_a_folder_of_an_older_version_is_refused(tmp_path, version):
  """Its flow is gray, which other programs read wrongly."""
  path = tmp_path / 'parameters.json'
  path.write_text(json.dumps({**version, **MADE}))
  with pytest.raises(errors.InputError, match='older version of this program'):
    shard_folder.ShardFolder(tmp_path).remember_parameters(SETTINGS, [], {})


def test_other_parts_of_the_videos_are_other_samples(tmp_path):
  folder = shard_folder.ShardFolder(tmp_path)
  parts = [
    [
      dataclasses.replace(each, id=f'{each.id}@{start}-2', start=start, end=2)
      for each in SAMPLES
    ]
    for start in (0, 1)
  ]
  for samples in parts:
    plan = shards.plan('train', samples, shard_size=50)
    if samples is parts[0]:
      folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
    else:
      with pytest.raises(errors.InputError, match='other names, labels'):
        folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})


def test_shards_whose_parameters_are_lost_are_not_continued(folder, plan):
  """Nobody knows what they were made from."""
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
  (folder.folder / 'parameters.json').unlink()
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
  folder.path(plan[0]).touch()
  (folder.folder / 'parameters.json').unlink()
  with pytest.raises(errors.InputError, match=r'parameters\.json: is missing'):
    folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})


def test_a_large_file_in_the_place_of_a_small_one_is_not_read(folder, plan):
  huge = folder.folder / 'huge'
  with huge.open('wb') as stream:
    stream.truncate(1 << 40)  # A hole, which takes no space.
  (folder.folder / 'summary.json').symlink_to(huge)
  folder.remember_parameters(SETTINGS, ['a', 'b'], {'train': plan})
  folder.summarize({})
  assert huge.stat().st_size == 1 << 40
  assert json.loads((folder.folder / 'summary.json').read_text())
