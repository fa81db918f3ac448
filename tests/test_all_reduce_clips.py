"""Each replica reads its share, and the last round may be short."""

import types

import pytest
import small_records
import small_training

from two_stream.records import record_index
from two_stream.training import all_reduce_clips, job_clips, reporting


@pytest.fixture(name='local_clips', scope='module')
def make_local_clips(tmp_path_factory):
  """The clips of two replicas in one process, three minibatches a step."""
  folder = tmp_path_factory.mktemp('records')
  index = record_index.build(small_records.write(folder))
  job = small_training.job(folder, folder)
  reading = job_clips.reading(
    job.hyperparameters, small_records.CLASS_NAMES, index
  )
  replicas = types.SimpleNamespace(
    of_each=lambda make: [make(0), make(1)],
    strategy=types.SimpleNamespace(num_replicas_in_sync=2),
  )
  damage = reporting.DamageReport(index, 0)
  return all_reduce_clips.LocalClips(reading, 2, 3, 5, replicas, damage)


def test_a_replica_without_a_minibatch_repeats_one_that_does_not_count(
  local_clips,
):
  assert local_clips.rounds == 2
  found = [
    [
      (each['number'].numpy().tolist(), float(each['counts']))
      for each in local_clips.next(turn)
    ]
    for turn in (0, 1, 0)
  ]
  assert found == [
    # Step 5 begins with minibatch 15, and clip 30.
    [([30, 31], 1.0), ([32, 33], 1.0)],
    [([34, 35], 1.0), ([32, 33], 0.0)],
    [([36, 37], 1.0), ([38, 39], 1.0)],
  ]
