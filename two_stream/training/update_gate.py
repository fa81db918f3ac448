"""A gate that all updates go through, so that what is saved is of one step.

With backup workers the others go on while the chief saves: a checkpoint was
made of the variables of several steps, under the name of the first. So each
update takes a permit, of which there is one, and gives it back; while the chief
has it, gradients and tokens wait.
"""

import contextlib

import tensorflow as tf
from tensorflow.compat import v1

# A long time for an update. The permit is lost with an update that broke off,
# as when a ps dies; it is there again in the session that follows.
_PATIENCE_SECONDS = 60


class UpdateGate:
  """The permit, and what to do with it.

  Attributes:
    open: op; sees to it that there is one permit, for the start of a session.
  """

  def __init__(self):
    """Makes the ops on the device of the context, which keeps the permit."""
    self._permits = tf.queue.FIFOQueue(
      -1, tf.bool, [()], shared_name='permits_to_update'
    )
    self._take = self._permits.dequeue()
    self._give = self._permits.enqueue(True)
    left = self._permits.dequeue_many(self._permits.size())
    with tf.control_dependencies([left]):
      self.open = self._permits.enqueue(True)

  def update(self, gradients, make_update):
    """Builds an update that waits for its gradients, then for the permit.

    Args:
      gradients: tensors.
      make_update: function that makes and returns the update's op.

    Returns:
      An op, the update with all around it.
    """
    with tf.control_dependencies(gradients):
      taken = self._permits.dequeue()
    with tf.control_dependencies([taken]):
      update = make_update()
    with tf.control_dependencies([update]):
      return self._permits.enqueue(True)

  @contextlib.contextmanager
  def held(self, session, seconds=_PATIENCE_SECONDS):
    """Keeps all updates out while the block runs.

    Args:
      session: a session of the chief.
      seconds: how long to wait for an update to finish.

    Raises:
      tf.errors.AbortedError: it does not finish. The chief begins a new session
        then, as when it loses a ps.
    """
    options = v1.RunOptions(timeout_in_ms=round(1000 * seconds))
    try:
      session.run(self._take, options=options)
    except tf.errors.DeadlineExceededError as error:
      message = f'an update has not finished in {seconds} s'
      raise tf.errors.AbortedError(None, None, message) from error
    try:
      yield
    finally:
      session.run(self._give)


class GatedMomentum(v1.train.MomentumOptimizer):
  """Momentum, whose updates go through a gate.

  Attributes:
    gate: the `UpdateGate`, once `apply_gradients` was called.
  """

  def apply_gradients(self, grads_and_vars, global_step=None, name=None):
    """As the base class's."""
    grads_and_vars = list(grads_and_vars)
    self.gate = UpdateGate()
    return self.gate.update(
      [gradient for gradient, _ in grads_and_vars],
      lambda: super(GatedMomentum, self).apply_gradients(
        grads_and_vars, global_step, name
      ),
    )
