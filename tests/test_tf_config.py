"""Every task of a Slurm or Kubernetes job finds the place that is its own."""

import json
import subprocess
import sys

import pytest

from two_stream import cluster, errors, tf_config

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
  place = cluster.from_tf_config(text)
  assert (place.job_name, place.task_index) == (job, index)
  assert place.is_chief == ((job, index) == ('worker', 0))


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


def test_variable_that_is_no_number_is_named():
  with pytest.raises(errors.InputError, match="NUM_PS: '-1' is no number"):
    tf_config.from_kubernetes(
      {**KUBERNETES, 'NUM_PS': '-1', 'ROLE': 'ps', 'JOB_COMPLETION_INDEX': '0'}
    )


def test_command_prints_it():
  result = subprocess.run(
    [sys.executable, '-m', 'two_stream.tf_config', '--scheduler=slurm'],
    env={**SLURM, 'SLURM_NODEID': '1', 'SLURM_LOCALID': '0'},
    capture_output=True,
    text=True,
    check=True,
  )
  assert result.stdout == slurm(1, 0) + '\n'
