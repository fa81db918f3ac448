"""Whether the variables of a checkpoint make a network that can compute.

Shapes and types are compared before any value is read, because a damaged or
foreign checkpoint may claim anything. Every error names the checkpoint.
"""

from collections.abc import Collection, Mapping

import numpy as np

from two_stream import errors, files
from two_stream.networks import batch_norm, checkpoint_files

# How the name of a BatchNorm's variance ends, in I3D and in Inception-v1.
# Weights of trained networks are below 1000.
LARGEST = 1e9
VARIANCE = 'moving_variance'


def stored_shape(name: str, shape: list[int]) -> list[int]:
  """Returns the shape, but [C] for [1, 1, 1, 1, C] of a BatchNorm variable."""
  is_flat = all(size == 1 for size in shape[:-1])
  return shape[-1:] if '/batch_norm/' in name and is_flat else shape


def check_tensors(
  path: files.PathLike,
  expected: Mapping[str, list[int]],
  found: Mapping[str, checkpoint_files.Tensor],
  remedy: str = '',
) -> None:
  """Raises InputError unless a checkpoint has the variables of a network.

  The message names every variable that is missing or wrong.

  Args:
    path: the checkpoint's prefix, for the message.
    expected: name -> shape.
    found: name -> what the checkpoint has.
    remedy: what the message ends with.
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
      f'{path} does not fit the network: {"; ".join(problems)}{remedy}'
    )


def read_floats(
  checkpoint: checkpoint_files.Checkpoint, names: Collection[str]
) -> dict[str, np.ndarray]:
  """Reads variables that `check_tensors` has accepted.

  Args:
    checkpoint: the opened checkpoint.
    names: names of some of its variables.

  Returns:
    name -> float32 array.

  Raises:
    InputError: the checkpoint is damaged, or `check_values` raises the error.
  """
  # A float64 that is too large becomes infinite, which is reported below.
  with np.errstate(over='ignore'):
    values = {
      name: value.astype(np.float32, copy=False)
      for name, value in checkpoint.values(names).items()
    }
  check_values(checkpoint.path, values)
  return values


def check_values(
  path: files.PathLike, values: Mapping[str, np.ndarray]
) -> None:
  """Raises InputError if a network with these values cannot compute anything.

  All values have to be finite, and variances not negative. ReLU turns what is
  not a number into zero. So without this check a damaged network would give
  logits that look right.

  Args:
    path: the checkpoint's prefix, for the message.
    values: name -> array.
  """
  problems = []
  for name, value in values.items():
    if not np.isfinite(value).all():
      problems.append(f'{name} is not finite')
    # BatchNorm divides by the root of variance + EPSILON. A variance that is a
    # little below zero comes from rounding and does no harm.
    elif name.endswith(VARIANCE) and (value <= -batch_norm.EPSILON).any():
      problems.append(f'{name} is negative')
  if problems:
    raise errors.InputError(
      f'{path}: {problems[0]} ({len(problems)} of {len(values)} variables are '
      'of no use); take a checkpoint from before its training went wrong'
    )


def check_sizes(path: files.PathLike, values: Mapping[str, np.ndarray]) -> None:
  """Raises InputError if weights are too large for finite activations.

  Some activations would be infinite. ReLU makes zeros of what is computed from
  them, so that the logits of such a network may be finite, and mean nothing.

  Args:
    path: the checkpoint's prefix, for the message.
    values: name -> array.
  """
  for name, value in values.items():
    largest = float(np.abs(value.astype(np.float32, copy=False)).max())
    if largest > LARGEST:
      raise errors.InputError(
        f'{path}: {name} has the value {largest:g}, with which nothing can be '
        'computed; take a checkpoint from before its training went wrong'
      )
