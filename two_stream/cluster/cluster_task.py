"""The tasks of a training job and where they run.

Every worker is a replica, worker 0 is the chief as well, and parameter servers
(ps) keep the variables. A job of one process has no ps and no servers.

TensorFlow's servers listen on every network interface, whatever address they
are given, and whoever reaches their ports controls them: run them in a network
of their own.
"""

import concurrent.futures
import socket
from typing import NamedTuple

import tensorflow as tf

from two_stream import errors
from two_stream.cluster import tf_config

v1 = tf.compat.v1

# How long a ps outlives the chief for the sake of workers that are not done.
_GRACE_SECONDS = 60
_PROBE_SECONDS = 2

# The chief is worker 0.
_JOB = {**{job: job for job in tf_config.JOB_NAMES}, 'chief': 'worker'}


class Cluster(NamedTuple):
  """The hosts of a job and this process's place among them.

  Attributes:
    ps: addresses `host:port` of the parameter servers.
    workers: addresses of the workers, the chief's first.
    job_name: 'worker', 'ps' or 'evaluator'.
    task_index: number among `ps` or `workers`.
    chief_apart: whether the job's names tell the chief from worker 0, as
      TF_CONFIG can: its worker 0 is the second of `workers`.
  """

  ps: tuple = ()
  workers: tuple = ()
  job_name: str = 'worker'
  task_index: int = 0
  chief_apart: bool = False

  @property
  def is_chief(self):
    """Whether this process starts, saves and ends the job."""
    return self.job_name == 'worker' and self.task_index == 0

  @property
  def num_workers(self):
    """Number of replicas."""
    return len(self.workers) or 1

  @property
  def device(self):
    """The device of this task, '' in a job of one process."""
    if not self.ps:
      return ''
    return f'/job:{self.job_name}/task:{self.task_index}'

  def spec(self):
    """As TensorFlow takes it."""
    return tf.train.ClusterSpec(
      {
        'ps': list(self.ps),
        'worker': list(self.workers),
      }
    )

  def session_config(self):
    """Sessions see the ps and their own task: other tasks come and go."""
    filters = ['/job:ps', self.device] if self.ps else []
    return v1.ConfigProto(device_filters=filters, allow_soft_placement=True)


def from_tf_config(text):
  """Reads the environment variable TF_CONFIG.

  Args:
    text: see tf_config.py.

  Returns:
    A `Cluster`.

  Raises:
    InputError: if it cannot be used.
  """
  jobs, job_name, task_index = tf_config.parse(text)
  chief, workers, ps = (
    tuple(jobs.get(name, ())) for name in ('chief', 'worker', 'ps')
  )
  if job_name == 'worker':
    task_index += len(chief)
  return Cluster(
    ps, chief + workers, _JOB[job_name], task_index, chief_apart=bool(chief)
  )


def from_hosts(ps_hosts, worker_hosts, job_name, task_index):
  """Makes a `Cluster` of what the flags say; worker 0 is the chief.

  Raises:
    InputError: if it cannot be used.
  """
  jobs = {'worker': worker_hosts, 'ps': ps_hosts}
  tf_config.check(jobs, job_name, task_index, '--ps_hosts, --worker_hosts')
  return Cluster(
    tuple(ps_hosts), tuple(worker_hosts), _JOB[job_name], task_index
  )


def start_server(cluster):
  """Starts this task's server, which lives as long as the process.

  Raises:
    InputError: if the port is taken.
  """
  try:
    return tf.distribute.Server(
      cluster.spec(),
      cluster.job_name,
      cluster.task_index,
      config=cluster.session_config(),
    )
  except tf.errors.OpError as error:
    raise errors.InputError(
      f'{cluster.job_name} {cluster.task_index} cannot serve: {error.message}'
    ) from error


class BySize:
  """Puts each variable on the ps that holds the fewest bytes.

  Every task builds the same graph in the same order, so all agree.

  Attributes:
    loads: bytes of every ps.
  """

  def __init__(self, num_ps):
    self.loads = [0] * num_ps

  def __call__(self, op):
    """Chooses the ps of a variable's op; see replica_device_setter."""
    shape = tf.TensorShape(op.get_attr('shape'))
    return self.place(shape.num_elements() * op.get_attr('dtype').size)

  def place(self, size):
    """Chooses the ps of a variable of that many bytes."""
    task = self.loads.index(min(self.loads))
    self.loads[task] += size
    return task


def variable_placement(cluster):
  """A device function: variables on the ps by size, all else on this worker."""
  if not cluster.ps:
    return None
  return v1.train.replica_device_setter(
    cluster=cluster.spec(),
    worker_device=cluster.device,
    ps_strategy=BySize(len(cluster.ps)),
  )


def missing_tasks(cluster):
  """Names the ps and workers whose port does not answer."""
  apart = int(cluster.chief_apart)
  jobs = {
    'ps': cluster.ps,
    'chief': cluster.workers[:apart],
    'worker': cluster.workers[apart:],
  }
  tasks = {
    f'{job} {i} ({host})': host
    for job, hosts in jobs.items()
    for i, host in enumerate(hosts)
  }
  with concurrent.futures.ThreadPoolExecutor(max(len(tasks), 1)) as pool:
    answers = list(pool.map(_answers, tasks.values()))
  return [task for task, answer in zip(tasks, answers) if not answer]


def _answers(host):
  address, _, port = host.rpartition(':')
  try:
    socket.create_connection((address, int(port)), _PROBE_SECONDS).close()
  except (OSError, ValueError):
    return False
  return True


def sign_off_ops(cluster):
  """Ops of a worker's graph that tell every ps that the worker is done."""
  return [
    _sign_off_queue(i).enqueue(cluster.task_index)
    for i in range(len(cluster.ps))
  ]


def serve_until_done(cluster, server):
  """What a ps does: serves until every worker has signed off.

  Workers that have not by a minute after the chief are given up: they are dead
  or will find out that the job is over.
  """
  with tf.Graph().as_default():
    next_worker = _sign_off_queue(cluster.task_index).dequeue()
    config = v1.ConfigProto(device_filters=[cluster.device])
    waiting_for = set(range(cluster.num_workers))
    with v1.Session(server.target, config=config) as session:
      while waiting_for:
        options = v1.RunOptions()
        if 0 not in waiting_for:
          options.timeout_in_ms = _GRACE_SECONDS * 1000
        try:
          waiting_for.discard(int(session.run(next_worker, options=options)))
        except tf.errors.DeadlineExceededError:
          return


def _sign_off_queue(ps):
  with tf.device(f'/job:ps/task:{ps}'):
    return tf.queue.FIFOQueue(
      -1, tf.int32, shapes=[()], shared_name='workers_that_are_done'
    )
