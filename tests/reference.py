"""Reference values: weights and clips by recipe, and what the original gives.

`golden/original_rgb.npz` holds what DeepMind's code (kinetics-i3d at 0667e88,
TensorFlow 1.15.5, Sonnet 1.36) computed from the weights and clips below.
`golden/checkpoint_layouts.json` holds the names and shapes in its five released
files, `golden/published_outputs.json` what its README and out/ print.
"""

import hashlib
import json
import pathlib

import numpy as np
import tensorflow as tf

GOLDEN = pathlib.Path(__file__).parent / 'golden'

# Key -> seed and shape of a test clip.
CLIPS = {
  'rgb16': (0, (1, 16, 224, 224, 3)),
  'flow16': (0, (1, 16, 224, 224, 2)),
  'rgb_train': (2, (2, 16, 224, 224, 3)),
}
TRAIN_LABELS = [3, 7]

_SCALES = {'beta': 0.1, 'moving_mean': 0.1, 'b': 0.1, 'Momentum': 0.001}


def original():
  """What the original computed, by name."""
  return np.load(GOLDEN / 'original_rgb.npz', allow_pickle=False)


def layouts():
  """Released checkpoint's folder name -> {variable name: shape}."""
  groups = json.loads((GOLDEN / 'checkpoint_layouts.json').read_text())
  return {
    name: layout
    for names, layout in groups.items()
    for name in names.split(' and ')
  }


def published_outputs():
  """{imagenet,no_imagenet}_{rgb,flow,joint} -> norm and top classes."""
  return json.loads((GOLDEN / 'published_outputs.json').read_text())


def weight(name, shape):
  """A variable's value, from its checkpoint name alone.

  Rank-1 and rank-5 variables of one name get the same numbers.
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


def clip(key):
  """A smooth random clip, float32 in [-1, 1].

  Noise on a grid of 4 frames and 8 pixels, interpolated trilinearly.
  """
  seed, (batch, frames, height, width, channels) = CLIPS[key]
  grid = np.random.RandomState(seed).uniform(
    -1, 1, (batch, frames // 4 + 2, height // 8 + 2, width // 8 + 2, channels)
  )
  for axis, size, step in ((1, frames, 4), (2, height, 8), (3, width, 8)):
    grid = _interpolate(grid, axis, size, step)
  return grid.astype(np.float32)


def _interpolate(grid, axis, size, step):
  index, remainder = np.divmod(np.arange(size), step)
  along_axis = [1] * grid.ndim
  along_axis[axis] = size
  fraction = (remainder / step).reshape(along_axis)
  before, after = np.take(grid, index, axis), np.take(grid, index + 1, axis)
  return before * (1 - fraction) + after * fraction


def fill(net):
  """Gives a network, constructed in the scope RGB or Flow, its weights."""
  for variable in net.variables:
    name = variable.name.removesuffix(':0')
    variable.assign(weight(name, variable.shape.as_list()))


def write_checkpoint(path, values):
  """Writes arrays by name as a TensorFlow checkpoint."""
  path.parent.mkdir(parents=True, exist_ok=True)
  tf.raw_ops.SaveV2(
    prefix=str(path),
    tensor_names=list(values),
    shape_and_slices=[''] * len(values),
    tensors=list(values.values()),
  )


def write_released(folder, name, salt=''):
  """Writes a checkpoint by recipe in the layout of a released one.

  Args:
    folder: where its own folder goes.
    name: of the released one.
    salt: makes the weights others than those of the names alone.

  Returns:
    Its prefix, folder/name/model.ckpt.
  """
  path = folder / name / 'model.ckpt'
  values = {
    variable: weight(salt + variable, shape)
    for variable, shape in layouts()[name].items()
  }
  write_checkpoint(path, values)
  return path
