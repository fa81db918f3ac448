"""Where the replicas are."""

import pytest
import tensorflow as tf

from two_stream import errors
from two_stream.cluster import cluster_task, meeting
from two_stream.training import all_reduce_strategy


def test_a_process_without_gpus_has_one_replica():
  strategy = all_reduce_strategy.make(cluster_task.ClusterTask(), 1)
  assert strategy.num_replicas_in_sync == 1
  with strategy.scope():
    variable = tf.Variable(1.0)
  assert 'CPU:0' in variable.device


def test_a_server_that_cannot_start_is_one_error(monkeypatch):
  """Its port is taken, say."""

  def refuse(resolver):
    raise tf.errors.UnknownError(None, None, 'Could not start gRPC server')

  monkeypatch.setattr(meeting, 'meet', lambda task, seconds: None)
  monkeypatch.setattr(tf.distribute, 'MultiWorkerMirroredStrategy', refuse)
  task = cluster_task.ClusterTask(worker_hosts=('127.0.0.1:2', '127.0.0.1:1'))
  with pytest.raises(errors.InputError, match='worker 0 cannot serve: Could'):
    all_reduce_strategy.make(task, 1)
