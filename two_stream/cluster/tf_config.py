"""TF_CONFIG: the environment variable that tells a task its place in a job.

    {"cluster": {"chief": ["a:2222"], "worker": ["b:2222"], "ps": ["c:2222"]},
     "task": {"type": "worker", "index": 0}}

The chief is a worker too; the evaluator is in no cluster, as it only reads
checkpoints. A task of a Slurm or Kubernetes job finds out its own by

    TF_CONFIG=$(python -m two_stream.cluster.tf_config --scheduler=slurm)

from environment variables, which `from_slurm` and `from_kubernetes` list.
"""

import json
import os
import re

from two_stream import documents, errors

JOB_NAMES = ('chief', 'worker', 'ps', 'evaluator')
PORT = 2222  # Kubernetes gives every task an address of its own.
MAX_PORT = 65535
# Of a job. The published one has 68 workers and a few ps.
MAX_TASKS = 10_000

_ADDRESS = re.compile(
  r'([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):([1-9][0-9]{0,4})'
)


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


def parse(text):
  """Reads TF_CONFIG.

  Args:
    text: JSON, as above. A job may be missing; keys of other names than above
      are passed over. Without a chief among the jobs worker 0 is it.

  Returns:
    (jobs, job, index): a dict of job -> list of addresses; this task's job, and
    its number in the job.

  Raises:
    InputError: if it is no such JSON, or `check` refuses it.
  """
  name = 'TF_CONFIG'
  config = _object(documents.parse_json(text, name), name)
  jobs = _object(config.get('cluster'), f'{name}: "cluster"')
  task = _object(config.get('task'), f'{name}: "task"')
  for job, hosts in jobs.items():
    if not isinstance(hosts, list):
      raise errors.InputError(
        f'{name}: {documents.quote(job)} is not a list of host:port'
      )
  index = documents.whole_number(task.get('index'), f'{name}: "index"')
  check(jobs, task.get('type'), index, name)
  return jobs, task['type'], index


def _object(value, name):
  if not isinstance(value, dict):
    raise errors.InputError(
      f'{name} is not an object; TF_CONFIG is written {{"cluster": {{job: '
      '[host:port]}, "task": {"type": job, "index": number}}'
    )
  return value


def check(jobs, job, index, source):
  """Raises InputError unless there can be such a cluster and such a task in it.

  Args:
    jobs: job -> list of addresses.
    job: the task's.
    index: an int, the task's number in its job.
    source: where all this is from, for messages.
  """
  for name in (*jobs, job):
    if name not in JOB_NAMES:
      raise errors.InputError(
        f'{source}: job {documents.quote(name)} is none of '
        f'{", ".join(JOB_NAMES)}'
      )
  chief, workers, ps = (
    jobs.get(name, []) for name in ('chief', 'worker', 'ps')
  )
  _check_addresses([*chief, *workers, *ps], source)
  if len(chief) > 1:
    raise errors.InputError(f'{source}: a job has no more than one chief')
  if job == 'evaluator':
    return
  if bool(ps) != bool(chief or workers):
    raise errors.InputError(
      f'{source}: a job has both ps and workers, or is one process with neither'
    )
  # Where there is no chief apart, or no cluster, it is worker 0.
  num_workers = len(workers) if ps else 1
  count = {'chief': 1, 'worker': num_workers, 'ps': len(ps)}[job]
  if not 0 <= index < count:
    raise errors.InputError(
      f'{source}: there is no {job} {index} among {count}'
    )


def _check_addresses(addresses, source):
  seen = set()
  for address in addresses:
    parts = isinstance(address, str) and _ADDRESS.fullmatch(address)
    if not parts or int(parts[2]) > MAX_PORT:
      raise errors.InputError(
        f'{source}: {documents.quote(address)} is not host:port with a port '
        f'from 1 to {MAX_PORT}'
      )
    if address in seen:
      raise errors.InputError(
        f'{source}: the address {documents.quote(address)} stands twice'
      )
    seen.add(address)


def from_slurm(environ):
  """TF_CONFIG of a task of slurm.sbatch, which has the same tasks on each node.

  On a node, the first tasks are workers and the others ps.

  Args:
    environ: environment variables. Slurm sets SLURM_NODEID and SLURM_LOCALID;
      the batch script NODES (names, separated by white space),
      WORKERS_PER_NODE, PS_PER_NODE and FIRST_PORT, the first of a node's ports.

  Raises:
    InputError: if one is missing or cannot be.
  """
  nodes = _value(environ, 'NODES').split()
  num_workers = _number(environ, 'WORKERS_PER_NODE')
  num_ps = _number(environ, 'PS_PER_NODE')
  port = _number(environ, 'FIRST_PORT')
  _check_size(len(nodes) * (num_workers + num_ps))
  if port + num_workers + num_ps - 1 > MAX_PORT:
    raise errors.InputError(
      f'environment variable FIRST_PORT: {port}: {num_workers} workers and '
      f'{num_ps} ps need ports beyond {MAX_PORT}'
    )
  workers = [f'{node}:{port + i}' for node in nodes for i in range(num_workers)]
  ps = [
    f'{node}:{port + num_workers + i}' for node in nodes for i in range(num_ps)
  ]
  node = _number(environ, 'SLURM_NODEID', len(nodes))
  local = _number(environ, 'SLURM_LOCALID', num_workers + num_ps)
  worker = node * num_workers + local
  if local >= num_workers:
    task = 'ps', node * num_ps + local - num_workers
  elif worker == 0:
    task = 'chief', 0
  else:
    task = 'worker', worker - 1
  jobs = cluster(workers, ps)
  check(jobs, *task, 'environment variables NODES, WORKERS_PER_NODE, ...')
  return to_json(jobs, *task)


def from_kubernetes(environ):
  """TF_CONFIG of a pod of kubernetes.yaml, which has a Job for each role.

  Args:
    environ: environment variables. Kubernetes sets JOB_COMPLETION_INDEX; the
      manifest ROLE ('chief', 'worker', 'ps' or 'evaluator'), SERVICE (name of
      the headless service, with which the names of the Jobs begin), NUM_WORKERS
      (the chief not counted) and NUM_PS.

  Raises:
    InputError: if one is missing or cannot be.
  """
  service = _value(environ, 'SERVICE')
  num_workers = _number(environ, 'NUM_WORKERS')
  num_ps = _number(environ, 'NUM_PS')
  _check_size(1 + num_workers + num_ps)

  def hosts(role, count):
    return [f'{service}-{role}-{i}.{service}:{PORT}' for i in range(count)]

  jobs = cluster(
    hosts('chief', 1) + hosts('worker', num_workers), hosts('ps', num_ps)
  )
  task = _value(environ, 'ROLE'), _number(environ, 'JOB_COMPLETION_INDEX')
  check(jobs, *task, 'environment variables SERVICE, ROLE, ...')
  return to_json(jobs, *task)


def _check_size(num_tasks):
  if num_tasks > MAX_TASKS:
    raise errors.InputError(
      f'environment variables: {num_tasks} tasks; a job has at most {MAX_TASKS}'
    )


def _value(environ, name):
  if not environ.get(name):
    raise errors.InputError(f'environment variable {name}: is not set')
  return environ[name]


def _number(environ, name, count=None):
  """Reads a whole number, below `count` if that is given."""
  source = f'environment variable {name}'
  number = documents.whole_number(_value(environ, name), source)
  if count is not None and number >= count:
    raise errors.InputError(
      f'{source}: {number} is too large; the job has {count} of them'
    )
  return number


SCHEDULERS = {'slurm': from_slurm, 'kubernetes': from_kubernetes}

if __name__ == '__main__':
  from absl import flags

  from two_stream import cli

  flags.DEFINE_enum('scheduler', None, list(SCHEDULERS), 'Whose variables.')
  flags.mark_flag_as_required('scheduler')
  cli.run(lambda: print(SCHEDULERS[flags.FLAGS.scheduler](os.environ)))
