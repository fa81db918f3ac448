"""Which parameter server (ps) keeps which variable.

Every step moves each variable over the network, so the ps that keeps the most
bytes limits the speed. Each variable therefore goes to the ps that has the
fewest bytes so far.
"""

from collections.abc import Callable

import tensorflow as tf
from tensorflow.compat import v1

from two_stream.cluster import cluster_task


class FewestBytes:
  """Gives each variable to the ps that keeps the fewest bytes.

  Every task builds the same graph in the same order, so all tasks agree.

  Attributes:
    bytes_per_ps: how many bytes each ps keeps.
  """

  def __init__(self, num_ps: int):
    self.bytes_per_ps = [0] * num_ps

  def __call__(self, op: tf.Operation) -> int:
    """Chooses the ps of a variable.

    Args:
      op: the variable's op, as `tf.compat.v1.train.replica_device_setter` gives
        it.

    Returns:
      The number of the ps.
    """
    shape = tf.TensorShape(op.get_attr('shape'))
    return self.choose(shape.num_elements() * op.get_attr('dtype').size)

  def choose(self, num_bytes: int) -> int:
    """Chooses the ps of a variable of that size; returns its number."""
    ps = self.bytes_per_ps.index(min(self.bytes_per_ps))
    self.bytes_per_ps[ps] += num_bytes
    return ps


def device_setter(
  task: cluster_task.ClusterTask,
) -> Callable[[tf.Operation], str] | None:
  """Makes a function that gives every op of a worker's graph its device.

  Args:
    task: the worker.

  Returns:
    A function for `tf.compat.v1.device`, which puts variables on the ps and all
    other ops on this worker; None in a job without ps.
  """
  if not task.ps_hosts:
    return None
  return v1.train.replica_device_setter(
    cluster=task.cluster,
    worker_device=task.device,
    ps_strategy=FewestBytes(len(task.ps_hosts)),
  )
