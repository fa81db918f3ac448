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

import collections

import sonnet as snt
import tensorflow as tf

# One row of the network. Kernels and strides are an int, for all three axes, or
# (time, height, width). All padding is SAME.
Conv = collections.namedtuple('Conv', 'channels kernel stride', defaults=(1,))
MaxPool = collections.namedtuple('MaxPool', 'kernel stride')


def _mixed(
  branch_0, branch_1, branch_2, branch_3, branch_2_second='Conv3d_0b_3x3'
):
  """An Inception block: four branches, concatenated on the channel axis."""
  return {
    'Branch_0': (('Conv3d_0a_1x1', Conv(branch_0, 1)),),
    'Branch_1': (
      ('Conv3d_0a_1x1', Conv(branch_1[0], 1)),
      ('Conv3d_0b_3x3', Conv(branch_1[1], 3)),
    ),
    'Branch_2': (
      ('Conv3d_0a_1x1', Conv(branch_2[0], 1)),
      (branch_2_second, Conv(branch_2[1], 3)),
    ),
    'Branch_3': (
      ('MaxPool3d_0a_3x3', MaxPool(3, 1)),
      ('Conv3d_0b_1x1', Conv(branch_3, 1)),
    ),
  }


# The network, endpoint by endpoint: names and layers, in order.
LAYERS = (
  ('Conv3d_1a_7x7', Conv(64, 7, 2)),
  ('MaxPool3d_2a_3x3', MaxPool((1, 3, 3), (1, 2, 2))),
  ('Conv3d_2b_1x1', Conv(64, 1)),
  ('Conv3d_2c_3x3', Conv(192, 3)),
  ('MaxPool3d_3a_3x3', MaxPool((1, 3, 3), (1, 2, 2))),
  ('Mixed_3b', _mixed(64, (96, 128), (16, 32), 32)),
  ('Mixed_3c', _mixed(128, (128, 192), (32, 96), 64)),
  ('MaxPool3d_4a_3x3', MaxPool(3, 2)),
  ('Mixed_4b', _mixed(192, (96, 208), (16, 48), 64)),
  ('Mixed_4c', _mixed(160, (112, 224), (24, 64), 64)),
  ('Mixed_4d', _mixed(128, (128, 256), (24, 64), 64)),
  ('Mixed_4e', _mixed(112, (144, 288), (32, 64), 64)),
  ('Mixed_4f', _mixed(256, (160, 320), (32, 128), 128)),
  ('MaxPool3d_5a_2x2', MaxPool(2, 2)),
  # 0a for 0b is a slip of the original that every released checkpoint carries.
  ('Mixed_5b', _mixed(256, (160, 320), (32, 128), 128, 'Conv3d_0a_3x3')),
  ('Mixed_5c', _mixed(384, (192, 384), (48, 128), 128)),
)

# The average pool before the logits: VALID, stride 1.
LOGITS_POOL = (2, 7, 7)

# Time is halved three times, rounding up, and the last pool needs two steps.
MIN_FRAMES = 9

NARROWEST = 1 / 16  # The depth_multiplier that leaves every layer a channel.

BATCH_NORM_DECAY = 0.999
BATCH_NORM_EPSILON = 1e-3


def scaled(channels, depth_multiplier):
  """Channels of a layer at `depth_multiplier`, rounded down as in slim.

  Raises:
    ValueError: if none are left.
  """
  # The small term keeps 0.29 * 100 from becoming 28.
  scaled_channels = int(channels * depth_multiplier + 1e-6)
  if scaled_channels < 1:
    raise ValueError(
      f'depth_multiplier {depth_multiplier} leaves a layer of {channels} '
      'channels with none; the smallest is 1/16'
    )
  return scaled_channels


def conv_layers(layers=LAYERS):
  """Yields (path, Conv) of every unit but the logits, in order.

  A path is a unit's name below the network: 'Mixed_3b/Branch_0/Conv3d_0a_1x1'.
  """
  for name, layer in layers:
    if isinstance(layer, Conv):
      yield name, layer
    elif isinstance(layer, dict):
      for branch, rows in layer.items():
        for unit_name, unit in conv_layers(rows):
          yield f'{name}/{branch}/{unit_name}', unit


def weight_shapes(channels, depth_multiplier=1.0, layers=LAYERS, axes=3):
  """Gives the shapes of weights without making a network.

  Args:
    channels: of the input.
    depth_multiplier: as in `InceptionI3d`.
    layers: rows as in `LAYERS`.
    axes: number of axes of the kernels; 2 for images.

  Returns:
    (path -> [*kernel, channels in, channels out] of every unit but the logits,
    channels that come out at the end).
  """
  shapes = {}
  for name, layer in layers:
    if isinstance(layer, Conv):
      kernel = layer.kernel
      kernel = [kernel] * axes if isinstance(kernel, int) else [*kernel]
      channels_out = scaled(layer.channels, depth_multiplier)
      shapes[name] = [*kernel, channels, channels_out]
      channels = channels_out
    elif isinstance(layer, dict):
      joined = 0
      for branch, rows in layer.items():
        of_branch, channels_out = weight_shapes(
          channels, depth_multiplier, rows, axes
        )
        joined += channels_out
        for unit, shape in of_branch.items():
          shapes[f'{name}/{branch}/{unit}'] = shape
      channels = joined
  return shapes, channels


def fitting_multiplier(channels):
  """Finds the depth_multiplier that gives most layers their channels.

  Args:
    channels: path of a unit -> its channels. Paths that are not in
      `conv_layers` do not count.

  Returns:
    The multiplier, at least `NARROWEST`.
  """
  full = {path: conv.channels for path, conv in conv_layers()}
  known = [
    (full[path], found) for path, found in channels.items() if path in full
  ]
  # Channel counts are rounded down: the largest ratio that fits gives them all.
  ratios = sorted({NARROWEST, *(found / whole for whole, found in known)})
  return max(
    (ratio for ratio in reversed(ratios) if ratio >= NARROWEST),
    key=lambda ratio: sum(
      scaled(whole, ratio) == found for whole, found in known
    ),
  )


class BatchNorm(snt.Module):
  """Batch normalization over all axes but channels, as in Sonnet 1.

  An offset (`beta`) but no scale. The moving averages are not zero-debiased,
  and hold the *biased* batch variance:

      training:   moving -= (moving - batch) * (1 - decay)
      inference:  (x - moving_mean) / sqrt(moving_variance + 1e-3) + beta

  Sonnet 2's own `snt.BatchNorm` differs in epsilon and debiases.
  """

  def __init__(
    self, decay=BATCH_NORM_DECAY, name='batch_norm', *, variable_rank=5
  ):
    """Makes the module; its variables [1, 1, 1, 1, C] come at the first call.

    Args:
      decay: weight of the old value in a moving average, in [0, 1).
      name: name of the module.
      variable_rank: number of axes of the variables; 1 makes them [C].
    """
    super().__init__(name=name)
    self._decay = decay
    self._variable_rank = variable_rank

  def __call__(self, inputs, is_training):
    """Normalizes.

    In a TF1 graph the updates of the moving averages are added to
    `tf.compat.v1.GraphKeys.UPDATE_OPS`; elsewhere they just happen.

    Args:
      inputs: clips [B, T, H, W, C] or images [B, H, W, C].
      is_training: bool; True normalizes by the batch and updates the moving
        averages, False normalizes by the moving averages.

    Returns:
      Tensor of the inputs' shape.
    """
    self._initialize(inputs)
    # The fused kernels know images only: a clip is a batch of its frames.
    frames = tf.reshape(inputs, tf.concat([[-1], tf.shape(inputs)[-3:]], 0))
    frames.set_shape([None, *inputs.shape[-3:]])
    outputs, mean, unbiased_variance = tf.compat.v1.nn.fused_batch_norm(
      frames,
      scale=tf.ones([inputs.shape[-1]], inputs.dtype),
      offset=tf.reshape(self.beta, [-1]),
      mean=None if is_training else tf.reshape(self.moving_mean, [-1]),
      variance=None if is_training else tf.reshape(self.moving_variance, [-1]),
      epsilon=BATCH_NORM_EPSILON,
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
  def _initialize(self, inputs):
    shape = [1] * (self._variable_rank - 1) + [inputs.shape[-1]]
    zeros, ones = tf.zeros(shape), tf.ones(shape)
    self.beta = tf.Variable(zeros, name='beta')
    self.moving_mean = tf.Variable(zeros, trainable=False, name='moving_mean')
    self.moving_variance = tf.Variable(
      ones, trainable=False, name='moving_variance'
    )

  def _update(self, moving, batch):
    change = (moving - tf.reshape(batch, moving.shape)) * (1 - self._decay)
    update = moving.assign_sub(change, read_value=False)
    if not tf.compat.v1.executing_eagerly_outside_functions():
      tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.UPDATE_OPS, update)


class Unit3D(snt.Module):
  """The building block: convolution, BatchNorm, ReLU."""

  def __init__(
    self,
    output_channels,
    kernel_shape=(1, 1, 1),
    stride=(1, 1, 1),
    activation_fn=tf.nn.relu,
    use_batch_norm=True,
    use_bias=False,
    name='unit_3d',
    *,
    batch_norm_decay=BATCH_NORM_DECAY,
  ):
    """Makes the unit.

    The convolution starts from a normal distribution of standard deviation
    1 / sqrt(fan in), cut at two sigma (Sonnet's own default).

    Args:
      output_channels: channels out.
      kernel_shape: int or (time, height, width).
      stride: int or (time, height, width).
      activation_fn: function of the normalized output, or None.
      use_batch_norm: whether to normalize after the convolution.
      use_bias: whether the convolution has a bias.
      name: name of the module.
      batch_norm_decay: see `BatchNorm`.
    """
    super().__init__(name=name)
    self.conv = snt.Conv3D(
      output_channels,
      kernel_shape,
      stride,
      padding='SAME',
      with_bias=use_bias,
      name='conv_3d',
    )
    self.batch_norm = BatchNorm(batch_norm_decay) if use_batch_norm else None
    self._activation_fn = activation_fn

  def __call__(self, inputs, is_training):
    """[B, T, H, W, C] -> [B, T/stride, H/stride, W/stride, channels]."""
    net = self.conv(inputs)
    if self.batch_norm is not None:
      net = self.batch_norm(net, is_training)
    if self._activation_fn is not None:
      net = self._activation_fn(net)
    return net


class _MaxPooling(snt.Module):
  """Max pooling with the call signature of a unit."""

  def __init__(self, layer, name):
    super().__init__(name=name)
    self._layer = layer

  def __call__(self, inputs, is_training):
    del is_training
    # `tf.nn.max_pool`, for either, has no gradient of 3-D pools in eager mode.
    is_clip = inputs.shape.rank == 5
    pool = tf.nn.max_pool3d if is_clip else tf.nn.max_pool2d
    return pool(inputs, *self._layer, padding='SAME')


class _Mixed(snt.Module):
  """An Inception block: every branch sees the input, channels are joined."""

  def __init__(self, branches, depth_multiplier, unit, name):
    super().__init__(name=name)
    self._branches = []
    for branch_name, layers in branches.items():
      with tf.name_scope(branch_name):
        self._branches.append(
          [make_layer(*row, depth_multiplier, unit) for row in layers]
        )

  def __call__(self, inputs, is_training):
    outputs = []
    for branch in self._branches:
      net = inputs
      for layer in branch:
        net = layer(net, is_training)
      outputs.append(net)
    return tf.concat(outputs, axis=-1)


def make_layer(name, layer, depth_multiplier, unit):
  """One row of `LAYERS`, or of a block's branch, as a module.

  Args:
    name: of the layer, and of the module.
    layer: a `Conv`, a `MaxPool` or the branches of a Mixed block.
    depth_multiplier: scales the channels.
    unit: makes a convolution's module from (channels, kernel, stride, name).

  Returns:
    A module to call as `module(inputs, is_training)`.
  """
  if isinstance(layer, MaxPool):
    return _MaxPooling(layer, name)
  if isinstance(layer, Conv):
    channels = scaled(layer.channels, depth_multiplier)
    return unit(channels, layer.kernel, layer.stride, name=name)
  return _Mixed(layer, depth_multiplier, unit, name)


class InceptionI3d(snt.Module):
  """Inception-v1 I3D, variable for variable and number for number DeepMind's.

  The layers are made as they are called for, so the network has no variables
  beyond its final endpoint.
  """

  VALID_ENDPOINTS = (*(name for name, _ in LAYERS), 'Logits', 'Predictions')

  def __init__(
    self,
    num_classes=400,
    spatial_squeeze=True,
    final_endpoint='Logits',
    depth_multiplier=1.0,
    name='inception_i3d',
    *,
    unit=Unit3D,
    dropout=tf.nn.dropout,
  ):
    """Makes the network.

    To use it in a TF1 graph, construct it eagerly and call it in the graph.

    Args:
      num_classes: number of logits.
      spatial_squeeze: whether to drop height and width, then 1x1, from the
        logits. True needs inputs of 193 to 224 pixels; False takes larger ones
        and gives logits at every position.
      final_endpoint: the last of `VALID_ENDPOINTS` to compute.
      depth_multiplier: scales every channel count but the classes; 1.0 is
        DeepMind's network. At least 1/16, where the narrowest layer has one
        channel.
      name: name of the module.
      unit: makes the units: `Unit3D`, or a `functools.partial` of it that sets
        the options a network of another kind needs.
      dropout: features, rate -> features of which that share is dropped.

    Raises:
      ValueError: for an unknown final endpoint or too small a multiplier.
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
    self._layers = [make_layer(*row, depth_multiplier, unit) for row in LAYERS]
    with tf.name_scope('Logits'):
      self._logits = Unit3D(
        num_classes,
        activation_fn=None,
        use_batch_norm=False,
        use_bias=True,
        name='Conv3d_0c_1x1',
      )

  def __call__(self, inputs, is_training, dropout_keep_prob=1.0):
    """Connects the network.

    Args:
      inputs: clip [B, T, H, W, C], float, values in [-1, 1]. At least 9 frames
        if the final endpoint is Logits or Predictions.
      is_training: bool; whether BatchNorm uses and learns batch statistics.
      dropout_keep_prob: chance, in (0, 1], that a feature survives the dropout
        before the logits. It alone decides: 1.0 is no dropout.

    Returns:
      (net, end_points): the final endpoint, and every endpoint up to it by
      name. Logits are averaged over time, [B, classes]; Predictions are their
      softmax.

    Raises:
      ValueError: if the clip has fewer than 9 frames, or `spatial_squeeze`
        finds more than one position. Where the shape is not known before the
        graph runs, TensorFlow raises its InvalidArgumentError instead.
    """
    net = inputs
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

  def logits_per_time(self, features, dropout_keep_prob=1.0):
    """The head: logits at every time step, before they are averaged.

    Args:
      features: the Mixed_5c endpoint, [B, T', 7, 7, C].
      dropout_keep_prob: as in `__call__`.

    Returns:
      [B, T' - 1, classes]; without `spatial_squeeze`
      [B, T' - 1, H' - 6, W' - 6, classes].

    Raises:
      ValueError: as in `__call__`.
    """
    features = self._checked(features)
    net = tf.nn.avg_pool3d(features, LOGITS_POOL, 1, padding='VALID')
    net = self._dropout(net, rate=1 - dropout_keep_prob)
    # A no-op but for reduced precision, which is too coarse for logits.
    net = tf.cast(net, tf.float32)
    logits = self._logits(net, is_training=False)
    if self._spatial_squeeze:
      logits = tf.squeeze(logits, [2, 3], name='SpatialSqueeze')
    return logits

  def _checked(self, features):
    """Features that the head can pool, or the reason why not."""
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
      # An empty pool would quietly make the logits NaN.
      enough = tf.debugging.assert_greater_equal(
        tf.shape(features)[1], LOGITS_POOL[0], message=too_short
      )
      with tf.control_dependencies([enough] if enough is not None else []):
        features = tf.identity(features)
    return features
