"""Reference values: weights and clips from formulas, and original results.

`golden/original_rgb.npz` holds what DeepMind's code (kinetics-i3d at 0667e88,
TensorFlow 1.15.5, Sonnet 1.36) computed from the weights and clips below.
`golden/checkpoint_layouts.json` holds the names and shapes in the five files
that DeepMind released, `golden/published_outputs.json` what its README and out/
print.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

GOLDEN = pathlib.Path(__file__).parent / 'golden'

# Name of a test clip -> its seed and shape.
CLIPS: dict[str, tuple[int, tuple[int, ...]]] = {
  'rgb16': (0, (1, 16, 224, 224, 3)),
  'flow16': (0, (1, 16, 224, 224, 2)),
  'rgb_train': (2, (2, 16, 224, 224, 3)),
}
TRAIN_LABELS = [3, 7]

_SCALES = {'beta': 0.1, 'moving_mean': 0.1, 'b': 0.1, 'Momentum': 0.001}


def original() -> Mapping[str, np.ndarray]:
  """Returns {name: array} of what the original computed."""
  return np.load(GOLDEN / 'original_rgb.npz', allow_pickle=False)


def layouts() -> dict[str, dict[str, list[int]]]:
  """Returns {folder of a released checkpoint: {variable name: shape}}."""
  groups = json.loads((GOLDEN / 'checkpoint_layouts.json').read_text())
  return {
    name: layout
    for names, layout in groups.items()
    for name in names.split(' and ')
  }


def published_outputs() -> dict[str, Any]:
  """Returns the norm and the top classes that DeepMind published.

  The keys are {imagenet,no_imagenet}_{rgb,flow,joint}.
  """
  return json.loads((GOLDEN / 'published_outputs.json').read_text())


def weight(name: str, shape: Sequence[int]) -> np.ndarray:
  """Returns the value of a variable, which depends on its name only.

  Variables of the same name and different ranks get the same numbers.

  Args:
    name: of the variable in a checkpoint.
    shape: of the variable.
  """
  digest = hashlib.sha256(name.encode()).digest()
  seed = int.from_bytes(digest[:8], 'little') % 2**32
  normal = np.random.RandomState(seed).standard_normal(int(np.prod(shape)))
  kind = name.rsplit('/', 1)[-1]
  if kind == 'w':
    values = normal * np.sqrt(2 / np.prod(shape[:-1], dtype=float))
  elif kind == 'moving_variance':
    values = 1 + 0.1 * np.abs(normal)
  else:
    values = _SCALES[kind] * normal
  return values.reshape(shape).astype(np.float32)


def clip(key: str) -> np.ndarray:
  """Returns a smooth random clip, float32 in [-1, 1].

  It is noise on a grid of 4 frames and 8 pixels, interpolated trilinearly.

  Args:
    key: of `CLIPS`.
  """
  seed, (batch, frames, height, width, channels) = CLIPS[key]
  grid = np.random.RandomState(seed).uniform(
    -1, 1, (batch, frames // 4 + 2, height // 8 + 2, width // 8 + 2, channels)
  )
  for axis, size, step in ((1, frames, 4), (2, height, 8), (3, width, 8)):
    grid = _interpolate(grid, axis, size, step)
  return grid.astype(np.float32)


def _interpolate(
  grid: np.ndarray, axis: int, size: int, step: int
) -> np.ndarray:
  index, remainder = np.divmod(np.arange(size), step)
  along_axis = [1] * grid.ndim
  along_axis[axis] = size
  fraction = (remainder / step).reshape(along_axis)
  before, after = np.take(grid, index, axis), np.take(grid, index + 1, axis)
  return before * (1 - fraction) + after * fraction


def fill(net: tf.Module) -> None:
  """Sets the weights of a network that was made in the scope RGB or Flow."""
  for variable in net.variables:
    name = variable.name.removesuffix(':0')
    variable.assign(weight(name, variable.shape.as_list()))


def write_checkpoint(
  path: pathlib.Path, values: Mapping[str, np.ndarray]
) -> None:
  """Writes {name: array} as a TensorFlow checkpoint with this prefix."""
  path.parent.mkdir(parents=True, exist_ok=True)
  tf.raw_ops.SaveV2(
    prefix=str(path),
    tensor_names=list(values),
    shape_and_slices=[''] * len(values),
    tensors=list(values.values()),
  )


def write_released(
  folder: pathlib.Path, name: str, salt: str = ''
) -> pathlib.Path:
  """Writes a checkpoint with the names and shapes of a released one.

  Args:
    folder: in which the checkpoint gets a folder of its own.
    name: of the released checkpoint.
    salt: another salt gives other weights.

  Returns:
    The prefix of the checkpoint, folder/name/model.ckpt.
  """
  path = folder / name / 'model.ckpt'
  values = {
    variable: weight(salt + variable, shape)
    for variable, shape in layouts()[name].items()
  }
  write_checkpoint(path, values)
  return path
