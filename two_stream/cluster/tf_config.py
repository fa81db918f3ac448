"""TF_CONFIG: the environment variable that tells a process which task it is.

    {"cluster": {"chief": ["a:2222"], "worker": ["b:2222"], "ps": ["c:2222"]},
     "task": {"type": "worker", "index": 0}}

The chief is also a worker. The evaluator has no address in the cluster, because
it only reads checkpoints.

A process that Slurm or Kubernetes started sets the variable by

    TF_CONFIG=$(python -m two_stream.cluster.tf_config --scheduler=slurm)

This program makes it of the environment variables that the functions
`from_slurm` and `from_kubernetes` list.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from two_stream import documents, errors

JOB_NAMES = ('chief', 'worker', 'ps', 'evaluator')
MAX_PORT = 65535
# Kubernetes gives every task an address of its own, so all use the same port.
_KUBERNETES_PORT = 2222
# A limit against typing errors. The published job has 68 workers and a few ps.
_MAX_TASKS = 10_000

_ADDRESS = re.compile(
  r'([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):([1-9][0-9]{0,4})'
)


def cluster(
  worker_hosts: Sequence[str], ps_hosts: Sequence[str]
) -> dict[str, list[str]]:
  """Arranges addresses by job.

  Args:
    worker_hosts: addresses `host:port`. The first of them is the chief's.
    ps_hosts: addresses of the parameter servers.

  Returns:
    The addresses of 'chief', 'worker' and 'ps', without jobs that have none.
  """
  jobs = {
    'chief': worker_hosts[:1],
    'worker': worker_hosts[1:],
    'ps': ps_hosts,
  }
  return {job: list(hosts) for job, hosts in jobs.items() if hosts}


def to_json(jobs: Mapping[str, Sequence[str]], job: str, index: int) -> str:
  """Writes TF_CONFIG for a task.

  Args:
    jobs: the addresses of each job, such as `cluster` returns them.
    job: the job of the task, one of `JOB_NAMES`.
    index: the number of the task in its job.

  Returns:
    The value of the variable.
  """
  return json.dumps({'cluster': jobs, 'task': {'type': job, 'index': index}})


def parse(text: str) -> tuple[dict[str, list[str]], str, int]:
  """Reads TF_CONFIG.

  Args:
    text: the JSON that the docstring of this module shows. A job may be
      missing; if the chief is, worker 0 is the chief. Other keys are ignored.

  Returns:
    (the addresses of each job; the job of this task; its number in that job).

  Raises:
    InputError: the text is no such JSON, or `check` refuses it.
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


def _object(value: Any, name: str) -> dict[str, Any]:
  """Returns a value of JSON that must be an object."""
  if not isinstance(value, dict):
    raise errors.InputError(
      f'{name} is not an object; TF_CONFIG is written {{"cluster": {{job: '
      '[host:port]}, "task": {"type": job, "index": number}}'
    )
  return value


def check(
  jobs: Mapping[str, Sequence[Any]], job: Any, index: int, source: str
) -> None:
  """Checks a cluster, and whether a task is part of it.

  Args:
    jobs: the addresses of each job. Values that are no addresses are refused.
    job: the job of the task.
    index: the number of the task in its job.
    source: where all this was read, for messages.

  Raises:
    InputError: there can be no such cluster, or it has no such task.
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
  if ps and not (chief or workers):
    raise errors.InputError(f'{source}: a job with ps has workers, too')
  # A job of one process has a single worker, which has no address.
  num_workers = len(workers) if chief or workers else 1
  count = {'chief': 1, 'worker': num_workers, 'ps': len(ps)}[job]
  if not 0 <= index < count:
    raise errors.InputError(
      f'{source}: there is no {job} {index} among {count}'
    )


def _check_addresses(addresses: Sequence[Any], source: str) -> None:
  """Raises InputError if one is not `host:port`, or stands twice."""
  seen: set[str] = set()
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


def from_slurm(environ: Mapping[str, str]) -> str:
  """Makes TF_CONFIG for a task that launch/slurm.sbatch started.

  Every node has the same number of tasks. The first of them are workers and the
  others ps.

  Args:
    environ: environment variables. Slurm sets SLURM_NODEID and SLURM_LOCALID.
      The batch script sets NODES (names, separated by white space),
      WORKERS_PER_NODE, PS_PER_NODE, and FIRST_PORT, which is the first of the
      ports that tasks use on each node.

  Returns:
    The value of TF_CONFIG.

  Raises:
    InputError: a variable is missing or has an impossible value.
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


def from_kubernetes(environ: Mapping[str, str]) -> str:
  """Makes TF_CONFIG for a pod of a manifest in launch/.

  In kubernetes.yaml, each role has a Job of Kubernetes. The other manifest,
  kubernetes_all_reduce.yaml, has one Job of all workers; worker 0 is the chief.

  Args:
    environ: environment variables. Kubernetes sets JOB_COMPLETION_INDEX. The
      manifest sets ROLE (one of `JOB_NAMES`), SERVICE (the name of the headless
      service, with which the names of the Jobs begin), NUM_WORKERS (without the
      chief, if that has a Job) and NUM_PS, if there are ps.

  Returns:
    The value of TF_CONFIG.

  Raises:
    InputError: a variable is missing or has an impossible value.
  """
  service = _value(environ, 'SERVICE')
  num_workers = _number(environ, 'NUM_WORKERS')
  num_ps = _number(environ, 'NUM_PS') if 'NUM_PS' in environ else None
  _check_size(1 + num_workers + (num_ps or 0))

  def hosts(role: str, count: int) -> list[str]:
    return [
      f'{service}-{role}-{i}.{service}:{_KUBERNETES_PORT}' for i in range(count)
    ]

  if num_ps is None:
    jobs = {'worker': hosts('worker', num_workers)}
  else:
    jobs = cluster(
      hosts('chief', 1) + hosts('worker', num_workers), hosts('ps', num_ps)
    )
  task = _value(environ, 'ROLE'), _number(environ, 'JOB_COMPLETION_INDEX')
  check(jobs, *task, 'environment variables SERVICE, ROLE, ...')
  return to_json(jobs, *task)


def _check_size(num_tasks: int) -> None:
  if num_tasks > _MAX_TASKS:
    raise errors.InputError(
      f'environment variables: {num_tasks} tasks; a job has at most '
      f'{_MAX_TASKS}'
    )


def _value(environ: Mapping[str, str], name: str) -> str:
  """Returns a variable that must be set."""
  if not environ.get(name):
    raise errors.InputError(f'environment variable {name}: is not set')
  return environ[name]


def _number(
  environ: Mapping[str, str], name: str, count: int | None = None
) -> int:
  """Reads a variable that is a whole number, below `count` if that is given."""
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

  flags.DEFINE_enum(
    'scheduler',
    None,
    list(SCHEDULERS),
    'Scheduler that started this process and set its environment variables.',
    required=True,
  )
  cli.run(lambda: print(SCHEDULERS[flags.FLAGS.scheduler](os.environ)))
