"""The tasks of a training job, and which of them this process is.

Every worker computes gradients, and worker 0 is also the chief, which starts,
saves and ends the job. Parameter servers (ps) keep the variables, if the engine
of the job has any. A job of one process is a chief alone.

TensorFlow's servers listen on every network interface, whatever address they
are given, and whoever reaches their ports controls them. So they must run in a
network of their own.
"""

import concurrent.futures
import dataclasses
import socket
from collections.abc import Sequence

from two_stream.cluster import tf_config

_PROBE_SECONDS = 2  # How long to wait for an answer of a task.


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterTask:
  """The hosts of a job, and which of its tasks this process is.

  Attributes:
    ps_hosts: addresses `host:port` of the parameter servers.
    worker_hosts: addresses of the workers. The chief's is the first.
    job_name: 'worker', 'ps' or 'evaluator'.
    task_index: the number of this task among `ps_hosts` or `worker_hosts`.
    has_chief_job: whether the user's description of the job names the chief
      apart from the workers, as TF_CONFIG can. What the user calls worker 0 is
      then the second of `worker_hosts`.
  """

  ps_hosts: tuple[str, ...] = ()
  worker_hosts: tuple[str, ...] = ()
  job_name: str = 'worker'
  task_index: int = 0
  has_chief_job: bool = False

  @property
  def is_chief(self) -> bool:
    """Whether this process starts, saves and ends the job."""
    return self.job_name == 'worker' and self.task_index == 0

  @property
  def num_workers(self) -> int:
    """The number of replicas."""
    return len(self.worker_hosts) or 1

  @property
  def device(self) -> str:
    """TensorFlow's name of this task; '' in a job of one process."""
    if not self.ps_hosts:
      return ''
    return f'/job:{self.job_name}/task:{self.task_index}'

  @property
  def cluster(self) -> dict[str, list[str]]:
    """All addresses by job, in the form in which TensorFlow takes them."""
    return {'ps': list(self.ps_hosts), 'worker': list(self.worker_hosts)}


def from_tf_config(text: str) -> ClusterTask:
  """Reads the environment variable TF_CONFIG.

  Args:
    text: the value of the variable, see tf_config.py.

  Returns:
    The task that it describes.

  Raises:
    InputError: the value cannot be used.
  """
  jobs, job_name, task_index = tf_config.parse(text)
  chief, workers, ps = (
    tuple(jobs.get(name, ())) for name in ('chief', 'worker', 'ps')
  )
  if job_name == 'worker':
    task_index += len(chief)
  return ClusterTask(
    ps_hosts=ps,
    worker_hosts=chief + workers,
    job_name=_own_name(job_name),
    task_index=task_index,
    has_chief_job=bool(chief),
  )


def from_hosts(
  ps_hosts: Sequence[str],
  worker_hosts: Sequence[str],
  job_name: str,
  task_index: int,
) -> ClusterTask:
  """Makes a task of what the flags of train.py say.

  Args:
    ps_hosts: addresses `host:port` of the parameter servers.
    worker_hosts: addresses of the workers. Worker 0 is the chief.
    job_name: one of `tf_config.JOB_NAMES`.
    task_index: the number of the task in its job.

  Returns:
    The task.

  Raises:
    InputError: there can be no such job, or no such task in it.
  """
  jobs = {'worker': list(worker_hosts), 'ps': list(ps_hosts)}
  tf_config.check(jobs, job_name, task_index, '--ps_hosts, --worker_hosts')
  return ClusterTask(
    ps_hosts=tuple(ps_hosts),
    worker_hosts=tuple(worker_hosts),
    job_name=_own_name(job_name),
    task_index=task_index,
  )


def names(task: ClusterTask) -> dict[str, str]:
  """Names the ps and workers of a job as its user does.

  Args:
    task: any task of the job.

  Returns:
    Name and address, such as 'worker 0 (localhost:2222)' -> the address.
  """
  num_chiefs = int(task.has_chief_job)
  jobs = {
    'ps': task.ps_hosts,
    'chief': task.worker_hosts[:num_chiefs],
    'worker': task.worker_hosts[num_chiefs:],
  }
  return {
    f'{job} {index} ({host})': host
    for job, hosts in jobs.items()
    for index, host in enumerate(hosts)
  }


def missing_tasks(task: ClusterTask) -> list[str]:
  """Finds the ps and workers of a job whose ports do not answer.

  Args:
    task: any task of the job.

  Returns:
    Their names, see `names`.
  """
  addresses = names(task)
  with concurrent.futures.ThreadPoolExecutor(max(len(addresses), 1)) as pool:
    answers = list(pool.map(_answers, addresses.values()))
  return [name for name, answer in zip(addresses, answers) if not answer]


def _own_name(job_name: str) -> str:
  """Returns the job of a `ClusterTask`, in which the chief is worker 0."""
  return 'worker' if job_name == 'chief' else job_name


def _answers(address: str) -> bool:
  """Returns whether somebody accepts connections at `host:port`."""
  host, _, port = address.rpartition(':')
  try:
    socket.create_connection((host, int(port)), _PROBE_SECONDS).close()
  except (OSError, ValueError):
    return False
  return True
