"""A gate that every update goes through, so that a checkpoint is of one step.

With backup workers, the other workers go on while the chief saves. Without the
gate, a checkpoint would mix the variables of several steps.

There is one permit. Each update takes it and gives it back. While the chief has
the permit, gradients and tokens wait.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import tensorflow as tf
from tensorflow.compat import v1

# A long time for an update. If an update breaks off, for instance because a ps
# dies, the permit is lost with it. The next session makes a new permit.
_PATIENCE_SECONDS = 60.0


class UpdateGate:
  """The permit, and what to do with it.

  Attributes:
    open: an op for the start of a session. It makes sure that there is exactly
      one permit.
  """

  def __init__(self) -> None:
    """Makes the ops on the device of the context, which keeps the permit."""
    self._permits = tf.queue.FIFOQueue(
      -1, tf.bool, [()], shared_name='permits_to_update'
    )
    self._take = self._permits.dequeue()
    self._give = self._permits.enqueue(True)
    left = self._permits.dequeue_many(self._permits.size())
    with tf.control_dependencies([left]):
      self.open: tf.Operation = self._permits.enqueue(True)

  def update(
    self,
    gradients: Sequence[tf.Tensor],
    make_update: Callable[[], tf.Operation],
  ) -> tf.Operation:
    """Builds an update that waits for its gradients, and then for the permit.

    Args:
      gradients: the gradients that the update needs.
      make_update: a function that makes the update's op and returns it.

    Returns:
      The op that does the update and gives the permit back.
    """
    with tf.control_dependencies(gradients):
      taken = self._permits.dequeue()
    with tf.control_dependencies([taken]):
      update = make_update()
    with tf.control_dependencies([update]):
      return self._permits.enqueue(True)

  @contextlib.contextmanager
  def held(
    self, session: v1.Session, seconds: float = _PATIENCE_SECONDS
  ) -> Iterator[None]:
    """Keeps all updates out while the block runs.

    Args:
      session: a session of the chief.
      seconds: how long to wait for an update that has begun.

    Raises:
      tf.errors.AbortedError: the update does not finish. The chief then begins
        a new session, just as after the loss of a ps.
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
  """SGD with momentum, whose updates go through a gate.

  Attributes:
    gate: the gate, once `apply_gradients` was called.
  """

  gate: UpdateGate

  def apply_gradients(
    self,
    grads_and_vars: Iterable[tuple[tf.Tensor, tf.Variable]],
    global_step: tf.Variable | None = None,
    name: str | None = None,
  ) -> tf.Operation:
    """Makes the update, like the method of the base class."""
    grads_and_vars = list(grads_and_vars)
    self.gate = UpdateGate()
    return self.gate.update(
      [gradient for gradient, _ in grads_and_vars],
      lambda: super(GatedMomentum, self).apply_gradients(
        grads_and_vars, global_step, name
      ),
    )
