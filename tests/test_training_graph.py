"""What a replica's graph holds, and on which device."""

import collections

import pytest
import small_records
import small_training
import tensorflow as tf

from two_stream.cluster import cluster_task
from two_stream.networks import checkpoints
from two_stream.records import record_index, shards
from two_stream.training import sync_replicas


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


def test_variables_are_spread_over_ps_by_size(data, tmp_path):
  hosts = tuple(f'127.0.0.1:{port}' for port in (1, 2, 3))
  task = cluster_task.ClusterTask(ps_hosts=hosts, worker_hosts=('127.0.0.1:4',))
  index = record_index.build(shards.find(data, 'train'))
  replica = sync_replicas.build_replica(
    small_training.job(data, tmp_path), task, small_records.CLASS_NAMES, index
  )
  loads = dict.fromkeys(range(3), 0)
  for variable in checkpoints.variables(replica.network).values():
    ps = tf.DeviceSpec.from_string(variable.handle.device).task
    loads[ps] += variable.shape.num_elements()
  largest = max(v.shape.num_elements() for v in replica.network.variables)
  assert max(loads.values()) - min(loads.values()) <= largest
  reads = collections.Counter(
    op.inputs[0].op.name
    for op in replica.graph.get_operations()
    if op.type == 'ReadVariableOp'
  )
  for variable in replica.network.variables:
    assert reads[variable.handle.op.name] == 1  # Fetched once a gradient.
