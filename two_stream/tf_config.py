"""TF_CONFIG: the environment variable that tells a task its place in a job.

    {"cluster": {"chief": ["a:2222"], "worker": ["b:2222"], "ps": ["c:2222"]},
     "task": {"type": "worker", "index": 0}}

The chief is a worker too; the evaluator is in no cluster, as it only reads
checkpoints. A task of a Slurm or Kubernetes job finds out its own by

    TF_CONFIG=$(python -m two_stream.tf_config --scheduler=slurm)

from environment variables, which `from_slurm` and `from_kubernetes` list.
"""

import json
import os

from two_stream import errors

JOB_NAMES = ('chief', 'worker', 'ps', 'evaluator')
PORT = 2222  # Kubernetes gives every task an address of its own.


def cluster(worker_hosts, ps_hosts):
  """The cluster of these addresses `host:port`; worker 0 is the chief."""
  jobs = {
    'chief': worker_hosts[:1],
    'worker': worker_hosts[1:],
    'ps': ps_hosts,
  }
  return {job: list(hosts) for job, hosts in jobs.items() if hosts}


def to_json(jobs, job, index):
  """TF_CONFIG of a task.

  Args:
    jobs: as from `cluster`.
    job: 'chief', 'worker', 'ps' or 'evaluator'.
    index: number of the task in its job.
  """
  return json.dumps({'cluster': jobs, 'task': {'type': job, 'index': index}})


def from_slurm(environ):
  """TF_CONFIG of a task of slurm.sbatch, which has the same tasks on each node.

  On a node, the first tasks are workers and the others ps.

  Args:
    environ: environment variables. Slurm sets SLURM_NODEID and SLURM_LOCALID;
      the batch script NODES (names, separated by white space),
      WORKERS_PER_NODE, PS_PER_NODE and FIRST_PORT, the first of a node's ports.

  Raises:
    InputError: if one is missing or no number.
  """
  nodes = _value(environ, 'NODES').split()
  num_workers = _number(environ, 'WORKERS_PER_NODE')
  num_ps = _number(environ, 'PS_PER_NODE')
  port = _number(environ, 'FIRST_PORT')
  workers = [f'{node}:{port + i}' for node in nodes for i in range(num_workers)]
  ps = [
    f'{node}:{port + num_workers + i}' for node in nodes for i in range(num_ps)
  ]
  node = _number(environ, 'SLURM_NODEID')
  local = _number(environ, 'SLURM_LOCALID')
  jobs = cluster(workers, ps)
  if local >= num_workers:
    return to_json(jobs, 'ps', node * num_ps + local - num_workers)
  worker = node * num_workers + local
  if worker == 0:
    return to_json(jobs, 'chief', 0)
  return to_json(jobs, 'worker', worker - 1)


def from_kubernetes(environ):
  """TF_CONFIG of a pod of kubernetes.yaml, which has a Job for each role.

  Args:
    environ: environment variables. Kubernetes sets JOB_COMPLETION_INDEX; the
      manifest ROLE ('chief', 'worker', 'ps' or 'evaluator'), SERVICE (name of
      the headless service, with which the names of the Jobs begin), NUM_WORKERS
      (the chief not counted) and NUM_PS.

  Raises:
    InputError: if one is missing or no number.
  """
  service = _value(environ, 'SERVICE')

  def hosts(role, count):
    return [f'{service}-{role}-{i}.{service}:{PORT}' for i in range(count)]

  jobs = cluster(
    hosts('chief', 1) + hosts('worker', _number(environ, 'NUM_WORKERS')),
    hosts('ps', _number(environ, 'NUM_PS')),
  )
  role = _value(environ, 'ROLE')
  return to_json(jobs, role, _number(environ, 'JOB_COMPLETION_INDEX'))


def _value(environ, name):
  if not environ.get(name):
    raise errors.InputError(f'environment variable {name}: is not set')
  return environ[name]


def _number(environ, name):
  value = _value(environ, name)
  if not value.isdecimal():
    raise errors.InputError(
      f'environment variable {name}: {value!r} is no number'
    )
  return int(value)


SCHEDULERS = {'slurm': from_slurm, 'kubernetes': from_kubernetes}

if __name__ == '__main__':
  from absl import flags

  from two_stream import cli

  flags.DEFINE_enum('scheduler', None, list(SCHEDULERS), 'Whose variables.')
  flags.mark_flag_as_required('scheduler')
  cli.run(lambda: print(SCHEDULERS[flags.FLAGS.scheduler](os.environ)))
