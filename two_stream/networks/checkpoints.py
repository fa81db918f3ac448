"""DeepMind's checkpoint layout: describe, restore, save.

A variable of the released files is named

    RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w
    `------.--------' `--------------------.------------------'
         prefix                      path in the network

The Kinetics-600 file has no prefix. BatchNorm variables are stored as [C] or as
[1, 1, 1, 1, C]. Training adds `<variable>/Momentum` and `global_step`.
"""

import collections
import pathlib

import numpy as np
import tensorflow as tf

import i3d
from two_stream import errors, files
from two_stream.networks import batch_norm, checkpoint_files, layers

Description = collections.namedtuple(
  'Description', 'num_classes channels depth_multiplier scope slots'
)
Description.__doc__ = """What a checkpoint says of its network.

num_classes: number of logits.
channels: of a frame; 3 is RGB, 2 is flow.
depth_multiplier: of `i3d.InceptionI3d`.
scope: 'RGB' or 'Flow', or '' where names have no prefix.
slots: names of the optimizer's slots, such as ('Momentum',); () for none.
"""

_WEIGHTS = '/conv_3d/w'
_FIRST_WEIGHTS = f'Conv3d_1a_7x7{_WEIGHTS}'
_LOGITS = 'Logits/Conv3d_0c_1x1'
_LOGITS_WEIGHTS = f'{_LOGITS}{_WEIGHTS}'
_VARIANCE = 'moving_variance'
_NETWORK = 'inception_i3d'


def describe(path):
  """Reads off a checkpoint what network it holds.

  All variables of the network are looked for and their shapes compared; the
  values stay on the disk.

  Args:
    path: the checkpoint's prefix, such as 'rgb_imagenet/model.ckpt'.

  Returns:
    A `Description`.

  Raises:
    InputError: if the file is missing, damaged or not of one whole I3D network.
  """
  return _Reader(path).description


def read(path):
  """Reads a network's values, without prefix and slots.

  Args:
    path: as in `describe`.

  Returns:
    float32 arrays by path in the network; BatchNorm variables [C].

  Raises:
    InputError: as `describe`, and if values are not finite.
  """
  return _Reader(path).values()


def restore(module, path, scope=None):
  """Restores a network from a checkpoint in any of the released layouts.

  Slots and `global_step` are passed over. All is checked before any variable is
  changed.

  Args:
    module: an `i3d.InceptionI3d`. It need not have been called yet.
    path: as in `describe`.
    scope: 'RGB' or 'Flow' to insist on that stream's checkpoint.

  Raises:
    InputError: as `read`, and if the checkpoint is of the other stream, or
      lacks variables or has wrong shapes, which are all named.
  """
  reader = _Reader(path)
  description = reader.description
  if scope and description.scope and scope != description.scope:
    raise errors.InputError(
      f'{path} is a {description.scope} checkpoint; the {scope} stream was '
      'asked for'
    )
  values = reader.values()
  targets = variables(module, description.channels)
  expected = {
    name: _stored_shape(name, variable.shape.as_list())
    for name, variable in targets.items()
  }
  check_tensors(path, expected, reader.tensors)
  for name, variable in targets.items():
    variable.assign(values[name].reshape(variable.shape))


def save(module, path, scope):
  """Saves a network in the layout of DeepMind's Kinetics-400 checkpoints.

  The original code restores it. The files appear complete or not at all.

  Args:
    module: an `i3d.InceptionI3d` that has been called.
    path: the checkpoint's prefix; its folder is made if need be.
    scope: 'RGB' or 'Flow'.
  """
  write(
    {name: value.numpy() for name, value in variables(module).items()},
    path,
    scope,
  )


def write(values, path, scope):
  """Writes a network's values as `save` does.

  Args:
    values: arrays by path in the network, as `read` gives them.
    path: as in `save`.
    scope: 'RGB' or 'Flow'.
  """
  values = {
    f'{scope}/{_NETWORK}/{name}': value.reshape(
      _stored_shape(name, list(value.shape))
    )
    for name, value in sorted(values.items())
  }
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.temporary_folder(path) as folder:
    temporary = folder / path.name
    tf.raw_ops.SaveV2(
      prefix=str(temporary),
      tensor_names=list(values),
      shape_and_slices=[''] * len(values),
      tensors=list(values.values()),
    )
    _publish(temporary, path)


def check_tensors(path, expected, found):
  """Raises InputError unless a checkpoint has a network's variables.

  Args:
    path: of the checkpoint, for the message, which names all that is wrong.
    expected: name -> shape, a list.
    found: name -> `checkpoint_files.Tensor`.
  """
  problems = []
  for name, shape in sorted(expected.items()):
    tensor = found.get(name)
    if not tensor:
      problems.append(f'{name} is missing')
    elif tensor.shape != shape:
      problems.append(f'{name} is {tensor.shape} instead of {shape}')
    elif not (tensor.dtype and tensor.dtype.is_floating):
      problems.append(f'{name} is not of floating-point numbers')
  if problems:
    raise errors.InputError(
      f'{path} does not fit the network: {"; ".join(problems)}'
    )


def float_values(checkpoint, names):
  """Reads variables that `check_tensors` has passed.

  Args:
    checkpoint: a `checkpoint_files.Checkpoint`.
    names: of some of its variables.

  Returns:
    float32 arrays by name.

  Raises:
    InputError: if the file is damaged, or values are not finite.
  """
  with np.errstate(over='ignore'):  # Of float64, to infinity.
    values = {
      name: value.astype(np.float32, copy=False)
      for name, value in checkpoint.values(names).items()
    }
  check_values(checkpoint.path, values)
  return values


def check_values(path, values):
  """Raises InputError if a network of these values cannot compute anything.

  ReLU makes zeros of what is not a number, so that such a network gives logits
  that look as if they were right.

  Args:
    path: of the checkpoint, for the message.
    values: arrays by name.
  """
  problems = []
  for name, value in values.items():
    if not np.isfinite(value).all():
      problems.append(f'{name} is not finite')
    # Its root divides; rounding may leave it a little below zero.
    elif name.endswith(_VARIANCE) and (value <= -batch_norm.EPSILON).any():
      problems.append(f'{name} is negative')
  if problems:
    raise errors.InputError(
      f'{path}: {problems[0]} ({len(problems)} of {len(values)} variables are '
      'of no use); take a checkpoint from before its training went wrong'
    )


class _Reader:
  """A checkpoint that holds one whole network.

  Attributes:
    tensors: a `checkpoint_files.Tensor` by path in the network; the shapes of
      BatchNorm's are [C], however they are stored.
    description: a `Description`.
  """

  def __init__(self, path):
    self._file = checkpoint_files.load(path)
    self._prefix = self._find_prefix()
    self.tensors = {
      name: tensor._replace(shape=_stored_shape(name, tensor.shape))
      for full_name, tensor in self._file.tensors.items()
      for name in [full_name.removeprefix(self._prefix)]
      if full_name.startswith(self._prefix)
    }
    self.description = _describe(self.tensors, self._prefix)
    self._shapes = _network_shapes(self.description)
    check_tensors(path, self._shapes, self.tensors)

  def values(self):
    """float32 arrays by path in the network, which are finite."""
    values = float_values(
      self._file, [self._prefix + name for name in self._shapes]
    )
    return {
      name: values[self._prefix + name].reshape(shape)
      for name, shape in self._shapes.items()
    }

  def _find_prefix(self):
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


def _describe(tensors, prefix):
  """The `Description` of the tensors by path in the network."""
  shapes = {name: tensor.shape for name, tensor in tensors.items()}
  parts = [name.rpartition('/') for name in shapes]
  return Description(
    # Without an axis to tell, 1; then the shape turns out to be wrong.
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


def _network_shapes(description):
  """Shapes by path of a network's variables; BatchNorm's as [C]."""
  _, channels, multiplier, _, _ = description
  weights, features = layers.weight_shapes(i3d.LAYERS, channels, multiplier)
  shapes = {}
  for unit, shape in weights.items():
    shapes[unit + _WEIGHTS] = shape
    for leaf in ('beta', 'moving_mean', _VARIANCE):
      shapes[f'{unit}/batch_norm/{leaf}'] = shape[-1:]
  shapes[_LOGITS_WEIGHTS] = [1, 1, 1, features, description.num_classes]
  shapes[f'{_LOGITS}/conv_3d/b'] = [description.num_classes]
  return shapes


def variables(module, channels=None):
  """Gives a network's variables by path in the network.

  Args:
    module: an `i3d.InceptionI3d`.
    channels: of a frame, to make the variables if it has not been called yet.
  """
  if channels and not tf.Module.variables.fget(module):
    # Layers make their variables when called; the smallest clip will do.
    module(tf.zeros([1, 9, 193, 193, channels]), is_training=False)
  scope = module.name_scope.name
  return {
    variable.name.removeprefix(scope).removesuffix(':0'): variable
    for variable in module.variables
  }


def _stored_shape(name, shape):
  """A shape as it is, but [1, 1, 1, 1, C] of a BatchNorm variable as [C]."""
  is_flat = all(size == 1 for size in shape[:-1])
  return shape[-1:] if '/batch_norm/' in name and is_flat else shape


def _publish(temporary, path):
  """Moves a checkpoint's two files into place.

  The index goes last and an old one first, so that what has an index is whole.
  """
  data, index = '.data-00000-of-00001', '.index'
  for suffix in (data, index):
    files.sync(f'{temporary}{suffix}')
  pathlib.Path(f'{path}{index}').unlink(missing_ok=True)
  for suffix in (data, index):
    pathlib.Path(f'{temporary}{suffix}').replace(f'{path}{suffix}')
  files.sync(path.parent)
