"""What training minimizes, whichever engine does it.

The loss of a minibatch is its mean cross-entropy, plus the weight decay. The
learning rate is a function of the step.
"""

import math
import zlib
from collections.abc import Callable, Sequence

import sonnet as snt
import tensorflow as tf

import i3d
from two_stream import recipe
from two_stream.networks import (
  bfloat16_unit,
  checkpoints,
  frozen_unit,
  layers,
)
from two_stream.training import training_job

# An engine says this if a step must not be applied, see explained_errors.py.
NOT_FINITE = 'the loss or its gradient is not finite'


def make_network(
  hyperparameters: training_job.Hyperparameters,
  num_classes: int,
  clip_number: Callable[[], tf.Tensor],
) -> i3d.InceptionI3d:
  """Makes the network to be trained.

  The dropout of a minibatch depends on the seed and on the number of its first
  clip alone. So a training that was restarted draws the same dropout again. The
  first weights of a layer depend on the seed and on the layer's name alone. So
  they are the same in every engine and in every precision.

  Args:
    hyperparameters: the hyperparameters of the job.
    num_classes: the number of logits.
    clip_number: a function that returns the number of the first clip of the
      minibatch, int64 []. It is called while the network is called.

  Returns:
    The network, whose variables will have DeepMind's names. Those that are not
    trained, see `training_job.Hyperparameters.train_only`, start at zero.
  """

  def dropout(net: tf.Tensor, rate: float) -> tf.Tensor:
    return tf.nn.experimental.stateless_dropout(
      net, rate, [hyperparameters.seed, clip_number()]
    )

  with tf.name_scope(recipe.STREAMS[hyperparameters.stream].scope):
    return i3d.InceptionI3d(
      num_classes,
      depth_multiplier=hyperparameters.depth_multiplier,
      unit=_unit_maker(hyperparameters),
      dropout=dropout,
      logits_w_init=_weight_maker(hyperparameters.seed, recipe.LOGITS),
    )


def _unit_maker(
  hyperparameters: training_job.Hyperparameters,
) -> Callable[..., snt.Module]:
  """Returns what makes the units of the network, one after the other."""
  paths = (path for path, _ in layers.convolutions(i3d.LAYERS))
  trained_unit = {
    'float32': i3d.Unit3D,
    'bfloat16': bfloat16_unit.BFloat16Unit,
  }[hyperparameters.precision]
  dtype = tf.as_dtype(hyperparameters.precision)
  trained = hyperparameters.train_only or recipe.UNITS

  def unit(
    channels: int, kernel: layers.Size, stride: layers.Size, name: str
  ) -> snt.Module:
    path = next(paths)
    if path.partition('/')[0] not in trained:
      return frozen_unit.FrozenUnit(channels, kernel, stride, name, dtype=dtype)
    return trained_unit(
      channels,
      kernel,
      stride,
      name=name,
      batch_norm_decay=hyperparameters.batch_norm_decay,
      w_init=_weight_maker(hyperparameters.seed, path),
    )

  return unit


def _weight_maker(seed: int, path: str) -> Callable[..., tf.Tensor]:
  """Returns what draws the first weights of a layer, as Sonnet draws them.

  The distribution is normal, with the standard deviation 1 / sqrt(fan in), and
  cut at two deviations.

  Args:
    seed: the seed of the job.
    path: the name of the layer.
  """
  name = zlib.crc32(path.encode())

  def draw(shape: Sequence[int], dtype: tf.DType) -> tf.Tensor:
    return tf.random.stateless_truncated_normal(
      shape, [seed, name], stddev=math.prod(shape[:-1]) ** -0.5, dtype=dtype
    )

  return draw


def loss(
  logits: tf.Tensor,
  labels: tf.Tensor,
  network: i3d.InceptionI3d,
  weight_decay: float,
) -> tf.Tensor:
  """Computes the loss of a minibatch.

  Only the weights that are trained decay.

  Args:
    logits: float32 [batch, classes].
    labels: int32 [batch].
    network: the network that computed the logits.
    weight_decay: the factor of half the sum of the squared weights.

  Returns:
    float32 [], the mean cross-entropy plus the weight decay.
  """
  cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  decay = tf.add_n(
    [
      tf.nn.l2_loss(weights)
      for weights in convolution_weights(network)
      if weights.trainable
    ]
  )
  return tf.reduce_mean(cross_entropy) + weight_decay * decay


def convolution_weights(network: i3d.InceptionI3d) -> list[tf.Variable]:
  """Lists the weights of all convolutions, whether trained or not.

  Args:
    network: a network that has been called.
  """
  return [
    variable
    for path, variable in checkpoints.variables(network).items()
    if path.endswith('/w')
  ]


def accuracy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
  """Computes the share of clips whose label has the largest logit.

  Args:
    logits: float32 [batch, classes].
    labels: int32 [batch].

  Returns:
    float32 [], between 0 and 1.
  """
  hits = tf.equal(tf.argmax(logits, 1, tf.int32), labels)
  return tf.reduce_mean(tf.cast(hits, tf.float32))


def learning_rate(
  step: tf.Tensor | tf.Variable, rows: Sequence[tuple[int, float]]
) -> tf.Tensor:
  """Computes the learning rate of a step.

  This is the rate of the last row whose first step is not later than `step`.
  `tf.compat.v1.train.piecewise_constant` would keep the old rate for one step
  more.

  Args:
    step: int64 [], the number of steps that have been done.
    rows: the schedule, see `recipe.LearningRates`.

  Returns:
    float32 [].
  """
  first_steps, rates = zip(*rows)
  row = tf.searchsorted(
    tf.constant(first_steps, tf.int64),
    [tf.cast(step, tf.int64)],
    side='right',
  )
  return tf.gather(tf.constant(rates, tf.float32), row[0] - 1)
