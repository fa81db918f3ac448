"""Weights of I3D under other programs' names, compared with the network.

Other programs name the variables in their own way, and some store the axes of a
kernel in another order. A `Layout` is what differs, as data. With it all names,
shapes and types are compared before any value is read.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

import i3d
from two_stream import errors, files
from two_stream.networks import (
  checkpoint_files,
  checkpoints,
  layers,
  weight_checks,
)

W, B = 'conv_3d/w', 'conv_3d/b'
BETA, GAMMA = 'batch_norm/beta', 'batch_norm/gamma'
MEAN, VARIANCE = 'batch_norm/moving_mean', 'batch_norm/moving_variance'
# An error names so many variables, and counts the others.
_MOST_NAMED = 400


class Array(NamedTuple):
  """An array in a file.

  Attributes:
    shape: size of each axis.
    dtype: type of the values, or None if it is one that NumPy lacks.
    read: reads the values; raises ValueError or OSError.
  """

  shape: tuple[int, ...]
  dtype: np.dtype | None
  read: Callable[[], np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
  """How a program names and stores the variables of I3D.

  Attributes:
    leaves: our name in a unit -> their name, in which {} is the unit.
    unit: our path of a unit -> their name of it.
    kernel_axes: axis i of our kernel is axis kernel_axes[i] of theirs. Ours
      are time, height, width, channels in, channels out.
    ones: a leaf -> how many axes of size 1 stand before its only other axis.
    ignored: how the names of variables end that mean nothing here.
  """

  leaves: Mapping[str, str]
  unit: Mapping[str, str]
  kernel_axes: tuple[int, ...] = (0, 1, 2, 3, 4)
  ones: Mapping[str, int] = dataclasses.field(default_factory=dict)
  ignored: tuple[str, ...] = ()

  def name(self, path: str) -> str:
    """Returns their name of a variable."""
    unit, leaf = split(path)
    return self.leaves[leaf].format(self.unit[unit])

  def shape(self, path: str, shape: list[int]) -> list[int]:
    """Returns the shape that they store, of our shape of a variable."""
    leaf = split(path)[1]
    if leaf == W:
      return [shape[self.kernel_axes.index(axis)] for axis in range(5)]
    return [1] * self.ones.get(leaf, 0) + shape

  def ours(self, path: str, value: np.ndarray) -> np.ndarray:
    """Returns a variable as it is here, of their array."""
    leaf = split(path)[1]
    if leaf == W:
      return np.ascontiguousarray(value.transpose(self.kernel_axes))
    return value.reshape(-1)

  def theirs(self, path: str, value: np.ndarray) -> np.ndarray:
    """Returns their array, of a variable as it is here."""
    if split(path)[1] == W:
      order = [self.kernel_axes.index(axis) for axis in range(5)]
      return np.ascontiguousarray(value.transpose(order))
    return value.reshape(self.shape(path, list(value.shape)))


def split(path: str) -> tuple[str, str]:
  """Splits a path in the network into unit and leaf, such as 'conv_3d/w'."""
  unit, group, leaf = path.rsplit('/', 2)
  return unit, f'{group}/{leaf}'


def paths() -> list[str]:
  """Returns the paths of all units of the network, the logits last."""
  return [path for path, _ in layers.convolutions(i3d.LAYERS)] + [
    checkpoints.LOGITS
  ]


def fit(
  source: files.PathLike, arrays: Mapping[str, Array], layout: Layout
) -> tuple[checkpoints.Description, dict[str, np.ndarray]]:
  """Reads the network that foreign arrays make.

  Args:
    source: the file, for messages.
    arrays: their name -> array, all that the file has.
    layout: how the arrays are named and stored.

  Returns:
    (what network it is, path in the network -> float32 array). If the layout
    has a scale of BatchNorm, it is there as `GAMMA`.

  Raises:
    InputError: variables are missing, unexpected, of another shape, or no
      floating-point numbers. The message names all of them.
    ValueError: values cannot be read.
  """
  description = _describe(source, arrays, layout)
  expected = checkpoints.network_shapes(description)
  if GAMMA in layout.leaves:
    for path, shape in list(expected.items()):
      if path.endswith(f'/{BETA}'):
        expected[f'{path.removesuffix(BETA)}{GAMMA}'] = shape
  _check(source, arrays, layout, expected)
  values = {}
  with np.errstate(over='ignore'):  # What becomes infinite is refused later.
    for path in expected:
      value = arrays[layout.name(path)].read()
      values[path] = layout.ours(path, value).astype(np.float32, copy=False)
  weight_checks.check_values(source, values)
  return description, values


def _describe(
  source: files.PathLike, arrays: Mapping[str, Array], layout: Layout
) -> checkpoints.Description:
  """Derives what network it is from the shapes of its kernels."""
  kernels = {}
  for unit in paths():
    found = arrays.get(layout.name(f'{unit}/{W}'))
    if found and len(found.shape) == 5:
      shape = [found.shape[axis] for axis in layout.kernel_axes]
      kernels[f'{unit}/{W}'] = checkpoint_files.Tensor(None, shape)
  for needed in (paths()[0], checkpoints.LOGITS):
    if f'{needed}/{W}' not in kernels:
      raise errors.InputError(
        f'{source} has no I3D network: among its {len(arrays)} variables none '
        f'is named {layout.name(f"{needed}/{W}")} and has five axes'
      )
  return checkpoints.describe_tensors(kernels, '')


def _check(
  source: files.PathLike,
  arrays: Mapping[str, Array],
  layout: Layout,
  expected: Mapping[str, list[int]],
) -> None:
  """Raises InputError unless the arrays are exactly those of the network."""
  problems = []
  known = set()
  for path, our_shape in expected.items():
    name, shape = layout.name(path), layout.shape(path, our_shape)
    known.add(name)
    found = arrays.get(name)
    if not found:
      problems.append(f'{name} is missing')
    elif list(found.shape) != shape:
      problems.append(f'{name} is {list(found.shape)} instead of {shape}')
    elif found.dtype is None or not _is_floating(found.dtype):
      problems.append(f'{name} is not of floating-point numbers')
  for name in arrays:
    if name not in known and not name.endswith(layout.ignored):
      problems.append(f'{errors.printable(name[:100])} is unexpected')
  if problems:
    shown = problems[:_MOST_NAMED]
    if len(problems) > len(shown):
      shown.append(f'and {len(problems) - len(shown)} more')
    raise errors.InputError(
      f'{source} does not fit the network: {"; ".join(shown)}'
    )


def _is_floating(dtype: np.dtype) -> bool:
  # NumPy does not know that the bfloat16 of another library is one.
  return dtype.kind == 'f' or dtype.name == 'bfloat16'


def without_gamma(
  values: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], int]:
  """Multiplies the scales of BatchNorm into the weights before it.

  DeepMind's network has no such scale: it is 1 there, and nothing changes then.
  Otherwise, with the scale g, g (w x - mean) / deviation equals
  ((g w) x - g mean) / deviation. So weights and means are multiplied.

  Args:
    values: path in the network -> array, with `GAMMA`.

  Returns:
    (the values without `GAMMA`, how many units had a scale that is not 1).
  """
  changed = {k: v for k, v in values.items() if not k.endswith(GAMMA)}
  count = 0
  for path, scale in values.items():
    if path.endswith(GAMMA) and (scale != 1).any():
      unit = path.removesuffix(GAMMA)
      for leaf in (W, MEAN):
        changed[unit + leaf] = values[unit + leaf] * scale
      count += 1
  return changed, count
