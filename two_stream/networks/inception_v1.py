"""Inception-v1, the image network that I3D is inflated from.

Its layers are those of `i3d.LAYERS` without the time axis:

    image [B, 224, 224, 3]
      -> convolutions and Mixed (Inception) blocks
      -> features [B, 7, 7, 1024]
      -> average pool 7x7, dropout, 1x1 convolution
      -> logits.

The variables have the names and shapes of TF-slim. So a
`tf.compat.v1.train.Saver` of them reads slim's ImageNet checkpoint, and writes
checkpoints that slim and `inflation` can read.

Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, with the BatchNorm
of Ioffe & Szegedy, ICML 2015.
"""

from collections.abc import Callable, Iterator

import numpy as np
import sonnet as snt
import tensorflow as tf

import i3d
from two_stream.networks import batch_norm, layers

NUM_CLASSES = 1001  # Class 0 is the background; ImageNet's follow.


def image_name(name: str) -> str:
  """Returns slim's name for the name of a layer of I3D, or for its path."""
  return name.replace('MaxPool3d', 'MaxPool').replace('Conv3d', 'Conv2d')


def _image_rows(rows: layers.Rows) -> Iterator[tuple[str, layers.Layer]]:
  """Yields the rows of a table of I3D for images."""
  for name, layer in rows:
    if isinstance(layer, dict):
      branches = {
        branch: tuple(
          (image_name(unit), _without_time(unit_layer))
          for unit, unit_layer in units
        )
        for branch, units in layer.items()
      }
      yield name, branches
    else:
      yield image_name(name), _without_time(layer)


def _without_time(
  layer: layers.Conv | layers.MaxPool,
) -> layers.Conv | layers.MaxPool:
  return layer._replace(
    kernel=_height_and_width(layer.kernel),
    stride=_height_and_width(layer.stride),
  )


def _height_and_width(size: layers.Size) -> layers.Size:
  return size if isinstance(size, int) else size[1:]


LAYERS: layers.Rows = tuple(_image_rows(i3d.LAYERS))


class Unit2D(snt.Module):
  """The building block: convolution, BatchNorm, ReLU.

  The logits have a unit without BatchNorm and ReLU, and with a bias.
  """

  def __init__(
    self,
    output_channels: int,
    kernel_shape: layers.Size = 1,
    stride: layers.Size = 1,
    use_batch_norm: bool = True,
    name: str = 'unit_2d',
    *,
    batch_norm_decay: float = batch_norm.DECAY,
  ) -> None:
    """Makes the unit. Its variables are made by the first call.

    Args:
      output_channels: number of channels of the output.
      kernel_shape: size of the kernel.
      stride: stride of the convolution.
      use_batch_norm: whether BatchNorm and ReLU follow the convolution. If not,
        a bias is added.
      name: name of the module.
      batch_norm_decay: weight of the old value in BatchNorm's moving averages.
    """
    super().__init__(name=name)
    self._kernel_shape = np.broadcast_to(kernel_shape, 2).tolist()
    self._channels = output_channels
    self._stride = stride
    self.batch_norm = None
    if use_batch_norm:
      self.batch_norm = batch_norm.BatchNorm(
        batch_norm_decay, name='BatchNorm', variable_rank=1
      )

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    """[B, H, W, C] -> [B, H/stride, W/stride, channels]."""
    self._make_variables(inputs)
    net = tf.nn.conv2d(inputs, self.weights, self._stride, 'SAME')
    if self.batch_norm is None:
      return net + self.biases
    return tf.nn.relu(self.batch_norm(net, is_training))

  @snt.once
  def _make_variables(self, inputs: tf.Tensor) -> None:
    shape = [*self._kernel_shape, inputs.shape[-1], self._channels]
    normal = snt.initializers.TruncatedNormal(
      stddev=1 / np.sqrt(np.prod(shape[:-1]))
    )
    self.weights = tf.Variable(normal(shape, tf.float32), name='weights')
    if self.batch_norm is None:
      self.biases = tf.Variable(tf.zeros([self._channels]), name='biases')


class InceptionV1(snt.Module):
  """Inception-v1 with the call signature of `i3d.InceptionI3d`."""

  def __init__(
    self,
    num_classes: int = NUM_CLASSES,
    depth_multiplier: float = 1.0,
    name: str = 'InceptionV1',
    *,
    unit: Callable[..., Unit2D] = Unit2D,
  ) -> None:
    """Makes the network.

    To use it in a TF1 graph, construct it eagerly and call it in the graph.

    Args:
      num_classes: number of logits.
      depth_multiplier: factor on the channels of every layer but the logits.
      name: name of the module. Slim's checkpoints need the default.
      unit: makes the units: `Unit2D`, or a `functools.partial` of it with
        another decay of BatchNorm.

    Raises:
      ValueError: the multiplier is below 1/16.
    """
    super().__init__(name=name)
    self._layers = [
      i3d.make_layer(*row, depth_multiplier, unit) for row in LAYERS
    ]
    with tf.name_scope('Logits'):
      self._logits = Unit2D(
        num_classes, use_batch_norm=False, name='Conv2d_0c_1x1'
      )

  def __call__(
    self, images: tf.Tensor, is_training: bool, dropout_keep_prob: float = 1.0
  ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Computes the endpoints of images.

    Args:
      images: [B, H, W, C], float, values in [-1, 1], 193 to 224 pixels high
        and wide.
      is_training: whether BatchNorm uses and learns the batch's statistics.
      dropout_keep_prob: chance, in (0, 1], that a feature survives the dropout
        before the logits. 1.0 is no dropout, also in training.

    Returns:
      (logits [B, classes], name -> output of every endpoint).

    Raises:
      ValueError: the images have another size.
    """
    net = images
    end_points = {}
    for layer in self._layers:
      net = layer(net, is_training)
      end_points[layer.name] = net
    pool_size = i3d.LOGITS_POOL[1:]
    if tuple(net.shape[1:3]) != pool_size:
      raise ValueError(
        f'images must be 193 to 224 pixels high and wide, not {images.shape}'
      )
    net = tf.nn.avg_pool2d(net, pool_size, 1, padding='VALID')
    net = tf.nn.dropout(net, rate=1 - dropout_keep_prob)
    net = self._logits(net, is_training)
    end_points['Logits'] = tf.squeeze(net, [1, 2])
    return end_points['Logits'], end_points
