"""A unit of the network that a training leaves as it is.

Its BatchNorm is at its moving averages, as at inference, and folded into the
convolution. So the unit costs no more than in a classifier. Gradients pass
through it to trained units below, if there are any.
"""

import numpy as np
import sonnet as snt
import tensorflow as tf

from two_stream.networks import batch_norm, layers


class FrozenUnit(snt.Module):
  """A convolution, BatchNorm and ReLU, none of them trained.

  The variables have the names and shapes of those of `i3d.Unit3D`, so that a
  checkpoint has the same layout. They must be set before the unit is of use:
  the weights start at zero.

  Attributes:
    w: the weights of the convolution.
    beta: the offset of BatchNorm, [1, 1, 1, 1, channels] like the others.
    moving_mean: the mean by which BatchNorm normalizes.
    moving_variance: the variance by which BatchNorm normalizes.
  """

  w: tf.Variable
  beta: tf.Variable
  moving_mean: tf.Variable
  moving_variance: tf.Variable

  def __init__(
    self,
    channels: int,
    kernel: layers.Size,
    stride: layers.Size,
    name: str,
    *,
    dtype: tf.DType = tf.float32,
  ) -> None:
    """Makes the unit. Its variables are made by the first call.

    Args:
      channels: number of channels of the output.
      kernel: size of the kernel.
      stride: stride of the convolution.
      name: name of the module.
      dtype: of the convolution and the output, float32 or bfloat16. The
        variables are float32, and BatchNorm is folded in float32.
    """
    super().__init__(name=name)
    self._channels = channels
    self._kernel = tuple(np.broadcast_to(kernel, 3).tolist())
    self._stride = stride
    self._dtype = dtype

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    """[B, T, H, W, C] -> [B, T/stride, H/stride, W/stride, channels]."""
    del is_training
    self._make_variables(inputs)
    w, b = batch_norm.fold(
      self.w,
      *(
        tf.reshape(variable, [-1])
        for variable in (self.beta, self.moving_mean, self.moving_variance)
      ),
    )
    inputs, w, b = (tf.cast(each, self._dtype) for each in (inputs, w, b))
    net = tf.nn.convolution(inputs, w, self._stride, 'SAME', 'NDHWC')
    return tf.nn.relu(tf.nn.bias_add(net, b))

  @snt.once
  def _make_variables(self, inputs: tf.Tensor) -> None:
    def variable(value: tf.Tensor, name: str) -> tf.Variable:
      return tf.Variable(value, trainable=False, name=name)

    weights_shape = [*self._kernel, inputs.shape[-1], self._channels]
    shape = [1, 1, 1, 1, self._channels]
    self.w = variable(tf.zeros(weights_shape), 'conv_3d/w')
    self.beta = variable(tf.zeros(shape), 'batch_norm/beta')
    self.moving_mean = variable(tf.zeros(shape), 'batch_norm/moving_mean')
    self.moving_variance = variable(
      tf.ones(shape), 'batch_norm/moving_variance'
    )
