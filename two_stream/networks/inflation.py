"""From Inception-v1 for images to I3D: the start from ImageNet.

Every filter of the image network is repeated along time, and divided by the
number of repeats:

    weights [h, w, in, out]  ->  w [n, h, w, in, out],  w[t] = weights / n

So a video that repeats one image (a "boring video") gives I3D the activations
that the image gives the image network. This is true of the time steps away from
the ends of the clip only: convolutions pad with zeros in time, and each layer
spreads these zeros to further steps.

Carreira & Zisserman, https://arxiv.org/abs/1705.07750, section 2.4.
"""

from collections.abc import Mapping

import numpy as np

import i3d
from two_stream import errors, files
from two_stream.networks import (
  checkpoint_files,
  inception_v1,
  layers,
  weight_checks,
)

_PREFIX = 'InceptionV1/'
_FIRST_UNIT = 'Conv3d_1a_7x7'


def is_inception_v1(path: files.PathLike) -> bool:
  """Returns whether a checkpoint contains TF-slim's Inception-v1.

  Args:
    path: the checkpoint's prefix, or the one file of the old format.

  Raises:
    InputError: there is no checkpoint, or it is damaged.
  """
  return _is_inception_v1(checkpoint_files.load(path))


def read(path: files.PathLike, channels: int) -> dict[str, np.ndarray]:
  """Reads TF-slim's Inception-v1 checkpoint as values of I3D.

  Args:
    path: the checkpoint's prefix; or the one file of the old format, such as
      `inception_v1.ckpt` from slim's download.
    channels: channels of a frame; 3 is RGB, 2 is flow.

  Returns:
    path in I3D -> float32 array, like those of `checkpoints.read`. The layer of
    the logits is left out, because ImageNet has other classes than videos.

  Raises:
    InputError: the file is missing, damaged or no Inception-v1 checkpoint,
      or values are not finite.
  """
  image_values = _read_image_network(path)
  values = {}
  for unit, layer in layers.convolutions(i3d.LAYERS):
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


def inflate(weights: np.ndarray, frames: int) -> np.ndarray:
  """Repeats filters [h, w, in, out] in time: [frames, h, w, in, out]."""
  return np.repeat(weights[np.newaxis] / frames, frames, axis=0)


def with_channels(weights: np.ndarray, channels: int) -> np.ndarray:
  """Gives filters [h, w, in, out] other inputs: [h, w, channels, out].

  Every channel gets the mean filter. It is scaled so that the sum over the
  channels stays the same, and with it the response to an input whose channels
  are equal.
  """
  mean = weights.sum(axis=2, keepdims=True) / channels
  return np.repeat(mean, channels, axis=2)


def _read_image_network(path: files.PathLike) -> dict[str, np.ndarray]:
  """Reads name -> value of all variables of slim's network but the logits.

  Raises:
    InputError: the checkpoint cannot be used.
  """
  checkpoint = checkpoint_files.load(path)
  if not _is_inception_v1(checkpoint):
    raise errors.InputError(
      f"{path} is not a checkpoint of TF-slim's Inception-v1: it has no "
      f'variable {_PREFIX}...'
    )
  expected = _expected_shapes(checkpoint.tensors)
  weight_checks.check_tensors(path, expected, checkpoint.tensors)
  return weight_checks.read_floats(checkpoint, expected)


def _is_inception_v1(checkpoint: checkpoint_files.Checkpoint) -> bool:
  return any(name.startswith(_PREFIX) for name in checkpoint.tensors)


def _image_unit(unit: str) -> str:
  """Returns the name in slim's checkpoint for the path of a unit of I3D."""
  return _PREFIX + inception_v1.image_name(unit)


def _expected_shapes(
  tensors: Mapping[str, checkpoint_files.Tensor],
) -> dict[str, list[int]]:
  """Returns the shapes that the variables of slim's network should have.

  Args:
    tensors: name -> what the checkpoint has. The width of most layers tells the
      width of the network.

  Returns:
    name -> shape, of all variables but those of the logits.
  """
  found = {
    unit: tensors[name].shape[-1]
    for unit, _ in layers.convolutions(i3d.LAYERS)
    for name in [f'{_image_unit(unit)}/weights']
    if name in tensors and tensors[name].shape
  }
  multiplier = layers.fitting_multiplier(i3d.LAYERS, found)
  shapes, _ = layers.weight_shapes(inception_v1.LAYERS, 3, multiplier, axes=2)
  expected = {}
  for unit, shape in shapes.items():
    expected[f'{_PREFIX}{unit}/weights'] = shape
    for leaf in ('beta', 'moving_mean', 'moving_variance'):
      expected[f'{_PREFIX}{unit}/BatchNorm/{leaf}'] = shape[-1:]
  return expected
