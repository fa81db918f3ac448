"""How the gradients of many replicas become one step.

    a worker    computes a gradient of its own minibatch, adds it to the
                accumulators on the ps, and waits for a token;
    the chief   takes the mean of --replicas_to_aggregate gradients from the
                accumulators, applies it, and hands out a token for each
                gradient of the next step.

A token tells how many steps have been done. The accumulators drop a gradient of
variables that have been updated since it was begun.
"""

import dataclasses
import functools

import tensorflow as tf
from tensorflow.compat import v1

import i3d
from two_stream.training import objective, update_gate


class SyncReplicas(v1.train.SyncReplicasOptimizer):
  """The optimizer, whose thread in the chief ends quietly with the session.

  In TensorFlow's optimizer, that thread closes the queue of tokens when it
  ends. But when the chief loses one of several ps, it begins a new session, in
  which it needs the queue if that is on another ps. So here the queue stays
  open.

  Attributes:
    gate: the `update_gate.UpdateGate`, once `apply_gradients` was called.
  """

  @property
  def gate(self) -> update_gate.UpdateGate:
    """What all updates go through."""
    return self._opt.gate

  def get_init_tokens_op(self, num_tokens: int = -1) -> tf.Operation:
    """Makes the op that hands out the first tokens, and opens the gate."""
    return tf.group(super().get_init_tokens_op(num_tokens), self.gate.open)

  @functools.cache  # noqa: B019 (a process makes one optimizer)
  def get_chief_queue_runner(self) -> v1.train.QueueRunner:
    """Makes the thread of the chief, which applies mean gradients."""
    runner = super().get_chief_queue_runner()
    return v1.train.QueueRunner(
      runner.queue,
      runner.enqueue_ops,
      close_op=tf.no_op(),
      cancel_op=tf.no_op(),
      queue_closed_exception_types=(
        tf.errors.OutOfRangeError,
        tf.errors.CancelledError,
      ),
    )


def make_optimizer(
  rate: tf.Tensor,
  momentum: float,
  replicas_to_aggregate: int,
  num_workers: int,
) -> SyncReplicas:
  """Makes the optimizer of a replica: synchronous SGD with momentum.

  If there are more workers than gradients in a step, the slowest workers of
  each step are backups. If there are fewer, each computes several gradients.

  Args:
    rate: float32 [], the learning rate.
    momentum: the factor of the old velocity.
    replicas_to_aggregate: how many gradients are averaged in a step.
    num_workers: the number of replicas.

  Returns:
    The optimizer.
  """
  return SyncReplicas(
    update_gate.GatedMomentum(rate, momentum),
    replicas_to_aggregate,
    num_workers,
  )


def tokens_per_step(replicas_to_aggregate: int, num_workers: int) -> int:
  """Returns how many gradients are begun in a step, dropped ones included."""
  return max(replicas_to_aggregate, num_workers)


def first_unread_batch(
  step: int, replicas_to_aggregate: int, num_workers: int
) -> int:
  """Returns how many minibatches a replica has read before a step.

  This is exact for a single worker. Several workers share the gradients about
  equally.

  Args:
    step: the number of steps that have been done.
    replicas_to_aggregate: how many gradients are averaged in a step.
    num_workers: the number of replicas.
  """
  return (
    step * tokens_per_step(replicas_to_aggregate, num_workers) // num_workers
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contribution:
  """What a replica computes for a step.

  Attributes:
    token: int64 []. Evaluating it contributes a gradient and waits for the next
      token, whose value it has: the number of steps that have been done by
      then.
    gradient_norm: float32 [], the norm of the gradient.
    dropped_gradients: int64 [], how many gradients of all replicas have been
      dropped so far.
  """

  token: tf.Tensor
  gradient_norm: tf.Tensor
  dropped_gradients: tf.Tensor


def contribute(
  optimizer: SyncReplicas,
  loss: tf.Tensor,
  network: i3d.InceptionI3d,
  global_step: tf.Variable,
  device: str,
) -> Contribution:
  """Builds what contributes a gradient.

  A gradient that is not finite raises InvalidArgumentError with
  `objective.NOT_FINITE`, and nothing of it reaches a ps.

  Args:
    optimizer: the optimizer of the replica.
    loss: float32 [], the loss of a minibatch.
    network: the network, whose moving averages are updated with each gradient.
    global_step: the number of steps that have been done.
    device: of this worker; '' in a job of one process.

  Returns:
    The tensors of the contribution.
  """
  gradients, variables = zip(
    *optimizer.compute_gradients(loss, network.trainable_variables)
  )
  norm = tf.linalg.global_norm(gradients)
  assert_finite = v1.Assert(
    tf.math.is_finite(loss) & tf.math.is_finite(norm),
    [objective.NOT_FINITE, 'loss', loss, 'norm', norm],
  )
  with tf.control_dependencies(gradients):
    last_token, dropped = _count_if_stale(global_step, device)
  with tf.control_dependencies([assert_finite, dropped]):
    checked = [tf.identity(gradient) for gradient in gradients]
  wait = optimizer.apply_gradients(zip(checked, variables), global_step)
  # TensorFlow logs a long complaint if nobody uses this op, which happens if
  # the training ends before its first session.
  optimizer.ready_for_local_init_op.mark_used()
  token = tf.identity(wait)
  moving_averages = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
  remember_token = last_token.assign(token, read_value=False)
  with tf.control_dependencies([remember_token, *moving_averages]):
    token = tf.identity(token)
  return Contribution(
    token=token, gradient_norm=norm, dropped_gradients=dropped
  )


def _count_if_stale(
  global_step: tf.Variable, device: str
) -> tuple[tf.Variable, tf.Tensor]:
  """Counts the current gradient if the accumulators are going to drop it.

  Returns:
    (a variable of this replica, which is to hold the last token; int64 [], how
    many gradients of all replicas have been dropped).
  """
  count = tf.Variable(
    0, trainable=False, dtype=tf.int64, name='dropped_gradients'
  )
  with tf.device(device), tf.control_dependencies(None):
    last_token = v1.Variable(
      global_step.read_value,
      trainable=False,
      collections=[v1.GraphKeys.LOCAL_VARIABLES],
      name='last_token',
    )
  is_stale = global_step.read_value() > last_token.read_value()
  dropped = count.assign_add(tf.cast(is_stale, tf.int64)).read_value()
  return last_token, dropped
