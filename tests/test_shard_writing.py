"""A shard gets the records of its samples in their order, now or later."""

import pytest
import small_records

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.preprocessing import shard_writing, worker_pool
from two_stream.records import (
  schema,
  shard_counts,
  shard_folder,
  shards,
  tfrecords,
)

SAMPLES = [
  data_set.Sample(id=str(number), path=f'{number}.webm', label=None)
  for number in range(5)
]
(SHARD,) = shards.plan('train', SAMPLES, shard_size=len(SAMPLES))


@pytest.fixture(name='folder')
def make_folder(tmp_path):
  return shard_folder.ShardFolder(tmp_path)


def result(sample, failing=()):
  """What a worker process gives for a sample."""
  if sample in failing:
    return worker_pool.Failure(f'why {sample.id}')
  record = small_records.record()
  record.context[schema.ID] = [sample.id.encode()]
  return record


def write(folder, failing=()):
  results = (result(sample, failing) for sample in SHARD.samples)
  return shard_writing.write_new(folder, SHARD, results)


def extend(folder, failing=()):
  lacking = folder.lacking(SHARD)
  results = (result(sample, failing) for sample in lacking)
  return shard_writing.extend(folder, SHARD, lacking, results)


def ids(folder):
  return [*map(tfrecords.clip_id, tfrecords.read_shard(folder.path(SHARD)))]


def reasons(folder):
  path = folder.folder / 'failures' / f'{SHARD.name}.jsonl'
  failures = shard_counts.read_failures(path)
  return {failure['id']: failure['reason'] for failure in failures}


def test_a_new_shard_has_its_samples_in_their_order(folder):
  assert len(write(folder)) == 0
  assert ids(folder) == [sample.id for sample in SHARD.samples]
  assert reasons(folder) == {}


def test_exactly_the_results_of_the_shard_are_taken(folder):
  results = iter([*map(result, SHARD.samples), 'of another shard'])
  shard_writing.write_new(folder, SHARD, results)
  assert list(results) == ['of another shard']


def test_what_fails_is_left_out_and_remembered(folder):
  failing = SHARD.samples[1:3]
  assert len(write(folder, failing)) == 2
  assert ids(folder) == [
    sample.id for sample in SHARD.samples if sample not in failing
  ]
  assert reasons(folder) == {
    sample.id: f'why {sample.id}' for sample in failing
  }


def test_a_failure_is_remembered_before_the_shard_takes_its_name(
  folder, monkeypatch
):
  """So a kill at any moment leaves no shard that lacks videos unsaid."""
  record_failures = folder.record_failures

  def check_and_record(*arguments):
    assert not folder.path(SHARD).exists()
    record_failures(*arguments)

  monkeypatch.setattr(folder, 'record_failures', check_and_record)
  assert len(write(folder, SHARD.samples[:1])) == 1
  assert folder.path(SHARD).exists()


def test_an_extended_shard_is_the_one_without_failures(folder):
  write(folder)
  whole = folder.path(SHARD).read_bytes()
  write(folder, SHARD.samples[1:4])
  assert len(extend(folder, SHARD.samples[2:3])) == 1
  assert reasons(folder).keys() == {SHARD.samples[2].id}
  assert len(extend(folder)) == 0
  assert folder.path(SHARD).read_bytes() == whole
  assert reasons(folder) == {}


def test_a_shard_is_left_alone_if_all_fails_again(folder):
  failing = SHARD.samples[1:3]
  write(folder, failing)
  before = folder.path(SHARD).stat()
  assert len(extend(folder, failing)) == 2
  assert folder.path(SHARD).stat() == before
  assert reasons(folder).keys() == {sample.id for sample in failing}


def test_a_run_killed_before_it_forgot_a_failure_is_continued(folder):
  """The shard has the record already; the file of failures still names it."""
  write(folder)
  whole = folder.path(SHARD).read_bytes()
  folder.record_failures(
    SHARD, [shard_counts.LackingVideo(SHARD.samples[1], 'why')]
  )
  assert len(extend(folder)) == 0
  assert folder.path(SHARD).read_bytes() == whole
  assert reasons(folder) == {}


@pytest.mark.parametrize('other', ['no clip', 'of another shard'])
def test_a_shard_with_a_strange_record_is_not_extended(folder, other):
  stranger = small_records.record()  # Its id is that of none of the samples.
  strange = tfrecords.serialize(stranger) if other != 'no clip' else b'no clip'
  kept = tfrecords.serialize(result(SHARD.samples[0]))
  path = folder.path(SHARD)
  tfrecords.write_shard(path, [kept, strange])
  folder.record_failures(
    SHARD, [shard_counts.LackingVideo(SHARD.samples[1], 'why')]
  )
  with pytest.raises(errors.InputError, match='remove it and run') as error:
    extend(folder)
  assert str(error.value).startswith(f'{path}: ')
