"""Reads and writes TensorFlow's checkpoint files; trusts nothing that it reads.

TensorFlow has two formats, and both are read here:

    model.ckpt.index                 a table: name -> type, shape, position and
                                     checksum of the values
    model.ckpt.data-00000-of-00002   the values
    model.ckpt.data-00001-of-00002

    inception_v1.ckpt                the format before TensorFlow 0.12: a table
                                     that has the values in it

TensorFlow's own reader is not used, because damaged or unusual files harm it:
it takes `[` in a path for a pattern, waits for ever for a FIFO, allocates what
an index claims before it looks at the file, and aborts the whole process on
some damage. Here every claim is compared with the size of the file before
memory is allocated, and every failure is an `errors.InputError` that names the
file.
"""

import abc
import contextlib
import io
import math
import os
import pathlib
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import tensor_bundle_pb2
from tensorflow.core.util import saved_tensor_slice_pb2

from two_stream import crc32c, errors, files
from two_stream.networks import sorted_table

_INDEX = '.index'
_PART = re.compile(r'.*\.(index|meta|data-\d+-of-\d+)', re.DOTALL)
# The key of a part of a partitioned variable begins with this.
_SLICE = b'\0'
_VERSION = 1  # The version of the format with an index.
_MAX_AXES = 64  # NumPy's own limit.
_MAX_INDEX = 1 << 24  # Bytes; the index of I3D is a thousand times smaller.
# TensorFlow's number of a type -> the type, if files have the bytes of NumPy.
_DTYPES = {
  tf.as_dtype(name).as_datatype_enum: tf.as_dtype(name)
  for name in (
    *('float32', 'float64', 'float16', 'bfloat16', 'bool'),
    *('int8', 'int16', 'int32', 'int64'),
    *('uint8', 'uint16', 'uint32', 'uint64'),
  )
}


class Tensor(NamedTuple):
  """What a checkpoint tells about a variable.

  Attributes:
    dtype: type of the values; None if they cannot be read here, such as text.
    shape: size of each axis.
  """

  dtype: tf.DType | None
  shape: list[int]

  @property
  def size(self) -> int:
    """Number of bytes of the values; 0 if they cannot be read."""
    return math.prod(self.shape) * self.dtype.size if self.dtype else 0


def load(path: files.PathLike) -> 'Checkpoint':
  """Opens a checkpoint.

  Args:
    path: the checkpoint's prefix, such as 'rgb_imagenet/model.ckpt', or the one
      file of the old format.

  Raises:
    InputError: the checkpoint is missing or damaged.
  """
  if os.path.lexists(f'{path}{_INDEX}'):
    return _Bundle(path)
  if pathlib.Path(path).is_file() and not _PART.fullmatch(str(path)):
    return _OneFile(path)
  raise errors.InputError(
    f'{path}{_INDEX} not found; a checkpoint is named by what its .index and '
    '.data-00000-of-00001 files have in common, or by its one file if it is in '
    'the old format'
  )


def write(tensors: Mapping[str, np.ndarray], path: files.PathLike) -> None:
  """Writes a checkpoint of any tensors, which appears complete or not at all.

  Args:
    tensors: name -> value.
    path: the checkpoint's prefix. Its folder is made if it is missing.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.temporary_folder(path) as folder:
    temporary = folder / path.name
    tf.raw_ops.SaveV2(
      prefix=str(temporary),
      tensor_names=list(tensors),
      shape_and_slices=[''] * len(tensors),
      tensors=list(tensors.values()),
    )
    _publish(temporary, path)


class Checkpoint(abc.ABC):
  """An open checkpoint. Only the list of its variables is in memory.

  Attributes:
    path: what was given to `load`.
    files: paths of its files.
    tensors: name of a variable -> its type and shape.
  """

  def __init__(self, path: files.PathLike) -> None:
    self.path = path
    with self._explained():
      self.files, self.tensors = self._open()

  @abc.abstractmethod
  def _open(self) -> tuple[list[files.PathLike], dict[str, Tensor]]:
    """Returns `files` and `tensors`."""

  @abc.abstractmethod
  def _read(self, names: Collection[str]) -> dict[str, np.ndarray]:
    """Does what `values` does, but the arrays need not have their shape."""

  def values(self, names: Collection[str]) -> dict[str, np.ndarray]:
    """Reads variables, and compares their checksums.

    Args:
      names: names of variables whose dtype is not None.

    Returns:
      name -> array of the variable's dtype and shape.

    Raises:
      InputError: the checkpoint is damaged.
    """
    with self._explained():
      return {
        name: value.reshape(self.tensors[name].shape)
        for name, value in self._read(names).items()
      }

  @contextlib.contextmanager
  def _explained(self) -> Iterator[None]:
    """Turns errors of reading into an InputError for the user."""
    try:
      yield
    except (OSError, ValueError, DecodeError) as error:
      raise errors.InputError(
        f'{self.path} is damaged or no TensorFlow checkpoint ({error}); copy '
        'it again from its source'
      ) from error


class _Bundle(Checkpoint):
  """A checkpoint with an index."""

  def _open(self) -> tuple[list[files.PathLike], dict[str, Tensor]]:
    index = f'{self.path}{_INDEX}'
    with files.open_to_read(index) as stream:
      if os.fstat(stream.fileno()).st_size > _MAX_INDEX:
        raise ValueError(f'its index has more than {_MAX_INDEX} bytes')
      rows = sorted_table.entries(stream)
      header = tensor_bundle_pb2.BundleHeaderProto.FromString(_first(rows))
      self._entries = {
        _name(key): tensor_bundle_pb2.BundleEntryProto.FromString(value)
        for key, value in rows
      }
    if header.version.min_consumer > _VERSION:
      raise ValueError('a newer TensorFlow wrote it')
    is_big = header.endianness == tensor_bundle_pb2.BundleHeaderProto.BIG
    self._is_swapped = is_big != (sys.byteorder == 'big')
    tensors = {name: _tensor(name, e) for name, e in self._entries.items()}
    places: dict[int, list[tuple[int, int]]] = {}
    for entry in self._entries.values():
      places.setdefault(entry.shard_id, []).append((entry.offset, entry.size))
    self._shards = {
      shard: f'{self.path}.data-{shard:05d}-of-{header.num_shards:05d}'
      for shard in sorted(places)
    }
    for shard, path in self._shards.items():
      _check_places(path, places[shard])
    return [index, *self._shards.values()], tensors

  def _read(self, names: Collection[str]) -> dict[str, np.ndarray]:
    with contextlib.ExitStack() as stack:
      streams = {
        shard: stack.enter_context(files.open_to_read(path))
        for shard, path in self._shards.items()
      }
      contents = [
        _content(streams[entry.shard_id], entry.offset, entry.size)
        for entry in map(self._entries.__getitem__, names)
      ]
    values = {}
    for name, content in zip(names, contents):
      if crc32c.masked(content) != self._entries[name].crc32c:
        raise ValueError(f'wrong checksum of the values of {name!r}')
      dtype = self.tensors[name].dtype
      assert dtype is not None, name
      if self._is_swapped:
        content.view(f'u{dtype.size}').byteswap(inplace=True)
      values[name] = content.view(dtype.as_numpy_dtype)
    return values


class _OneFile(Checkpoint):
  """A checkpoint of the old format. Only its float32 variables can be read."""

  def _open(self) -> tuple[list[files.PathLike], dict[str, Tensor]]:
    with files.open_to_read(self.path) as stream:
      first = _first(sorted_table.entries(stream))
      file_size = os.fstat(stream.fileno()).st_size
    meta = saved_tensor_slice_pb2.SavedTensorSlices.FromString(first).meta
    tensors = {
      proto.name: Tensor(
        tf.float32 if proto.type == tf.float32.as_datatype_enum else None,
        _shape(proto),
      )
      for proto in meta.tensor
    }
    if sum(tensor.size for tensor in tensors.values()) > file_size:
      raise ValueError(f'it tells of more than its {file_size} bytes')
    return [self.path], tensors

  def _read(self, names: Collection[str]) -> dict[str, np.ndarray]:
    values = {}
    with files.open_to_read(self.path) as stream:
      for _, content in sorted_table.entries(stream):
        saved = saved_tensor_slice_pb2.SavedTensorSlices.FromString(content)
        if saved.data.name in names:
          values[saved.data.name] = np.array(
            saved.data.data.float_val, np.float32
          )
    for name in names:
      if name not in values:
        raise ValueError(f'the values of {name!r} are missing')
    return values


def _first(rows: Iterator[tuple[bytes, bytes]]) -> bytes:
  """Returns the value of a table's first entry, whose key must be empty."""
  key, value = next(rows, (None, b''))
  if key != b'':
    raise ValueError('it does not begin as a checkpoint')
  return value


def _name(key: bytes) -> str:
  """Returns the name of the variable that a key of the index stands for."""
  if key.startswith(_SLICE):
    raise ValueError('it has variables in slices; save it without partitioner')
  return key.decode()


def _tensor(name: str, entry: tensor_bundle_pb2.BundleEntryProto) -> Tensor:
  """Returns what a `BundleEntryProto` tells about a variable.

  Raises:
    ValueError: the number of bytes does not fit the type and the shape.
  """
  tensor = Tensor(_DTYPES.get(entry.dtype), _shape(entry))
  if tensor.dtype and tensor.size != entry.size:
    raise ValueError(
      f'{name!r} is {tensor.dtype.name} {tensor.shape} in {entry.size} bytes'
    )
  return tensor


def _shape(
  proto: tensor_bundle_pb2.BundleEntryProto
  | saved_tensor_slice_pb2.SavedSliceMeta,
) -> list[int]:
  """Returns the shape of a variable; raises ValueError if it is impossible."""
  shape = [axis.size for axis in proto.shape.dim]
  if len(shape) > _MAX_AXES:
    raise ValueError(f'a variable of {len(shape)} axes')
  if proto.shape.unknown_rank or min(shape, default=0) < 0:
    raise ValueError(f'a variable of shape {shape}')
  return shape


def _check_places(
  path: files.PathLike, places: Sequence[tuple[int, int]]
) -> None:
  """Raises ValueError if a file of values cannot have what the index claims.

  Args:
    path: the file.
    places: (position, size) of the values of each variable.
  """
  with files.open_to_read(path) as stream:
    end = os.fstat(stream.fileno()).st_size
  is_inside = all(
    0 <= offset <= offset + size <= end for offset, size in places
  )
  # If values could overlap, a small file could fill the memory.
  if not is_inside or sum(size for _, size in places) > end:
    raise ValueError(f'{path} has {end} bytes, and the index tells of more')


def _content(stream: io.BufferedReader, offset: int, size: int) -> np.ndarray:
  """Reads bytes into an array uint8 [size]."""
  content = np.empty(size, np.uint8)
  stream.seek(offset)
  if stream.readinto(content.data) != size:
    raise ValueError(f'{stream.name} breaks off')
  return content


def _publish(temporary: pathlib.Path, path: pathlib.Path) -> None:
  """Moves the two files of a checkpoint to their final names.

  The old index is removed first, and the new one is moved last. So whenever
  there is an index, the checkpoint is complete.
  """
  data, index = '.data-00000-of-00001', '.index'
  for suffix in (data, index):
    files.sync(f'{temporary}{suffix}')
  pathlib.Path(f'{path}{index}').unlink(missing_ok=True)
  for suffix in (data, index):
    pathlib.Path(f'{temporary}{suffix}').replace(f'{path}{suffix}')
  files.sync(path.parent)
