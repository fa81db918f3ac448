"""The engine without parameter servers does what the other one does."""

import dataclasses
import shutil

import numpy as np
import pytest
import small_records
import small_training

from two_stream import errors
from two_stream.cluster import cluster_task
from two_stream.networks import checkpoints
from two_stream.training import (
  all_reduce,
  reporting,
  sync_replicas,
)

pytestmark = pytest.mark.process  # Whole trainings.

ALONE = cluster_task.ClusterTask()
ENGINES = {'all_reduce': all_reduce, 'sync_replicas': sync_replicas}


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


def assert_near(found, expected, tolerance=3e-5):
  """Compares {name: value}, by the largest number of each value."""
  assert found.keys() >= expected.keys()
  for name, value in expected.items():
    np.testing.assert_allclose(
      found[name],
      value,
      rtol=0,
      atol=tolerance * (np.abs(value).max() + 1e-3),
      err_msg=name,
    )


def test_a_step_is_momentum_sgd_as_written_in_numpy(
  data, tmp_path, monkeypatch
):
  """Of two minibatches: loss, gradient, momentum, moving averages."""
  monkeypatch.setattr(reporting, '_SUMMARY_SECONDS', 3600)
  decay, momentum, rates = 0.01, 0.9, (0.1, 0.05)
  job = small_training.job(
    data,
    tmp_path,
    weight_decay=decay,
    dropout_keep_prob=1.0,
    replicas_to_aggregate=2,
  )
  job = dataclasses.replace(job, checkpoint_seconds=1e-3)  # After every step.
  assert all_reduce.run(job, ALONE) == 0
  mine = small_training.reference_of('rgb')
  batches = small_training.batches_of(job, 4)
  for step in range(2):
    path = f'{tmp_path}/model.ckpt-{step}'
    before = network(small_training.read_all(path))
    after = small_training.read_all(f'{tmp_path}/model.ckpt-{step + 1}')
    gradients, moved = zip(
      *(
        gradient_and_averages(mine, path, batch, decay)
        for batch in batches[2 * step : 2 * step + 2]
      )
    )
    expected = {}
    for name in gradients[0]:
      mean = sum(each[name] for each in gradients) / 2
      velocity = momentum * before[f'{name}/Momentum'] + mean
      expected[f'{name}/Momentum'] = velocity
      expected[name] = before[name] - rates[step] * velocity
    left = small_training.BATCH_NORM_DECAY
    for name in moved[0]:
      # One update is decay * old + (1 - decay) * batch.
      batch_means = [
        (each[name] - left * before[name]) / (1 - left) for each in moved
      ]
      expected[name] = (
        left**2 * before[name] + (1 - left**2) * sum(batch_means) / 2
      )
    assert after['global_step'] == step + 1
    assert_near(network(after), expected)


def network(values):
  """Path in the network -> value, of {name: value}."""
  prefix = 'RGB/inception_i3d/'
  return {
    name.removeprefix(prefix): value
    for name, value in values.items()
    if name.startswith(prefix)
  }


def gradient_and_averages(mine, path, batch, decay):
  """The gradient of a minibatch, and the moving averages after it."""
  _, gradient = mine.gradient(path, batch, np.float32(decay))
  averages = {
    name: variable.numpy()
    for name, variable in checkpoints.variables(mine.net).items()
    if '/moving_' in name
  }
  return gradient, averages


@pytest.mark.slow
def test_five_steps_are_those_of_the_other_engine(data, tmp_path):
  """Of one replica without dropout, from the same checkpoint."""
  first = small_training.job(
    data, tmp_path / 'first', 1, dropout_keep_prob=1.0, depth_multiplier=0.25
  )
  assert sync_replicas.run(first, small_training.ALONE) == 0
  found = {}
  for name, engine in ENGINES.items():
    folder = tmp_path / name
    shutil.copytree(first.train_dir, folder)
    job = dataclasses.replace(first, train_dir=str(folder), max_steps=6)
    assert engine.run(job, ALONE) == 0
    found[name] = small_training.read_all(folder / 'model.ckpt-6')
  assert found['all_reduce'].keys() == found['sync_replicas'].keys()
  assert found['all_reduce']['global_step'] == 6
  assert_near(found['all_reduce'], found['sync_replicas'], 1e-3)


@pytest.mark.slow
def test_a_training_may_change_its_engine_twice(data, tmp_path, caplog):
  caplog.set_level('INFO')
  job = small_training.job(data, tmp_path, replicas_to_aggregate=2)
  for steps, name in ((2, 'all_reduce'), (4, 'sync_replicas')):
    job = dataclasses.replace(job, max_steps=steps)
    assert ENGINES[name].run(job, ALONE) == 0
  job = dataclasses.replace(job, max_steps=6)
  assert all_reduce.run(job, ALONE) == 0
  for step in (2, 4):
    assert f'continuing from {tmp_path}/model.ckpt-{step}' in caplog.text
  last = small_training.read_all(tmp_path / 'model.ckpt-6')
  assert last['global_step'] == 6
  exported = checkpoints.read(tmp_path / 'export/model.ckpt')
  for name, value in exported.items():
    np.testing.assert_array_equal(
      value, network(last)[name].reshape(value.shape)
    )


def test_what_this_engine_cannot_do_is_refused(data, tmp_path):
  job = small_training.job(data, tmp_path)
  with_ps = cluster_task.ClusterTask(
    ps_hosts=('a:1',), worker_hosts=('a:2', 'a:3')
  )
  with pytest.raises(errors.InputError, match='has no ps; leave them out'):
    all_reduce.run(job, with_ps)
  without = dataclasses.replace(with_ps, ps_hosts=())
  with pytest.raises(errors.InputError, match='2 workers needs ps; add them'):
    sync_replicas.run(job, without)


@pytest.mark.parametrize(
  'message, reason',
  [
    (
      'Collective ops is aborted by: recvmsg:Connection reset by peer\n'
      'Additional GRPC error information from remote target '
      '/job:worker/replica:0/task:1 while calling',
      'worker 0 (b:2): recvmsg:Connection reset by peer',
    ),
    (
      'Collective ops is aborted by: Error reported from /job:worker/task:1: '
      'The following tasks are unhealthy (stopped sending heartbeats):\n'
      '/job:worker/replica:0/task:1\n',
      'worker 0 (b:2): The following tasks are unhealthy (stopped sending '
      'heartbeats)',
    ),
    (
      'Collective ops is aborted by: Deadline Exceeded\n\n'
      'RPC: /tensorflow.CoordinationService/Heartbeat\n',
      'chief 0 (a:1): Deadline Exceeded',
    ),
    ('all is lost\nand more', 'all is lost'),
  ],
)
def test_a_lost_task_is_told_by_its_name_and_what_happened(message, reason):
  task = cluster_task.ClusterTask(
    worker_hosts=('a:1', 'b:2'), has_chief_job=True
  )
  error = all_reduce.tf.errors.UnavailableError(None, None, message)
  assert all_reduce._reason(error, task) == reason
