"""Where the replicas of an all-reduce job are, and how they add up.

Each process has one replica on each of its GPUs, or one on its processors if it
has no GPU. Within a process and between processes, GPUs add up by NCCL.
Processors add up in a ring over gRPC.
"""

import tensorflow as tf

from two_stream import errors
from two_stream.cluster import cluster_task


def make(task: cluster_task.ClusterTask) -> tf.distribute.Strategy:
  """Joins the other tasks of the job.

  This function has to be called before TensorFlow computes anything.

  Args:
    task: the worker that this process is.

  Returns:
    The strategy over all replicas of the job.

  Raises:
    InputError: the server of this task cannot start, for instance because its
      port is taken.
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
  try:
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)
  except tf.errors.UnknownError as error:
    raise errors.InputError(
      f'worker {task.task_index} cannot serve: {error.message}'
    ) from error
