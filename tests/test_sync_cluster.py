"""Replicas on parameter servers: which gradients make a step."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import time

import numpy as np
import programs
import pytest
import small_networks
import small_records
import small_training
import tensorflow as tf

from two_stream import recipe
from two_stream.networks import checkpoints
from two_stream.records import clips, record_index, shards
from two_stream.training import (
  hooks,
  initial_weights,
  ps_placement,
  ps_servers,
  sync_optimizer,
  sync_replicas,
)

pytestmark = pytest.mark.process

v1 = tf.compat.v1


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


def start_cluster(num_workers, num_ps=1):
  """In-process servers.

  Returns:
    (tasks of the workers, their servers, all servers).
  """
  hosts = [
    f'127.0.0.1:{port}' for port in programs.free_ports(num_workers + num_ps)
  ]
  everyone = small_training.Unoptimized(
    ps_hosts=tuple(hosts[:num_ps]), worker_hosts=tuple(hosts[num_ps:])
  )
  tasks = [
    dataclasses.replace(everyone, job_name=job, task_index=i)
    for job, count in (('ps', num_ps), ('worker', num_workers))
    for i in range(count)
  ]
  servers = [ps_servers.start(task) for task in tasks]
  return tasks[num_ps:], servers[num_ps:], servers


def gradients_waiting(replica):
  """Tensors: how many gradients lie in each of the accumulators."""
  with replica.graph.as_default():
    return [
      tf.raw_ops.ResourceAccumulatorNumAccumulated(handle=op.outputs[0])
      for op in replica.graph.get_operations()
      if op.type == 'ResourceConditionalAccumulator'
    ]


@contextlib.contextmanager
def manual_sessions(job, tasks, servers):
  """A monitored session of each worker, whose steps the test takes.

  Yields:
    (replicas, sessions, tensors of the chief's graph: how many gradients lie in
    each of the accumulators).
  """
  with contextlib.ExitStack() as stack:
    replicas, sessions, waiting = [], [], None
    index = record_index.build(shards.find(job.records_dir, 'train'))
    aggregate = job.hyperparameters.replicas_to_aggregate
    tokens = sync_optimizer.tokens_per_step(aggregate, len(tasks))
    for task, server in zip(tasks, servers):
      replica = sync_replicas.build_replica(
        job, task, small_records.CLASS_NAMES, index
      )
      waiting = waiting or gradients_waiting(replica)
      with (
        replica.graph.as_default(),
        v1.device(ps_placement.device_setter(task)),
      ):
        sessions.append(
          v1.train.MonitoredTrainingSession(
            server.target,
            task.is_chief,
            hooks=[
              replica.optimizer.make_session_run_hook(
                task.is_chief, tokens - len(tasks)
              ),
              hooks.StartReading(replica, aggregate, len(tasks)),
            ],
            save_summaries_steps=None,
            save_summaries_secs=None,
            log_step_count_steps=None,
            config=ps_servers.session_config(task),
            stop_grace_period_secs=1,
          )
        )
      stack.callback(sessions[-1].close)
      replicas.append(replica)
    yield replicas, sessions, waiting


@pytest.fixture(name='unoptimized')
def take_functions_as_they_are():
  """For numbers to compare with those of sessions that do so too."""
  option = 'disable_meta_optimizer'
  tf.config.optimizer.set_experimental_options({option: True})
  yield
  tf.config.optimizer.set_experimental_options({option: False})


@pytest.mark.usefixtures('unoptimized')
@pytest.mark.parametrize(
  'num_workers, aggregate',
  [(4, 3), pytest.param(68, 64, marks=pytest.mark.slow)],
)
def test_a_step_is_the_mean_of_exactly_its_gradients_and_drops_stale_ones(
  data, tmp_path, num_workers, aggregate
):
  """On 1 ps: 3 gradients of 4 workers; the published 64 of 68."""
  tasks, servers, _ = start_cluster(num_workers)
  job = small_training.job(
    data,
    tmp_path,
    replicas_to_aggregate=aggregate,
    dropout_keep_prob=1.0,
    learning_rates=((0, 0.1),),
  )
  with manual_sessions(job, tasks, servers) as (replicas, sessions, waiting):
    values = checkpoints.variables(replicas[0].network)

    def current():
      return sessions[0].run([values, replicas[0].global_step])

    def gradient(worker):
      return sessions[worker].run(replicas[worker].train)

    before, step = current()
    assert step == 0
    with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
      tokens = [pool.submit(gradient, i) for i in range(aggregate - 1)]
      while set(sessions[0].run(waiting)) != {aggregate - 1}:
        assert not any(token.done() for token in tokens)
        time.sleep(0.1)
      assert current()[1] == 0  # One is missing.
      tokens.append(pool.submit(gradient, aggregate - 1))
      assert [token.result(600) for token in tokens] == [1] * aggregate
      after, step = current()
      assert step == 1
      for late in range(aggregate, num_workers):
        replica = replicas[late]
        token, dropped = sessions[late].run(
          [replica.train, replica.measures['dropped_gradients']]
        )
        assert (token, dropped) == (1, late - aggregate + 1)
      unchanged, step = current()
      assert step == 1
      assert set(sessions[0].run(waiting)) == {0}
      for path, variable in values.items():
        if variable.trainable:
          np.testing.assert_array_equal(unchanged[path], after[path])
      tokens = pool.map(gradient, range(num_workers))
      assert list(tokens) == [2] * num_workers
    assert current()[1] == 2

  prefix = str(tmp_path / 'before')
  checkpoints.write(before, prefix, 'RGB')
  decay = tf.constant(recipe.WEIGHT_DECAY)
  means = collections.Counter()
  for worker in range(aggregate):
    batch = small_training.batches_of(job, 1, clips.Turn(worker, num_workers))[
      0
    ]
    _, gradients = small_training.reference_of('rgb').gradient(
      prefix, batch, decay
    )
    for path, value in gradients.items():
      means[path] = means[path] + value / aggregate
  for path, mean in means.items():
    np.testing.assert_allclose(
      (before[path] - after[path]) / 0.1,
      mean,
      rtol=0,
      atol=1e-4 * (np.abs(mean).max() + 1e-2),
      err_msg=path,
    )


@pytest.mark.slow
def test_workers_that_train_the_logits_alone_send_nothing_else(data, tmp_path):
  """Two of them; the other units stay as they are."""
  tasks, servers, _ = start_cluster(2)
  job = small_training.job(
    data, tmp_path, replicas_to_aggregate=2, train_only=('Logits',)
  )
  given = checkpoints.read(small_networks.write(tmp_path, 'rgb_scratch', 3))
  with (
    manual_sessions(job, tasks, servers) as (replicas, sessions, waiting),
    concurrent.futures.ThreadPoolExecutor() as pool,
  ):
    assert len(waiting) == 2  # Accumulators: of the weights and of the bias.
    network = replicas[0].network
    initial_weights.assign(given, network, sessions[0])
    tokens = [
      pool.submit(session.run, replica.train)
      for session, replica in zip(sessions, replicas)
    ]
    assert [token.result(600) for token in tokens] == [1, 1]
    after = sessions[0].run(checkpoints.variables(network))
  for path, value in given.items():
    is_changed = (after[path].reshape(value.shape) != value).any()
    assert is_changed == path.startswith('Logits/'), path


def test_nothing_is_updated_while_the_chief_saves(data, tmp_path):
  """Though another worker alone makes a step."""
  tasks, servers, _ = start_cluster(2, num_ps=2)
  job = small_training.job(data, tmp_path)
  with (
    manual_sessions(job, tasks, servers) as (replicas, sessions, _),
    concurrent.futures.ThreadPoolExecutor() as pool,
  ):
    network, step = replicas[0].network, replicas[0].global_step
    with replicas[0].optimizer.gate.held(sessions[0]):
      before = sessions[0].run(network.trainable_variables)
      token = pool.submit(sessions[1].run, replicas[1].train)
      with pytest.raises(concurrent.futures.TimeoutError):
        token.result(5)
      after = sessions[0].run(network.trainable_variables)
      assert sessions[0].run(step) == 0
      for old, new in zip(before, after):
        np.testing.assert_array_equal(old, new)
    assert token.result(600) == 1
    # An update that broke off took its permit with it.
    with (
      replicas[0].optimizer.gate.held(sessions[0]),
      pytest.raises(tf.errors.AbortedError, match='not finished in 0.1 s'),
      replicas[0].optimizer.gate.held(sessions[0], seconds=0.1),
    ):
      pass
