"""A unit that computes in bfloat16 and learns in float32.

A bfloat16 has the range of a float32, and 8 significant bits instead of 24.
Activations need half the memory, and processors with instructions for bfloat16
multiply faster. But a step of training often changes a weight by less than 8
bits can show. So the variables stay float32:

    convolution   of bfloat16 inputs with the weights rounded to bfloat16
    BatchNorm     offset, statistics and arithmetic in float32
    output        rounded to bfloat16

The gradient of the weights is computed in bfloat16 and then cast to float32.
"""

from collections.abc import Callable

import numpy as np
import sonnet as snt
import tensorflow as tf

from two_stream.networks import batch_norm, layers


class BFloat16Unit(snt.Module):
  """A convolution, BatchNorm and ReLU, whose output is bfloat16.

  The variables have the names, shapes and type of those of `i3d.Unit3D`. So a
  checkpoint is the same, whatever the precision that it was trained in.

  Attributes:
    w: the weights of the convolution, float32.
    batch_norm: the BatchNorm.
  """

  w: tf.Variable

  def __init__(
    self,
    channels: int,
    kernel: layers.Size,
    stride: layers.Size,
    name: str,
    *,
    w_init: Callable[..., tf.Tensor],
    batch_norm_decay: float = batch_norm.DECAY,
  ) -> None:
    """Makes the unit. Its variables are made by the first call.

    Args:
      channels: number of channels of the output.
      kernel: size of the kernel.
      stride: stride of the convolution.
      name: name of the module.
      w_init: makes the first weights, called as `w_init(shape, dtype)`.
      batch_norm_decay: weight of the old value in BatchNorm's moving averages.
    """
    super().__init__(name=name)
    self._channels = channels
    self._kernel, self._stride = (
      tuple(np.broadcast_to(size, 3).tolist()) for size in (kernel, stride)
    )
    self._w_init = w_init
    self.batch_norm = batch_norm.BatchNorm(batch_norm_decay)

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    """[B, T, H, W, C] -> [B, T/stride, H/stride, W/stride, channels]."""
    self._make_weights(inputs)
    dtype = self._convolution_dtype(inputs.shape[1])
    inputs, w = (tf.cast(each, dtype) for each in (inputs, self.w))
    net = tf.nn.convolution(inputs, w, self._stride, 'SAME', 'NDHWC')
    net = self.batch_norm(tf.cast(net, tf.bfloat16), is_training)
    return tf.nn.relu(net)

  @snt.once
  def _make_weights(self, inputs: tf.Tensor) -> None:
    shape = [*self._kernel, inputs.shape[-1], self._channels]
    self.w = tf.Variable(self._w_init(shape, tf.float32), name='conv_3d/w')

  def _convolution_dtype(self, time_steps: int | None) -> tf.DType:
    """Chooses the type of the convolution for a number of time steps.

    On CPUs, TensorFlow 2.21 (oneDNN 3.7.3) computes wrong gradients of bfloat16
    weights where the kernel is longer than the clip, and may write beyond their
    memory. In I3D these are the 3x3x3 convolutions of Mixed_5b and Mixed_5c, if
    the clip has 9 to 16 frames. They are computed in float32.
    """
    reach = self._kernel[0] + self._stride[0] - 1
    is_safe = self._kernel[0] == 1 or (time_steps or 0) >= reach
    return tf.bfloat16 if is_safe else tf.float32
