"""DeepMind's checkpoint layout: describe, restore, save.

A variable of the released files is named

    RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w
    `------.--------' `--------------------.------------------'
         prefix                      path in the network

The Kinetics-600 file has no prefix. The variables of BatchNorm are stored as
[C] or as [1, 1, 1, 1, C]. A checkpoint of a training also has `global_step`,
and a slot of the optimizer, `<variable>/Momentum`, for each trained variable.
"""

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import tensorflow as tf

import i3d
from two_stream import errors, files
from two_stream.networks import checkpoint_files, layers, weight_checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
  """What a checkpoint tells about its network.

  Attributes:
    num_classes: number of logits.
    channels: channels of a frame; 3 is RGB, 2 is flow.
    depth_multiplier: that of `i3d.InceptionI3d`.
    scope: 'RGB' or 'Flow'; '' if the names of the variables have no prefix.
    slots: names of the optimizer's slots, such as ('Momentum',); () if there
      are none.
  """

  num_classes: int
  channels: int
  depth_multiplier: float
  scope: str
  slots: tuple[str, ...]


_WEIGHTS = '/conv_3d/w'
_FIRST_WEIGHTS = f'Conv3d_1a_7x7{_WEIGHTS}'
LOGITS = 'Logits/Conv3d_0c_1x1'
_LOGITS_WEIGHTS = f'{LOGITS}{_WEIGHTS}'
_NETWORK = 'inception_i3d'
_T = TypeVar('_T')


def describe(path: files.PathLike) -> Description:
  """Finds out which network a checkpoint contains.

  All variables of the network must be there, with the right shapes. Their
  values are not read.

  Args:
    path: the checkpoint's prefix, such as 'rgb_imagenet/model.ckpt'.

  Returns:
    The description of the network.

  Raises:
    InputError: the checkpoint is missing, damaged, or not that of one complete
      I3D network.
  """
  return _Reader(path).description


def read(path: files.PathLike) -> dict[str, np.ndarray]:
  """Reads the values of a network's variables, without the optimizer's slots.

  Args:
    path: the checkpoint's prefix.

  Returns:
    path in the network -> float32 array. Variables of BatchNorm have the shape
    [C].

  Raises:
    InputError: `describe` cannot use the checkpoint, or values are not finite.
  """
  return _Reader(path).values()


def read_network(
  path: files.PathLike, scope: str | None = None
) -> tuple[Description, dict[str, np.ndarray]]:
  """Reads what a network is and the values of its variables.

  Args:
    path: the checkpoint's prefix.
    scope: 'RGB' or 'Flow', the stream that the checkpoint must be of. None
      accepts both.

  Returns:
    (the description, what `read` returns).

  Raises:
    InputError: `read` cannot use the checkpoint, or the checkpoint is of the
      other stream.
  """
  reader = _Reader(path, scope)
  return reader.description, reader.values()


def restore(
  module: i3d.InceptionI3d,
  path: files.PathLike,
  scope: str | None = None,
  *,
  without_logits: bool = False,
) -> list[str]:
  """Restores a network from a checkpoint in any of the released layouts.

  Slots and `global_step` are ignored. Everything is checked before the first
  variable is changed.

  Args:
    module: the network, which need not have been called yet.
    path: the checkpoint's prefix.
    scope: 'RGB' or 'Flow', the stream that the checkpoint must be of. None
      accepts both.
    without_logits: whether the weights and the bias of the logits stay as they
      are, so that the network may be of other classes than the checkpoint.

  Returns:
    The paths in the network of the variables that stay as they are.

  Raises:
    InputError: `read` cannot use the checkpoint, or the checkpoint is of the
      other stream, or variables are missing or have other shapes. The message
      names all of those variables.
  """
  reader = _Reader(path, scope)
  values = reader.values()
  found = variables(module, reader.description.channels)
  targets = all_but_logits(found) if without_logits else found
  expected = {
    name: weight_checks.stored_shape(name, variable.shape.as_list())
    for name, variable in targets.items()
  }
  classes = reader.description.num_classes
  is_of_others = expected.get(_LOGITS_WEIGHTS, [classes])[-1] != classes
  remedy = '; without_logits=True restores the rest' if is_of_others else ''
  weight_checks.check_tensors(path, expected, reader.tensors, remedy)
  for name, variable in targets.items():
    variable.assign(values[name].reshape(variable.shape))
  return [name for name in found if name not in targets]


def all_but_logits(of_paths: Mapping[str, _T]) -> dict[str, _T]:
  """Returns what belongs to all units but that of the logits.

  Args:
    of_paths: path in the network -> a variable or a value.
  """
  return {
    name: of_path
    for name, of_path in of_paths.items()
    if not name.startswith(f'{LOGITS}/')
  }


def save(module: i3d.InceptionI3d, path: files.PathLike, scope: str) -> None:
  """Saves a network in the layout of DeepMind's Kinetics-400 checkpoints.

  DeepMind's code can restore it. The files appear complete or not at all.

  Args:
    module: a network that has been called.
    path: the checkpoint's prefix. Its folder is made if it is missing.
    scope: 'RGB' or 'Flow'.
  """
  write(
    {name: value.numpy() for name, value in variables(module).items()},
    path,
    scope,
  )


def write(
  values: Mapping[str, np.ndarray], path: files.PathLike, scope: str
) -> None:
  """Writes the values of a network to a checkpoint like those of `save`.

  Args:
    values: path in the network -> array, what `read` returns.
    path: the checkpoint's prefix. Its folder is made if it is missing.
    scope: 'RGB' or 'Flow'.
  """
  named_values = {
    f'{scope}/{_NETWORK}/{name}': value.reshape(
      weight_checks.stored_shape(name, list(value.shape))
    )
    for name, value in sorted(values.items())
  }
  checkpoint_files.write(named_values, path)


class _Reader:
  """A checkpoint that contains one complete network.

  Attributes:
    tensors: path in the network -> what the checkpoint has. The shape of
      BatchNorm's variables is [C], however they are stored.
    description: the description of the network.
  """

  def __init__(self, path: files.PathLike, scope: str | None = None) -> None:
    self._file = checkpoint_files.load(path)
    self._prefix = self._find_prefix()
    self.tensors = {
      name: tensor._replace(
        shape=weight_checks.stored_shape(name, tensor.shape)
      )
      for full_name, tensor in self._file.tensors.items()
      for name in [full_name.removeprefix(self._prefix)]
      if full_name.startswith(self._prefix)
    }
    self.description = describe_tensors(self.tensors, self._prefix)
    self._shapes = network_shapes(self.description)
    weight_checks.check_tensors(path, self._shapes, self.tensors)
    found = self.description.scope
    if scope and found and scope != found:
      raise errors.InputError(
        f'{path} is a {found} checkpoint; the {scope} stream was asked for'
      )

  def values(self) -> dict[str, np.ndarray]:
    """Does what `checkpoints.read` does."""
    values = weight_checks.read_floats(
      self._file, [self._prefix + name for name in self._shapes]
    )
    return {
      name: values[self._prefix + name].reshape(shape)
      for name, shape in self._shapes.items()
    }

  def _find_prefix(self) -> str:
    """Returns what the names of the network's variables begin with."""
    prefixes = [
      name.removesuffix(_FIRST_WEIGHTS)
      for name in self._file.tensors
      if f'/{name}'.endswith(f'/{_FIRST_WEIGHTS}')
    ]
    if (
      len(prefixes) != 1
      or prefixes[0] + _LOGITS_WEIGHTS not in self._file.tensors
    ):
      raise errors.InputError(
        f'{self._file.path} is not the checkpoint of one I3D network: it has '
        f'{len(self._file.tensors)} variables, and {len(prefixes)} of them '
        f'named {_FIRST_WEIGHTS} with {_LOGITS_WEIGHTS} beside it'
      )
    return prefixes[0]


def describe_tensors(
  tensors: Mapping[str, checkpoint_files.Tensor], prefix: str
) -> Description:
  """Derives the description from the shapes of the variables.

  Args:
    tensors: path in the network -> what the checkpoint has.
    prefix: what comes before the paths in the checkpoint.
  """
  shapes = {name: tensor.shape for name, tensor in tensors.items()}
  parts = [name.rpartition('/') for name in shapes]
  return Description(
    # If the axis is missing, 1 is taken, and the shape is refused afterwards.
    num_classes=max([1, *shapes[_LOGITS_WEIGHTS][-1:]]),
    channels=max([1, *shapes[_FIRST_WEIGHTS][-2:-1]]),
    depth_multiplier=layers.fitting_multiplier(
      i3d.LAYERS,
      {
        name.removesuffix(_WEIGHTS): shape[-1]
        for name, shape in shapes.items()
        if name.endswith(_WEIGHTS) and shape
      },
    ),
    scope=prefix.partition('/')[0],
    slots=tuple(sorted({leaf for owner, _, leaf in parts if owner in shapes})),
  )


def network_shapes(description: Description) -> dict[str, list[int]]:
  """Returns path -> shape of all variables; the shape of BatchNorm's is [C]."""
  weights, features = layers.weight_shapes(
    i3d.LAYERS, description.channels, description.depth_multiplier
  )
  shapes = {}
  for unit, shape in weights.items():
    shapes[unit + _WEIGHTS] = shape
    for leaf in ('beta', 'moving_mean', weight_checks.VARIANCE):
      shapes[f'{unit}/batch_norm/{leaf}'] = shape[-1:]
  shapes[_LOGITS_WEIGHTS] = [1, 1, 1, features, description.num_classes]
  shapes[f'{LOGITS}/conv_3d/b'] = [description.num_classes]
  return shapes


def variables(
  module: i3d.InceptionI3d, channels: int | None = None
) -> dict[str, tf.Variable]:
  """Returns path in the network -> variable, of all variables of a network.

  Args:
    module: the network.
    channels: channels of a frame. If given, a network that has not been called
      yet is called, so that it has variables.
  """
  # `module.variables` would raise an error if there are none.
  if channels and not tf.Module.variables.fget(module):
    smallest_clip = tf.zeros([1, i3d.MIN_FRAMES, 193, 193, channels])
    module(smallest_clip, is_training=False)
  scope = module.name_scope.name
  return {
    variable.name.removeprefix(scope).removesuffix(':0'): variable
    for variable in module.variables
  }
