"""2-D Inception-v1 -> I3D: the start from ImageNet.

Every filter of the image network is repeated along time and divided by the
number of repeats, so that a video of one repeated image (a "boring video")
gives I3D the activations that the image gives the image network:

    weights [h, w, in, out]  ->  w [n, h, w, in, out],  w[t] = weights / n

This holds away from the clip's ends: convolutions pad with zeros in time, and
the steps that this touches become more with every layer.

Carreira & Zisserman, https://arxiv.org/abs/1705.07750, section 2.4.
"""

import pathlib

import numpy as np
import tensorflow as tf

import i3d
from two_stream import errors, inception_v1

_PREFIX = 'InceptionV1/'
_FIRST_UNIT = 'Conv3d_1a_7x7'
_NARROWEST = 1 / 16  # depth_multiplier that leaves every layer a channel


def is_inception_v1(path):
  """Whether a checkpoint holds TF-slim's Inception-v1 and not I3D.

  Args:
    path: as in `read`.

  Raises:
    InputError: if there is no checkpoint, or it is damaged.
  """
  return bool(_load(path))


def read(path, channels):
  """Reads TF-slim's Inception-v1 checkpoint as values of I3D.

  Args:
    path: the checkpoint's prefix; or the one file of the old format, such as
      `inception_v1.ckpt` from slim's download.
    channels: of a frame; 3 is RGB, 2 is flow.

  Returns:
    float32 arrays by path in the network, in the form of `checkpoints.read`.
    The logits' are left out: ImageNet's classes are not a video's.

  Raises:
    InputError: if the file is missing, damaged or no Inception-v1 checkpoint.
  """
  image_values = _read_image_network(path)
  values = {}
  for unit, layer in i3d.conv_layers():
    image_unit = _image_unit(unit)
    weights = image_values[f'{image_unit}/weights']
    if unit == _FIRST_UNIT and channels != weights.shape[2]:
      weights = with_channels(weights, channels)
    frames = int(np.broadcast_to(layer.kernel, 3)[0])
    values[f'{unit}/conv_3d/w'] = inflate(weights, frames)
    for leaf in ('beta', 'moving_mean', 'moving_variance'):
      values[f'{unit}/batch_norm/{leaf}'] = image_values[
        f'{image_unit}/BatchNorm/{leaf}'
      ]
  return values


def inflate(weights, frames):
  """Repeats filters [h, w, in, out] in time: [frames, h, w, in, out]."""
  return np.repeat(weights[np.newaxis] / frames, frames, axis=0)


def with_channels(weights, channels):
  """Gives filters [h, w, in, out] other inputs: [h, w, channels, out].

  Every channel gets the mean filter, scaled so that the sum over channels, and
  with it the response to an input whose channels are equal, stays.
  """
  mean = weights.sum(axis=2, keepdims=True) / channels
  return np.repeat(mean, channels, axis=2)


def _read_image_network(path):
  """The variables of slim's network by name, checked to be all there."""
  values = _load(path)
  if not values:
    raise errors.InputError(
      f"{path} is not a checkpoint of TF-slim's Inception-v1: it has no "
      f'variable {_PREFIX}...'
    )
  problems = []
  for name, expected in _expected_shapes(values).items():
    if name not in values:
      problems.append(f'{name} is missing')
    elif values[name].shape != expected:
      problems.append(f'{name} is {values[name].shape} instead of {expected}')
  if problems:
    raise errors.InputError(
      f'{path} does not fit Inception-v1: {"; ".join(problems)}'
    )
  return values


def _image_unit(unit):
  """The name in the checkpoint of a unit of `i3d.conv_layers`."""
  return _PREFIX + inception_v1.image_name(unit)


def _expected_shapes(values):
  """{name: shape} of slim's network, but its logits, as wide as `values`."""
  channels = {
    f'{_image_unit(unit)}/weights': layer.channels
    for unit, layer in i3d.conv_layers()
  }
  # Channel counts are rounded down, so the largest ratio gives all of them.
  ratios = [
    values[name].shape[-1] / channels[name] for name in channels.keys() & values
  ]
  network = inception_v1.InceptionV1(
    depth_multiplier=max([_NARROWEST, *ratios])
  )
  # A graph that is never run makes the variables but does not fill them.
  with tf.Graph().as_default():
    network(tf.zeros([1, 224, 224, 3]), is_training=False)
  scope = network.name_scope.name
  return {
    f'{_PREFIX}{name}': tuple(variable.shape)
    for variable in network.variables
    for name in [variable.name.removeprefix(scope).removesuffix(':0')]
    if not name.startswith('Logits/')
  }


def _load(path):
  """The variables below `InceptionV1/` in a checkpoint, by name."""
  if not any(pathlib.Path(f'{path}{end}').is_file() for end in ('.index', '')):
    raise errors.InputError(
      f'{path}: no checkpoint found; name it by what its .index and .data '
      'files have in common, or by its one file if it is in the old format'
    )
  try:
    reader = tf.train.load_checkpoint(str(path))
    return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
      if name.startswith(_PREFIX)
    }
  except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
    raise errors.InputError(
      f'{path} is damaged or no TensorFlow checkpoint '
      f'({str(error).splitlines()[0]}); copy it again from its source'
    ) from error
