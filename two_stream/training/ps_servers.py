"""TensorFlow's servers, through which workers and parameter servers (ps) talk.

A ps does nothing but serve. It ends once every worker has signed off, which a
worker does by putting its number into a queue on each ps.
"""

import tensorflow as tf
from tensorflow.compat import v1

from two_stream import errors
from two_stream.cluster import cluster_task

# How long a ps outlives the chief for the sake of workers that are not done.
_GRACE_SECONDS = 60
_CHIEF = 0  # The chief is worker 0.


def session_config(task: cluster_task.ClusterTask) -> v1.ConfigProto:
  """Makes the configuration of a task's sessions.

  A session sees the ps and its own task, but no other worker. So it works
  though other workers come and go.
  """
  filters = ['/job:ps', task.device] if task.ps_hosts else []
  return v1.ConfigProto(device_filters=filters, allow_soft_placement=True)


def start(task: cluster_task.ClusterTask) -> tf.distribute.Server:
  """Starts the server of a task, which lives as long as the process.

  Args:
    task: a worker or ps of a job that has ps.

  Returns:
    The server.

  Raises:
    InputError: the server cannot start, for instance because its port is taken.
  """
  try:
    return tf.distribute.Server(
      task.cluster,
      task.job_name,
      task.task_index,
      config=session_config(task),
    )
  except tf.errors.OpError as error:
    raise errors.InputError(
      f'{task.job_name} {task.task_index} cannot serve: {error.message}'
    ) from error


def sign_off_ops(task: cluster_task.ClusterTask) -> list[tf.Operation]:
  """Makes ops of a worker's graph that tell every ps that the worker is done.

  Args:
    task: the worker.

  Returns:
    An op for each ps.
  """
  return [
    _sign_off_queue(ps).enqueue(task.task_index)
    for ps in range(len(task.ps_hosts))
  ]


def serve_until_done(
  task: cluster_task.ClusterTask, server: tf.distribute.Server
) -> None:
  """Serves as a ps until every worker has signed off.

  A worker that has not signed off a minute after the chief is given up. Such a
  worker is dead, or will find out by itself that the job is over.

  Args:
    task: the ps.
    server: its server.
  """
  with tf.Graph().as_default():
    next_worker = _sign_off_queue(task.task_index).dequeue()
    config = v1.ConfigProto(device_filters=[task.device])
    waiting_for = set(range(task.num_workers))
    with v1.Session(server.target, config=config) as session:
      while waiting_for:
        options = v1.RunOptions()
        if _CHIEF not in waiting_for:
          options.timeout_in_ms = _GRACE_SECONDS * 1000
        try:
          waiting_for.discard(int(session.run(next_worker, options=options)))
        except tf.errors.DeadlineExceededError:
          return


def _sign_off_queue(ps: int) -> tf.queue.FIFOQueue:
  """Makes a handle of the queue on a ps for the numbers of workers."""
  with tf.device(f'/job:ps/task:{ps}'):
    return tf.queue.FIFOQueue(
      -1, tf.int32, shapes=[()], shared_name='workers_that_are_done'
    )
