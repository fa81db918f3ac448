"""When a training has gone wrong, and what its user is told.

Nothing public says where a large loss ends and divergence begins. We chose:

    loss   of a minibatch, 100 times that of a network that knows nothing and
           gives every class the same probability, for 100 steps in a row
    norm   of all weights of the convolutions, 1000 times that of new filters,
           which have a norm of 1 each
    any value that is not finite

A loss may jump and come back. Weights do not come back: BatchNorm makes the
result independent of their scale, so that they grow without harm to the loss,
but a step that stays as it was moves them less and less. So the norm is a
reason to end at once, and the loss is not; but nothing is saved of a state
whose loss is beyond its bound.

Measured, with 1 and 2 clips a step, which is where losses jump most (width 1/16
to 1; 12 to 600 steps):

    rate   largest loss / bound   longest time beyond   largest norm / bound
    0.1    0.03 to 2              1 step                0.003
    1      50 to 140              10 steps              0.1
    10     4000 and more          to the end            5 and more

A network learned at the rate of 1, too: ten times what is published.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.compat import v1

from two_stream.networks import checkpoints
from two_stream.training import initial_weights

PATIENCE_STEPS = 100
_MAX_LOSS = 100  # Times that of a network that knows nothing.
_MAX_NORM = 1000  # Times that of new filters.


class Bounds(NamedTuple):
  """What a training that goes well does not exceed.

  Attributes:
    loss: of a minibatch, weight decay included.
    norm: of all weights of the convolutions together.
  """

  loss: float
  norm: float


def bounds(network, num_classes, weight_decay):
  """Gives the bounds for a network.

  Args:
    network: an `i3d.InceptionI3d` that has been called.
    num_classes: number of logits.
    weight_decay: factor of half the sum of the squared weights.

  Returns:
    Its `Bounds`.
  """
  num_filters = sum(weights.shape[-1] for weights in _weights(network))
  loss = math.log(max(num_classes, 2)) + weight_decay * num_filters / 2
  return Bounds(_MAX_LOSS * loss, _MAX_NORM * math.sqrt(num_filters))


class Look:
  """Looks at all that a checkpoint holds: weights, averages and momentum."""

  def __init__(self, network, max_norm):
    """Makes the ops, each on the device of the variable that it looks at.

    Args:
      network: an `i3d.InceptionI3d` that was called in the default graph.
      max_norm: of all weights of its convolutions.
    """
    self._max_norm = max_norm
    variables = [
      each for each in v1.global_variables() if each.dtype.is_floating
    ]
    weights = {each.ref() for each in _weights(network)}
    self._names = [each.op.name for each in variables]
    self._are_weights = np.array([each.ref() in weights for each in variables])
    self._half_squares = tf.stack([_half_squares(each) for each in variables])

  def __call__(self, session):
    """What is wrong with the variables, in words; '' if nothing is."""
    half_squares = session.run(self._half_squares)
    finite = np.isfinite(half_squares)
    bad = [name for name, ok in zip(self._names, finite) if not ok]
    if bad:
      more = f' (and {len(bad) - 1} more)' if len(bad) > 1 else ''
      return f'{bad[0]}{more} is not finite, or its square is not'
    norm = math.sqrt(2 * half_squares[self._are_weights].sum(dtype=float))
    if norm > self._max_norm:
      return (
        f'the norm of the weights is {norm:.3g}, which is more than '
        f'{_MAX_NORM} times that of new ones'
      )
    return ''


def _half_squares(variable):
  """Half the sum of a variable's squares."""
  with tf.device(variable.device):
    return tf.nn.l2_loss(variable.read_value())


def _weights(network):
  return [
    variable
    for path, variable in checkpoints.variables(network).items()
    if path.endswith('/w')
  ]


def too_large(loss, limits):
  """What is wrong with a loss beyond its bound, in words."""
  return (
    f'the loss is {loss:.3g}; {limits.loss:.3g} is {_MAX_LOSS} times that of a '
    'network that knows nothing'
  )


def advice(train_dir, sound=None):
  """How to go on after a training has gone wrong.

  Args:
    train_dir: the folder of the checkpoints.
    sound: step of the last checkpoint from before; None if what this run began
      with is as bad as what came of it.

  Returns:
    A sentence or two that name the checkpoint to go on from.
  """
  if sound is not None:
    return _go_on_from(train_dir, sound)
  steps = initial_weights.saved_steps(train_dir)
  if len(steps) < 2:
    return (
      'The weights that training began with are no better: begin with others, '
      'in another --train_dir'
    )
  newest = initial_weights.checkpoint_path(train_dir, steps[-1])
  return (
    f'{newest}, with which this run began, is no better: remove its files. '
    f'{_go_on_from(train_dir, steps[-2])}'
  )


def advice_of_worker(train_dir):
  """How to go on, as far as a worker knows that is not the chief."""
  steps = initial_weights.saved_steps(train_dir)
  if steps:
    return _go_on_from(train_dir, steps[-1])
  return 'Lower --learning_rates and run again; the chief has the checkpoints'


def _go_on_from(train_dir, step):
  checkpoint = initial_weights.checkpoint_path(train_dir, step)
  return (
    f'{checkpoint} is the last checkpoint from before; lower --learning_rates '
    f'from step {step} on and run again to go on from it'
  )
