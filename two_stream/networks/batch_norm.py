"""Batch normalization as Sonnet 1 had it, which made DeepMind's checkpoints.

It has an offset (`beta`) and no scale. Its moving averages start at 0 and 1 and
are not corrected for that start. They hold the variance of the batch itself,
without Bessel's correction:

    training:   moving -= (moving - batch) * (1 - decay)
    inference:  (x - moving_mean) / sqrt(moving_variance + 0.001) + beta

`snt.BatchNorm` of Sonnet 2 has another epsilon, and corrects for the start.

The moving averages may also take in many minibatches at once. Each of n updates
leaves `decay` of the old value, so together they leave decay^n of it:

    with batch_norm.collected() as statistics:
      network(clips, is_training=True)

leaves the moving averages alone and collects what they should move towards.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import sonnet as snt
import tensorflow as tf

# Both are the defaults of Sonnet 1, which DeepMind's i3d.py does not change.
DECAY = 0.999
EPSILON = 1e-3


# A moving average, and the value [C] of a minibatch that it is to move towards.
Statistic = tuple[tf.Variable, tf.Tensor]

_collection: contextvars.ContextVar[list[Statistic] | None] = (
  contextvars.ContextVar('statistics of minibatches', default=None)
)


@contextlib.contextmanager
def collected() -> Iterator[list[Statistic]]:
  """Collects the statistics of the minibatches that the block sees.

  The moving averages stay as they are.

  Yields:
    A list, to which each training call of a `BatchNorm` adds its mean and its
    variance.
  """
  statistics: list[Statistic] = []
  token = _collection.set(statistics)
  try:
    yield statistics
  finally:
    _collection.reset(token)


def fold(
  w: tf.Tensor, beta: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """Folds BatchNorm at its moving averages into the convolution before it.

  Args:
    w: the weights of the convolution, [..., channels].
    beta: the offset, [channels].
    mean: the moving mean, [channels].
    variance: the moving variance, [channels].

  Returns:
    The weights and the bias [channels] of a convolution that does the same
    without BatchNorm.
  """
  scale = tf.math.rsqrt(variance + EPSILON)
  return w * scale, beta - mean * scale


class BatchNorm(snt.Module):
  """Batch normalization over all axes but the channels.

  Attributes:
    beta: the offset, which is trained.
    moving_mean: mean of each channel, for inference.
    moving_variance: variance of each channel, for inference.
  """

  beta: tf.Variable
  moving_mean: tf.Variable
  moving_variance: tf.Variable

  def __init__(
    self,
    decay: float = DECAY,
    name: str = 'batch_norm',
    *,
    variable_rank: int = 5,
  ) -> None:
    """Makes the module. Its variables are made by the first call.

    Args:
      decay: weight of the old value in a moving average, in [0, 1).
      name: name of the module.
      variable_rank: number of axes of the variables. 5 gives them the shape
        [1, 1, 1, 1, C], 1 the shape [C].
    """
    super().__init__(name=name)
    self._decay = decay
    self._variable_rank = variable_rank

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    """Normalizes the inputs.

    In a TF1 graph the updates of the moving averages are added to the
    collection `tf.compat.v1.GraphKeys.UPDATE_OPS`, and somebody has to run
    them. Elsewhere they are done at once.

    Args:
      inputs: clips [B, T, H, W, C] or images [B, H, W, C], float32 or
        bfloat16. Statistics and arithmetic are float32 in any case.
      is_training: True normalizes by the mean and variance of the batch and
        updates the moving averages. False normalizes by the moving averages.

    Returns:
      The normalized inputs, in the same shape and type.
    """
    self._make_variables(inputs)
    # The fused kernels know images only: a clip is a batch of its frames.
    frames = tf.reshape(inputs, tf.concat([[-1], tf.shape(inputs)[-3:]], 0))
    frames.set_shape([None, *inputs.shape[-3:]])
    outputs, mean, unbiased_variance = tf.compat.v1.nn.fused_batch_norm(
      frames,
      scale=tf.ones([inputs.shape[-1]]),
      offset=tf.reshape(self.beta, [-1]),
      mean=None if is_training else tf.reshape(self.moving_mean, [-1]),
      variance=None if is_training else tf.reshape(self.moving_variance, [-1]),
      epsilon=EPSILON,
      is_training=is_training,
    )
    if is_training:
      count = tf.cast(tf.size(frames[..., 0]), unbiased_variance.dtype)
      self._update(self.moving_mean, mean)
      self._update(
        self.moving_variance, unbiased_variance * ((count - 1) / count)
      )
    outputs = tf.reshape(outputs, tf.shape(inputs))
    outputs.set_shape(inputs.shape)
    return outputs

  @snt.once
  def _make_variables(self, inputs: tf.Tensor) -> None:
    shape = [1] * (self._variable_rank - 1) + [inputs.shape[-1]]
    zeros, ones = tf.zeros(shape), tf.ones(shape)
    self.beta = tf.Variable(zeros, name='beta')
    self.moving_mean = tf.Variable(zeros, trainable=False, name='moving_mean')
    self.moving_variance = tf.Variable(
      ones, trainable=False, name='moving_variance'
    )

  def _update(self, moving: tf.Variable, batch: tf.Tensor) -> None:
    """Moves a moving average towards the batch's value [C]."""
    statistics = _collection.get()
    if statistics is not None:
      statistics.append((moving, batch))
      return
    change = (moving - tf.reshape(batch, moving.shape)) * (1 - self._decay)
    update = moving.assign_sub(change, read_value=False)
    if not tf.compat.v1.executing_eagerly_outside_functions():
      tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.UPDATE_OPS, update)
