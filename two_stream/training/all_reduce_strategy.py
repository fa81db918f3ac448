"""Where the replicas of an all-reduce job are, and how they add up.

Each process has one replica on each of its GPUs, or one on its processors if it
has no GPU. Within a process and between processes, GPUs add up by NCCL.
Processors add up in a ring over gRPC.
"""

import contextlib
import logging
import signal
from collections.abc import Iterator

import tensorflow as tf

from two_stream import errors
from two_stream.cluster import cluster_task, meeting
from two_stream.training import watchdog


def make(
  task: cluster_task.ClusterTask, peer_seconds: float
) -> tf.distribute.Strategy:
  """Joins the other tasks of the job.

  This function has to be called before TensorFlow computes anything.

  Args:
    task: the worker that this process is.
    peer_seconds: how long to wait for the others.

  Returns:
    The strategy over all replicas of the job.

  Raises:
    InputError: the server of this task cannot start, for instance because its
      port is taken.
    MissingTasksError: another task did not come in time.
  """
  num_gpus = len(tf.config.list_physical_devices('GPU'))
  if task.num_workers == 1:
    kind = 'GPU' if num_gpus else 'CPU'
    devices = tf.config.list_logical_devices(kind)
    return tf.distribute.MirroredStrategy([each.name for each in devices])
  resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
    tf.train.ClusterSpec({'worker': list(task.worker_hosts)}),
    task_type='worker',
    task_id=task.task_index,
    rpc_layer='grpc',
    num_accelerators={'GPU': num_gpus} if num_gpus else None,
  )
  meeting.meet(task, peer_seconds)
  try:
    with watchdog.keeping_handlers(), _ended_after(peer_seconds):
      return tf.distribute.MultiWorkerMirroredStrategy(resolver)
  except tf.errors.UnknownError as error:
    raise errors.InputError(
      f'worker {task.task_index} cannot serve: {error.message}'
    ) from error


def of_first(mine: tf.Tensor) -> tf.Tensor:
  """Gives every replica the tensor of the first one.

  All replicas of the job do so at the same time, in `Strategy.run`.

  Args:
    mine: the tensor of this replica. Those of all replicas have one shape.
  """
  context = tf.distribute.get_replica_context()
  is_first = tf.equal(context.replica_id_in_sync_group, 0)
  return context.all_reduce(
    tf.distribute.ReduceOp.SUM, tf.where(is_first, mine, tf.zeros_like(mine))
  )


def numbers_of_first(
  strategy: tf.distribute.Strategy, numbers: list[int]
) -> list[int]:
  """Gives every process the numbers of the first one.

  All processes of the job do so at the same time.

  Args:
    strategy: the strategy over all replicas of the job.
    numbers: whole numbers, as many in each process.
  """
  mine = tf.constant(numbers, tf.int64)
  values = tf.function(lambda: strategy.run(of_first, (mine,)))()
  return [int(each) for each in strategy.experimental_local_results(values)[0]]


@contextlib.contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
  """Ends the process by SIGALRM if the block takes longer.

  While TensorFlow joins the others, nothing in Python runs, so that nobody else
  could end it when one of them dies just then.
  """
  logging.info(
    'joining the other workers; if that takes longer than %g s, this task ends '
    'by SIGALRM',
    seconds,
  )
  signal.signal(signal.SIGALRM, signal.SIG_DFL)
  signal.setitimer(signal.ITIMER_REAL, seconds)
  try:
    yield
  finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
