"""DeepMind's checkpoint layout: describe, restore, save.

A variable of the released files is named

    RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w
    `------.--------' `--------------------.------------------'
         prefix                      path in the network

The Kinetics-600 file has no prefix. BatchNorm variables are stored as [C] or as
[1, 1, 1, 1, C]. Training adds `<variable>/Momentum` and `global_step`.
"""

import collections
import contextlib
import pathlib

import numpy as np
import tensorflow as tf

import i3d
from two_stream import errors, files

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

_FIRST_WEIGHTS = 'Conv3d_1a_7x7/conv_3d/w'
_LOGITS_WEIGHTS = 'Logits/Conv3d_0c_1x1/conv_3d/w'
_LEAVES = {'w', 'b', 'beta', 'moving_mean', 'moving_variance'}
_NETWORK = 'inception_i3d'


def describe(path):
  """Reads off a checkpoint what network it holds.

  Args:
    path: the checkpoint's prefix, such as 'rgb_imagenet/model.ckpt'.

  Returns:
    A `Description`.

  Raises:
    InputError: if the file is missing, damaged or no I3D checkpoint.
  """
  return _describe(_Reader(path))


def read(path):
  """Reads a network's values, without prefix and slots.

  Args:
    path: as in `describe`.

  Returns:
    float32 arrays by path in the network; BatchNorm variables [C].

  Raises:
    InputError: as `describe`.
  """
  reader = _Reader(path)
  _describe(reader)
  return {name: reader.value(name) for name in reader.shapes}


def restore(module, path, scope=None):
  """Restores a network from a checkpoint in any of the released layouts.

  Slots and `global_step` are passed over. All is checked before any variable is
  changed.

  Args:
    module: an `i3d.InceptionI3d`. It need not have been called yet.
    path: as in `describe`.
    scope: 'RGB' or 'Flow' to insist on that stream's checkpoint.

  Raises:
    InputError: as `describe`, and if the checkpoint is of the other stream, or
      lacks variables or has wrong shapes, which are all named.
  """
  reader = _Reader(path)
  description = _describe(reader)
  if scope and description.scope and scope != description.scope:
    raise errors.InputError(
      f'{path} is a {description.scope} checkpoint; the {scope} stream was '
      'asked for'
    )
  targets = variables(module, description.channels)
  problems = _misfits(targets, reader.shapes)
  if problems:
    raise errors.InputError(
      f'{path} does not fit the network: {"; ".join(problems)}'
    )
  values = {name: reader.value(name) for name in targets}
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
  files.remove_leftovers(path)
  with files.temporary_folder(path) as folder:
    temporary = folder / path.name
    tf.raw_ops.SaveV2(
      prefix=str(temporary),
      tensor_names=list(values),
      shape_and_slices=[''] * len(values),
      tensors=list(values.values()),
    )
    _publish(temporary, path)


def _describe(reader):
  multipliers = [
    reader.shapes[f'{name}/conv_3d/w'][-1] / layer.channels
    for name, layer in i3d.conv_layers()
    if f'{name}/conv_3d/w' in reader.shapes
  ]
  return Description(
    num_classes=reader.shapes[_LOGITS_WEIGHTS][-1],
    channels=reader.shapes[_FIRST_WEIGHTS][-2],
    # Channel counts are rounded down, so the largest ratio gives all of them.
    depth_multiplier=max(multipliers),
    scope=reader.prefix.partition('/')[0],
    slots=reader.slots,
  )


class _Reader:
  """A checkpoint file, whose every failure is an InputError that names it.

  Attributes:
    prefix: what stands before the network's own names, '' or 'RGB/.../'.
    shapes: shapes of the network's variables by path in the network;
      BatchNorm's as [C], however they are stored.
    slots: names of the optimizer's slots beside them.
  """

  def __init__(self, path):
    self._path = path
    if not pathlib.Path(f'{path}.index').is_file():
      raise errors.InputError(
        f'{path}.index not found; a checkpoint is named by what its .index and '
        '.data-00000-of-00001 files have in common'
      )
    with self._blaming_the_file():
      self._reader = tf.train.load_checkpoint(str(path))
      shapes = self._reader.get_variable_to_shape_map()
    self.prefix = self._find_prefix(shapes)
    self.shapes = {}
    slots = set()
    for full_name, shape in sorted(shapes.items()):
      name = full_name.removeprefix(self.prefix)
      owner, _, leaf = name.rpartition('/')
      if full_name.startswith(self.prefix) and leaf in _LEAVES:
        self.shapes[name] = _stored_shape(name, shape)
      elif full_name.rpartition('/')[0] in shapes:
        slots.add(leaf)
    self.slots = tuple(sorted(slots))

  def value(self, name):
    """The float32 array of one of `shapes`."""
    with self._blaming_the_file():
      value = self._reader.get_tensor(self.prefix + name)
    return value.reshape(self.shapes[name]).astype(np.float32)

  def _find_prefix(self, shapes):
    prefixes = [
      name.removesuffix(_FIRST_WEIGHTS)
      for name in shapes
      if f'/{name}'.endswith(f'/{_FIRST_WEIGHTS}')
    ]
    if len(prefixes) != 1 or prefixes[0] + _LOGITS_WEIGHTS not in shapes:
      raise errors.InputError(
        f'{self._path} is not the checkpoint of one I3D network: it has '
        f'{len(shapes)} variables, and {len(prefixes)} of them named '
        f'{_FIRST_WEIGHTS} with {_LOGITS_WEIGHTS} beside it'
      )
    return prefixes[0]

  @contextlib.contextmanager
  def _blaming_the_file(self):
    try:
      yield
    except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
      raise errors.InputError(
        f'{self._path} is damaged or no TensorFlow checkpoint '
        f'({str(error).splitlines()[0]}); copy it again from its source'
      ) from error


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
  """[1, 1, 1, 1, C] of a BatchNorm variable as [C]; other shapes as is."""
  is_flat = all(size == 1 for size in shape[:-1])
  return shape[-1:] if '/batch_norm/' in name and is_flat else shape


def _misfits(variables, found):
  """What is wrong with the shapes `found` for these variables, in words."""
  problems = []
  for name, variable in sorted(variables.items()):
    expected = _stored_shape(name, variable.shape.as_list())
    if name not in found:
      problems.append(f'{name} is missing')
    elif found[name] != expected:
      problems.append(f'{name} is {found[name]} instead of {expected}')
  return problems


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
