"""Inception-v1, the image network that I3D is inflated from.

Its layers are those of `i3d.LAYERS` without the time axis:

    image [B, 224, 224, 3]
      -> convolutions and Mixed (Inception) blocks
      -> features [B, 7, 7, 1024]
      -> average pool 7x7, dropout, 1x1 convolution
      -> logits.

Variables have TF-slim's names and shapes: `tf.compat.v1.train.Saver` of them
reads slim's ImageNet checkpoint and writes one that slim and `inflation` read.

Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, with the BatchNorm
of Ioffe & Szegedy, ICML 2015.
"""

import numpy as np
import sonnet as snt
import tensorflow as tf

import i3d
from two_stream.networks import batch_norm

NUM_CLASSES = 1001  # ImageNet's, after a first one for the background.


def image_name(name):
  """The name in slim for a layer of `i3d.LAYERS`, alone or in a path."""
  return name.replace('MaxPool3d', 'MaxPool').replace('Conv3d', 'Conv2d')


def _without_time(rows):
  """Rows of `i3d.LAYERS`, or of a branch, for images."""
  for name, layer in rows:
    if isinstance(layer, dict):
      image_layer = {
        branch: tuple(_without_time(units)) for branch, units in layer.items()
      }
    else:
      image_layer = layer._replace(
        kernel=_height_and_width(layer.kernel),
        stride=_height_and_width(layer.stride),
      )
    yield image_name(name), image_layer


def _height_and_width(size):
  return size if isinstance(size, int) else size[1:]


LAYERS = tuple(_without_time(i3d.LAYERS))


class Unit2D(snt.Module):
  """The building block: convolution, BatchNorm, ReLU; or one with a bias."""

  def __init__(
    self,
    output_channels,
    kernel_shape=1,
    stride=1,
    use_batch_norm=True,
    name='unit_2d',
    *,
    batch_norm_decay=batch_norm.DECAY,
  ):
    """Makes the unit; its variables come at the first call.

    Args:
      output_channels: channels out.
      kernel_shape: int or (height, width).
      stride: int or (height, width).
      use_batch_norm: False makes it a convolution with a bias, no more.
      name: name of the module.
      batch_norm_decay: see `batch_norm.BatchNorm`.
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

  def __call__(self, inputs, is_training):
    """[B, H, W, C] -> [B, H/stride, W/stride, channels]."""
    self._initialize(inputs)
    net = tf.nn.conv2d(inputs, self.weights, self._stride, 'SAME')
    if self.batch_norm is None:
      return net + self.biases
    return tf.nn.relu(self.batch_norm(net, is_training))

  @snt.once
  def _initialize(self, inputs):
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
    num_classes=NUM_CLASSES,
    depth_multiplier=1.0,
    name='InceptionV1',
    *,
    unit=Unit2D,
  ):
    """Makes the network.

    To use it in a TF1 graph, construct it eagerly and call it in the graph.

    Args:
      num_classes: number of logits.
      depth_multiplier: scales every channel count but the classes.
      name: name of the module; slim's checkpoints need this one.
      unit: makes the units: `Unit2D`, or a `functools.partial` of it that sets
        the BatchNorm's decay.

    Raises:
      ValueError: if the multiplier is below 1/16.
    """
    super().__init__(name=name)
    self._layers = [
      i3d.make_layer(*row, depth_multiplier, unit) for row in LAYERS
    ]
    with tf.name_scope('Logits'):
      self._logits = Unit2D(
        num_classes, use_batch_norm=False, name='Conv2d_0c_1x1'
      )

  def __call__(self, images, is_training, dropout_keep_prob=1.0):
    """Connects the network.

    Args:
      images: [B, H, W, C], float, values in [-1, 1], 193 to 224 pixels high
        and wide.
      is_training: bool; whether BatchNorm uses and learns batch statistics.
      dropout_keep_prob: chance, in (0, 1], that a feature survives the dropout
        before the logits.

    Returns:
      (logits, end_points): [B, classes], and every endpoint by name.

    Raises:
      ValueError: for images of another size.
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
