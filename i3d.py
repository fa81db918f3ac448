"""The Inflated 3D ConvNet (I3D): Inception-v1 with a time axis.

Carreira & Zisserman, "Quo Vadis, Action Recognition? A New Model and the
Kinetics Dataset", CVPR 2017, https://arxiv.org/abs/1705.07750, figure 3.

Two copies of this network make the two-stream model: one sees RGB frames, one
sees optical flow, and their logits are added:

    clip [B, T, 224, 224, 3 or 2]
      -> LAYERS: convolutions and Mixed (Inception) blocks
      -> features [B, T/8, 7, 7, 1024]
      -> average pool 2x7x7, dropout, 1x1x1 convolution
      -> logits for each of T/8 - 1 time steps, averaged over time.

Constructed inside `tf.name_scope('RGB')` or `tf.name_scope('Flow')`, the
variables have the names of DeepMind's released checkpoints.
"""

from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from two_stream.networks import batch_norm, clip_checks, layers


def _mixed(
  branch_0: int,
  branch_1: tuple[int, int],
  branch_2: tuple[int, int],
  branch_3: int,
  branch_2_second: str = 'Conv3d_0b_3x3',
) -> layers.Branches:
  """Returns an Inception block with these numbers of channels."""
  return {
    'Branch_0': (('Conv3d_0a_1x1', layers.Conv(branch_0, 1)),),
    'Branch_1': (
      ('Conv3d_0a_1x1', layers.Conv(branch_1[0], 1)),
      ('Conv3d_0b_3x3', layers.Conv(branch_1[1], 3)),
    ),
    'Branch_2': (
      ('Conv3d_0a_1x1', layers.Conv(branch_2[0], 1)),
      (branch_2_second, layers.Conv(branch_2[1], 3)),
    ),
    'Branch_3': (
      ('MaxPool3d_0a_3x3', layers.MaxPool(3, 1)),
      ('Conv3d_0b_1x1', layers.Conv(branch_3, 1)),
    ),
  }


# The network, in order: the name of an endpoint and its layer, which is a
# Conv(channels, kernel, stride), a MaxPool(kernel, stride) or a Mixed block.
LAYERS: layers.Rows = (
  ('Conv3d_1a_7x7', layers.Conv(64, 7, 2)),
  ('MaxPool3d_2a_3x3', layers.MaxPool((1, 3, 3), (1, 2, 2))),
  ('Conv3d_2b_1x1', layers.Conv(64, 1)),
  ('Conv3d_2c_3x3', layers.Conv(192, 3)),
  ('MaxPool3d_3a_3x3', layers.MaxPool((1, 3, 3), (1, 2, 2))),
  ('Mixed_3b', _mixed(64, (96, 128), (16, 32), 32)),
  ('Mixed_3c', _mixed(128, (128, 192), (32, 96), 64)),
  ('MaxPool3d_4a_3x3', layers.MaxPool(3, 2)),
  ('Mixed_4b', _mixed(192, (96, 208), (16, 48), 64)),
  ('Mixed_4c', _mixed(160, (112, 224), (24, 64), 64)),
  ('Mixed_4d', _mixed(128, (128, 256), (24, 64), 64)),
  ('Mixed_4e', _mixed(112, (144, 288), (32, 64), 64)),
  ('Mixed_4f', _mixed(256, (160, 320), (32, 128), 128)),
  ('MaxPool3d_5a_2x2', layers.MaxPool(2, 2)),
  # The original says 0a here instead of 0b, and so does every checkpoint.
  ('Mixed_5b', _mixed(256, (160, 320), (32, 128), 128, 'Conv3d_0a_3x3')),
  ('Mixed_5c', _mixed(384, (192, 384), (48, 128), 128)),
)

# Kernel of the average pool before the logits; VALID padding, stride 1.
LOGITS_POOL = (2, 7, 7)

# Time is halved three times, rounding up, and the last pool needs two steps.
MIN_FRAMES = 9


class Unit3D(snt.Module):
  """The building block: convolution, BatchNorm, ReLU."""

  def __init__(
    self,
    output_channels: int,
    kernel_shape: layers.Size = (1, 1, 1),
    stride: layers.Size = (1, 1, 1),
    activation_fn: Callable[[tf.Tensor], tf.Tensor] | None = tf.nn.relu,
    use_batch_norm: bool = True,
    use_bias: bool = False,
    name: str = 'unit_3d',
    *,
    batch_norm_decay: float = batch_norm.DECAY,
    w_init: Callable[..., tf.Tensor] | None = None,
  ) -> None:
    """Makes the unit. Its variables are made by the first call.

    Args:
      output_channels: number of channels of the output.
      kernel_shape: size of the kernel.
      stride: stride of the convolution.
      activation_fn: applied to the normalized output, or None.
      use_batch_norm: whether to normalize after the convolution.
      use_bias: whether the convolution has a bias.
      name: name of the module.
      batch_norm_decay: weight of the old value in BatchNorm's moving averages.
      w_init: draws the first weights; `snt.Conv3D` describes the default.
    """
    super().__init__(name=name)
    self.conv = snt.Conv3D(
      output_channels,
      kernel_shape,
      stride,
      padding='SAME',
      with_bias=use_bias,
      w_init=w_init,
      name='conv_3d',
    )
    self.batch_norm = (
      batch_norm.BatchNorm(batch_norm_decay) if use_batch_norm else None
    )
    self._activation_fn = activation_fn

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    """[B, T, H, W, C] -> [B, T/stride, H/stride, W/stride, channels]."""
    net = self.conv(inputs)
    if self.batch_norm is not None:
      net = self.batch_norm(net, is_training)
    if self._activation_fn is not None:
      net = self._activation_fn(net)
    return net


class _MaxPooling(snt.Module):
  """Max pooling that is called like a unit."""

  def __init__(self, layer: layers.MaxPool, name: str) -> None:
    super().__init__(name=name)
    self._layer = layer

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    del is_training
    # `tf.nn.max_pool` takes both, but has no eager gradient for clips.
    is_clip = inputs.shape.rank == 5
    pool = tf.nn.max_pool3d if is_clip else tf.nn.max_pool2d
    return pool(inputs, *self._layer, padding='SAME')


class _Mixed(snt.Module):
  """An Inception block: its branches see the same input, and are joined."""

  def __init__(
    self,
    branches: layers.Branches,
    depth_multiplier: float,
    unit: Callable[..., snt.Module],
    name: str,
  ) -> None:
    super().__init__(name=name)
    self._branches = []
    for branch_name, rows in branches.items():
      with tf.name_scope(branch_name):
        self._branches.append(
          [make_layer(*row, depth_multiplier, unit) for row in rows]
        )

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    outputs = []
    for branch in self._branches:
      net = inputs
      for layer in branch:
        net = layer(net, is_training)
      outputs.append(net)
    return tf.concat(outputs, axis=-1)


def make_layer(
  name: str,
  layer: layers.Layer,
  depth_multiplier: float,
  unit: Callable[..., snt.Module],
) -> snt.Module:
  """Makes the module of one row of `LAYERS`, or of a branch.

  Args:
    name: name of the layer, and of the module.
    layer: what the row tells of it.
    depth_multiplier: factor on the channels.
    unit: makes the module of a `layers.Conv`, called as
      `unit(channels, kernel, stride, name=name)`.

  Returns:
    A module, to be called as `module(inputs, is_training)`.
  """
  if isinstance(layer, layers.MaxPool):
    return _MaxPooling(layer, name)
  if isinstance(layer, layers.Conv):
    channels = layers.scaled(layer.channels, depth_multiplier)
    return unit(channels, layer.kernel, layer.stride, name=name)
  return _Mixed(layer, depth_multiplier, unit, name)


class InceptionI3d(snt.Module):
  """Inception-v1 I3D, with DeepMind's variables and numbers.

  A layer makes its variables when it is called first. So the network has none
  beyond its final endpoint.
  """

  VALID_ENDPOINTS = (*(name for name, _ in LAYERS), 'Logits', 'Predictions')

  def __init__(
    self,
    num_classes: int = 400,
    spatial_squeeze: bool = True,
    final_endpoint: str = 'Logits',
    depth_multiplier: float = 1.0,
    name: str = 'inception_i3d',
    *,
    unit: Callable[..., snt.Module] = Unit3D,
    dropout: Callable[..., tf.Tensor] = tf.nn.dropout,
    logits_w_init: Callable[..., tf.Tensor] | None = None,
  ) -> None:
    """Makes the network.

    To use it in a TF1 graph, construct it eagerly and call it in the graph.

    Args:
      num_classes: number of logits.
      spatial_squeeze: whether the logits lose the axes of height and width.
        True needs frames of 193 to 224 pixels, which leave one position. False
        takes larger frames too, and gives logits at every position.
      final_endpoint: the last of `VALID_ENDPOINTS` to compute.
      depth_multiplier: factor on the channels of every layer but the logits.
        1.0 is DeepMind's network. With 1/16, the smallest, the narrowest layer
        has one channel.
      name: name of the module.
      unit: makes the units, such as `Unit3D`; called as `make_layer` says.
      dropout: called as `dropout(features, rate=rate)`; sets that share of the
        features to zero.
      logits_w_init: draws the first weights of the logits, see `Unit3D`.

    Raises:
      ValueError: the final endpoint is unknown, or the multiplier too small.
    """
    if final_endpoint not in self.VALID_ENDPOINTS:
      raise ValueError(
        f'Unknown final endpoint {final_endpoint!r}; '
        f'it is one of {", ".join(self.VALID_ENDPOINTS)}'
      )
    super().__init__(name=name)
    self._spatial_squeeze = spatial_squeeze
    self._final_endpoint = final_endpoint
    self._dropout = dropout
    gives_logits = final_endpoint in self.VALID_ENDPOINTS[-2:]
    self._check = clip_checks.ClipCheck(MIN_FRAMES if gives_logits else 1)
    self._layers = [make_layer(*row, depth_multiplier, unit) for row in LAYERS]
    with tf.name_scope('Logits'):
      self._logits = Unit3D(
        num_classes,
        activation_fn=None,
        use_batch_norm=False,
        use_bias=True,
        w_init=logits_w_init,
        name='Conv3d_0c_1x1',
      )

  def __call__(
    self, inputs: tf.Tensor, is_training: bool, dropout_keep_prob: float = 1.0
  ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Computes the endpoints of clips.

    Args:
      inputs: clips [B, T, H, W, C], float32, values in [-1, 1]. Logits and
        Predictions need at least 9 frames.
      is_training: whether BatchNorm uses and learns the batch's statistics.
      dropout_keep_prob: chance, in (0, 1], that a feature survives the dropout
        before the logits. 1.0 is no dropout, also in training.

    Returns:
      (final endpoint, name -> output of every endpoint up to it). Logits are
      averaged over time, [B, classes]. Predictions are their softmax.

    Raises:
      ValueError: the clips are not such clips, or have other channels than the
        first ones, or `spatial_squeeze` meets more than one position.
        TensorFlow raises InvalidArgumentError instead, if the shape is not
        known before the graph runs.
    """
    net = self._check(inputs)
    end_points = {}
    for layer in self._layers:
      net = layer(net, is_training)
      end_points[layer.name] = net
      if layer.name == self._final_endpoint:
        return net, end_points
    per_time = self.logits_per_time(net, dropout_keep_prob)
    logits = tf.reduce_mean(per_time, axis=1)
    end_points['Logits'] = logits
    if self._final_endpoint == 'Logits':
      return logits, end_points
    end_points['Predictions'] = tf.nn.softmax(logits)
    return end_points['Predictions'], end_points

  def logits_per_time(
    self, features: tf.Tensor, dropout_keep_prob: float = 1.0
  ) -> tf.Tensor:
    """Computes the logits of every time step, which `__call__` averages.

    Args:
      features: the endpoint Mixed_5c, [B, T', 7, 7, C].
      dropout_keep_prob: chance, in (0, 1], that a feature survives.

    Returns:
      [B, T' - 1, classes]; without `spatial_squeeze`
      [B, T' - 1, H' - 6, W' - 6, classes].

    Raises:
      ValueError: `__call__` tells when.
    """
    # Reduced precision would be too coarse for a mean and for logits.
    features = tf.cast(self._checked(features), tf.float32)
    net = tf.nn.avg_pool3d(features, LOGITS_POOL, 1, padding='VALID')
    net = self._dropout(net, rate=1 - dropout_keep_prob)
    logits = self._logits(net, is_training=False)
    if self._spatial_squeeze:
      logits = tf.squeeze(logits, [2, 3], name='SpatialSqueeze')
    return logits

  def _checked(self, features: tf.Tensor) -> tf.Tensor:
    """Returns features that can be pooled; raises ValueError for others."""
    too_short = f'a clip needs at least {MIN_FRAMES} frames to give logits'
    _, time, height, width, _ = features.shape
    if time is not None and time < LOGITS_POOL[0]:
      raise ValueError(f'{too_short}, and this one has fewer')
    if self._spatial_squeeze and not {height, width} <= {LOGITS_POOL[1], None}:
      raise ValueError(
        f'spatial_squeeze needs {LOGITS_POOL[1]}x{LOGITS_POOL[2]} positions '
        f'before the last pool, which frames of 193 to 224 pixels give; these '
        f'frames give {height}x{width}'
      )
    if time is None:
      # The mean over no time steps would be NaN, without an error.
      enough = tf.debugging.assert_greater_equal(
        tf.shape(features)[1], LOGITS_POOL[0], message=too_short
      )
      with tf.control_dependencies([enough] if enough is not None else []):
        features = tf.identity(features)
    return features
