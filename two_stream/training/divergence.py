"""When a training has gone wrong, and what its user is told.

No source says where a large loss ends and divergence begins. We chose these
bounds:

    loss   The loss of a minibatch is too large if it is 100 times that of a
           network that gives every class the same probability. Training ends
           if it stays so for 100 steps in a row.
    norm   The norm of all weights of the convolutions is too large if it is
           1000 times that of new filters, each of which has a norm of 1.
           Training ends at once.
    any    A value that is not finite ends training at once.

A loss may jump and come back, but weights do not come back. BatchNorm makes the
result independent of their scale, so they can grow without harm to the loss.
But a step of the same size then changes them less and less. A state whose loss
is too large is not saved.

We measured trainings with 1 and 2 clips in a step, in which losses jump most
(depth multipliers of 1/16 to 1; 12 to 600 steps):

    rate   largest loss / bound   longest time beyond   largest norm / bound
    0.1    0.03 to 2              1 step                0.003
    1      50 to 140              10 steps              0.1
    10     4000 and more          to the end            5 and more

Networks learned even at a rate of 1, which is ten times the published rate.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.compat import v1

import i3d
from two_stream import files
from two_stream.training import objective, saved_checkpoints

PATIENCE_STEPS = 100  # So many steps in a row may have too large a loss.
_MAX_LOSS = 100  # Times the loss of a network that knows nothing.
_MAX_NORM = 1000  # Times the norm of new filters.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
  """What a training that goes well does not exceed.

  Attributes:
    loss: bound of the loss of a minibatch, weight decay included.
    norm: bound of the norm of all weights of the convolutions together.
  """

  loss: float
  norm: float


def bounds(
  network: i3d.InceptionI3d, num_classes: int, weight_decay: float
) -> Bounds:
  """Computes the bounds for a network.

  Args:
    network: a network that has been called.
    num_classes: the number of logits.
    weight_decay: the factor of half the sum of the squared weights.

  Returns:
    The bounds.
  """
  num_filters = sum(
    weights.shape[-1] for weights in objective.convolution_weights(network)
  )
  loss = math.log(max(num_classes, 2)) + weight_decay * num_filters / 2
  return Bounds(loss=_MAX_LOSS * loss, norm=_MAX_NORM * math.sqrt(num_filters))


class VariableCheck:
  """Checks all that a checkpoint holds: weights, averages and momentum."""

  def __init__(self, network: i3d.InceptionI3d, max_norm: float):
    """Makes the ops, each on the device of the variable that it checks.

    Args:
      network: a network that was called in the default graph.
      max_norm: the bound of the norm of all weights of its convolutions.
    """
    self._max_norm = max_norm
    variables = [
      variable
      for variable in v1.global_variables()
      if variable.dtype.is_floating
    ]
    weights = {
      weights.ref() for weights in objective.convolution_weights(network)
    }
    self._names = [variable.op.name for variable in variables]
    self._are_weights = np.array(
      [variable.ref() in weights for variable in variables]
    )
    self._half_squares = tf.stack(
      [_half_squares(variable) for variable in variables]
    )

  def __call__(self, session: v1.Session) -> str:
    """Says what is wrong with the variables; '' if nothing is."""
    return describe_bad_values(
      self._names,
      session.run(self._half_squares),
      self._are_weights,
      self._max_norm,
    )


def describe_bad_values(
  names: Sequence[str],
  half_squares: np.ndarray,
  are_weights: np.ndarray,
  max_norm: float,
) -> str:
  """Says what is wrong with the variables of a training.

  Args:
    names: the names of the variables.
    half_squares: half the sum of the squares of each variable, float32.
    are_weights: whether each of them is the weights of a convolution.
    max_norm: the bound of the norm of all weights together.

  Returns:
    One sentence without an end; '' if nothing is wrong.
  """
  finite = np.isfinite(half_squares)
  bad = [name for name, ok in zip(names, finite) if not ok]
  if bad:
    more = f' (and {len(bad) - 1} more)' if len(bad) > 1 else ''
    return f'{bad[0]}{more} is not finite, or its square is not'
  norm = math.sqrt(2 * half_squares[are_weights].sum(dtype=float))
  if norm > max_norm:
    return (
      f'the norm of the weights is {norm:.3g}, which is more than '
      f'{_MAX_NORM} times that of new ones'
    )
  return ''


def _half_squares(variable: tf.Variable) -> tf.Tensor:
  """Computes half the sum of a variable's squares, where the variable is."""
  with tf.device(variable.device):
    return tf.nn.l2_loss(variable.read_value())


def describe_large_loss(loss: float, limits: Bounds) -> str:
  """Says what is wrong with a loss beyond its bound."""
  return (
    f'the loss is {loss:.3g}; {limits.loss:.3g} is {_MAX_LOSS} times that of a '
    'network that knows nothing'
  )


def advice(train_dir: files.PathLike, sound_step: int | None = None) -> str:
  """Says how to go on after a training has gone wrong.

  Args:
    train_dir: the folder of the checkpoints.
    sound_step: the step of the last checkpoint whose loss was not too large;
      None if already the state with which this run began was bad.

  Returns:
    One or two sentences, which name the checkpoint to go on from.
  """
  if sound_step is not None:
    return _go_on_from(train_dir, sound_step)
  steps = saved_checkpoints.steps_in(train_dir)
  if len(steps) < 2:
    return (
      'The weights that training began with are no better: begin with others, '
      'in another --train_dir'
    )
  newest = saved_checkpoints.path_of(train_dir, steps[-1])
  return (
    f'{newest}, with which this run began, is no better: remove its files. '
    f'{_go_on_from(train_dir, steps[-2])}'
  )


def advice_of_worker(train_dir: files.PathLike) -> str:
  """Says how to go on, in a worker that does not save checkpoints itself."""
  steps = saved_checkpoints.steps_in(train_dir)
  if steps:
    return _go_on_from(train_dir, steps[-1])
  return 'Lower --learning_rates and run again; the chief has the checkpoints'


def _go_on_from(train_dir: files.PathLike, step: int) -> str:
  checkpoint = saved_checkpoints.path_of(train_dir, step)
  return (
    f'{checkpoint} is the last checkpoint from before; lower --learning_rates '
    f'from step {step} on and run again to go on from it'
  )
