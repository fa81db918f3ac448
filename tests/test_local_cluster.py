"""Ports and environments of a job on one machine."""

import json
import socket

import pytest

from two_stream.cluster import local_cluster
from two_stream.cluster.task_process import TaskName


def configs(environments):
  return {
    task: json.loads(environ['TF_CONFIG'])
    for task, environ in environments.items()
  }


def test_every_task_is_told_its_own_place_in_one_cluster():
  with local_cluster.environments(3, 2, has_evaluator=True) as environments:
    found = configs(environments)
  assert list(found) == [
    TaskName('chief', 0),
    TaskName('worker', 0),
    TaskName('worker', 1),
    TaskName('ps', 0),
    TaskName('ps', 1),
    TaskName('evaluator', 0),
  ]
  for task, config in found.items():
    assert config['task'] == {'type': task.job, 'index': task.index}
  clusters = [config['cluster'] for config in found.values()]
  assert clusters == [clusters[0]] * 6
  addresses = sum(clusters[0].values(), [])
  assert len(set(addresses)) == len(addresses) == 5
  assert all(address.startswith('127.0.0.1:') for address in addresses)


def test_ports_are_free_and_kept_for_those_who_share_them():
  with local_cluster.environments(1, 1) as environments:
    cluster = configs(environments)[TaskName('chief', 0)]['cluster']
    port = int(cluster['ps'][0].rpartition(':')[2])
    with socket.socket() as stranger, pytest.raises(OSError, match='in use'):
      stranger.bind(('127.0.0.1', port))
    # What TensorFlow's server does with TF_GRPC_REUSE_PORT.
    assert environments[TaskName('ps', 0)]['TF_GRPC_REUSE_PORT'] == 'true'
    with socket.socket() as server:
      server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
      server.bind(('0.0.0.0', port))
      server.listen()
      # No connection goes to the socket that keeps the port.
      for _ in range(20):
        socket.create_connection(('127.0.0.1', port), 5).close()
        server.accept()[0].close()
  with socket.socket() as stranger:
    stranger.bind(('127.0.0.1', port))


def visible_gpus(**options):
  with local_cluster.environments(**options) as environments:
    return {
      str(task): environ['CUDA_VISIBLE_DEVICES']
      for task, environ in environments.items()
    }


def test_workers_and_evaluator_take_turns_at_the_gpus():
  assert visible_gpus(
    num_workers=3, num_ps=1, has_evaluator=True, gpus=['4', '5']
  ) == {
    'chief': '4',
    'worker 0': '5',
    'worker 1': '4',
    'ps 0': '',
    'evaluator 0': '5',
  }


def test_without_gpus_nobody_sees_any():
  assert set(visible_gpus(num_workers=2, num_ps=1).values()) == {''}
