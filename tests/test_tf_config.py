"""Every task of a Slurm or Kubernetes job finds the place that is its own."""

import json
import sys

import programs
import pytest

from two_stream import errors
from two_stream.cluster import cluster_task, tf_config

SLURM = {
  'NODES': 'node1\nnode2\n',
  'WORKERS_PER_NODE': '2',
  'PS_PER_NODE': '1',
  'FIRST_PORT': '20000',
}
KUBERNETES = {'SERVICE': 'i3d', 'NUM_WORKERS': '2', 'NUM_PS': '2'}


def slurm(node, local):
  environ = {**SLURM, 'SLURM_NODEID': str(node), 'SLURM_LOCALID': str(local)}
  return tf_config.from_slurm(environ)


def kubernetes(role, index):
  environ = {**KUBERNETES, 'ROLE': role, 'JOB_COMPLETION_INDEX': str(index)}
  return tf_config.from_kubernetes(environ)


def test_slurm_places_every_task_of_every_node_once():
  texts = [slurm(node, local) for node in (0, 1) for local in (0, 1, 2)]
  assert [json.loads(text)['task'] for text in texts] == [
    {'type': 'chief', 'index': 0},
    {'type': 'worker', 'index': 0},
    {'type': 'ps', 'index': 0},
    {'type': 'worker', 'index': 1},
    {'type': 'worker', 'index': 2},
    {'type': 'ps', 'index': 1},
  ]
  for text in texts:
    assert json.loads(text)['cluster'] == {
      'chief': ['node1:20000'],
      'worker': ['node1:20001', 'node2:20000', 'node2:20001'],
      'ps': ['node1:20002', 'node2:20002'],
    }


def test_slurm_tasks_are_addressed_where_they_run():
  for node, name in enumerate(['node1', 'node2']):
    for local in range(3):
      config = json.loads(slurm(node, local))
      job, index = config['task']['type'], config['task']['index']
      assert config['cluster'][job][index] == f'{name}:{20000 + local}'


def test_kubernetes_names_the_pods_of_every_role():
  config = json.loads(kubernetes('worker', 1))
  assert config == {
    'cluster': {
      'chief': ['i3d-chief-0.i3d:2222'],
      'worker': ['i3d-worker-0.i3d:2222', 'i3d-worker-1.i3d:2222'],
      'ps': ['i3d-ps-0.i3d:2222', 'i3d-ps-1.i3d:2222'],
    },
    'task': {'type': 'worker', 'index': 1},
  }


@pytest.mark.parametrize(
  'text, job, index',
  [
    (slurm(0, 0), 'worker', 0),  # The chief.
    (slurm(1, 1), 'worker', 3),
    (slurm(1, 2), 'ps', 1),
    (kubernetes('chief', 0), 'worker', 0),
    (kubernetes('worker', 1), 'worker', 2),
    (kubernetes('ps', 1), 'ps', 1),
    (kubernetes('evaluator', 0), 'evaluator', 0),
  ],
)
def test_the_training_program_reads_it(text, job, index):
  task = cluster_task.from_tf_config(text)
  assert (task.job_name, task.task_index) == (job, index)
  assert task.is_chief == ((job, index) == ('worker', 0))


def test_cluster_of_one_worker_has_no_other():
  assert tf_config.cluster(['a:1'], ['b:2']) == {
    'chief': ['a:1'],
    'ps': ['b:2'],
  }


@pytest.mark.parametrize('name', [*SLURM, 'SLURM_NODEID', 'SLURM_LOCALID'])
def test_missing_variable_is_named(name):
  environ = {**SLURM, 'SLURM_NODEID': '0', 'SLURM_LOCALID': '0'}
  del environ[name]
  with pytest.raises(errors.InputError, match=f'{name}: is not set'):
    tf_config.from_slurm(environ)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    *(
      ({name: value}, f'{name}: .* is not a whole number')
      for name in ('WORKERS_PER_NODE', 'FIRST_PORT', 'SLURM_NODEID')
      for value in ('x', '-1', '1_0', ' 1', '\u0661', '1' * 5000)
    ),
    ({'NODES': ' \n'}, 'SLURM_NODEID: 0 .* 0 of them'),
    ({'NODES': 'node1 node1'}, "NODES.* 'node1:20000' stands twice"),
    ({'NODES': 'node1 a,b'}, "'a,b:20000' is not host:port"),
    ({'WORKERS_PER_NODE': '0'}, 'a job with ps has workers, too'),
    ({'FIRST_PORT': '65534'}, 'FIRST_PORT: 65534: .* beyond 65535'),
    ({'FIRST_PORT': '0'}, "'node1:0' is not host:port"),
    ({'WORKERS_PER_NODE': '9' * 18}, 'at most 10000'),
    # Else it would take the place of the other node's ps.
    ({'SLURM_LOCALID': '3'}, 'SLURM_LOCALID: 3 .* 3 of them'),
    ({'SLURM_NODEID': '2'}, 'SLURM_NODEID: 2 .* 2 of them'),
  ],
)
def test_a_place_in_slurm_that_cannot_be_is_refused(change, message):
  environ = {**SLURM, 'SLURM_NODEID': '0', 'SLURM_LOCALID': '0', **change}
  with pytest.raises(errors.InputError, match=message):
    tf_config.from_slurm(environ)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'NUM_PS': '-1'}, "NUM_PS: '-1' is not a whole number"),
    ({'NUM_WORKERS': '9' * 9}, 'at most 10000'),
    ({'SERVICE': 'a b'}, "'a b-chief-0.a b:2222' is not host:port"),
    ({'ROLE': 'master'}, "ROLE.*: job 'master' is none of chief, worker"),
    ({'JOB_COMPLETION_INDEX': '2'}, 'there is no ps 2 among 2'),
    ({'NUM_PS': '0'}, 'there is no ps 0 among 0'),
  ],
)
def test_a_place_in_kubernetes_that_cannot_be_is_refused(change, message):
  environ = {**KUBERNETES, 'ROLE': 'ps', 'JOB_COMPLETION_INDEX': '0', **change}
  with pytest.raises(errors.InputError, match=message):
    tf_config.from_kubernetes(environ)


@pytest.mark.process
def test_command_prints_it():
  result = programs.run(
    [sys.executable, '-m', 'two_stream.cluster.tf_config', '--scheduler=slurm'],
    env={**SLURM, 'SLURM_NODEID': '1', 'SLURM_LOCALID': '0'},
    cwd=programs.ROOT,
    check=True,
  )
  assert result.stdout == slurm(1, 0) + '\n'
