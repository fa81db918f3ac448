"""Reads the files of `torch.save`, without PyTorch and without obeying them.

There are two forms. Both have a pickle, which says what tensors there are, and
the values of the tensors, called storages, beside it:

    since PyTorch 1.6    a zip archive, whose files are not compressed
      NAME/data.pkl        the pickle
      NAME/data/KEY        a storage
    before, the legacy form
      pickle of a magic number, of a version, of a dict about the machine
      the pickle
      pickle of the list of keys
      for each key: number of values, 8 bytes | the storage

https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
"""

import contextlib
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf

from two_stream.networks import foreign_arrays, pickles

ZIP_START = b'PK\x03\x04'
_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b'\x80\x02\x8a\x0a' + _MAGIC.to_bytes(10, 'little')
_VERSION = 1001
_IS_ENCRYPTED = 1  # Of the flags in a zip archive.
_MAX_AXES = 8
_MAX_NUMBER = 1 << 62
_DTYPES = {
  'FloatStorage': np.dtype('<f4'),
  'DoubleStorage': np.dtype('<f8'),
  'HalfStorage': np.dtype('<f2'),
  'BFloat16Storage': np.dtype(tf.bfloat16.as_numpy_dtype),
  'LongStorage': np.dtype('<i8'),
  'IntStorage': np.dtype('<i4'),
  'ShortStorage': np.dtype('<i2'),
  'CharStorage': np.dtype('i1'),
  'ByteStorage': np.dtype('u1'),
  'BoolStorage': np.dtype('?'),
}
# How damage shows itself in zipfile, beside ValueError.
_ZIP_ERRORS = (
  *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError),
  *(EOFError, KeyError, RuntimeError, OverflowError),
)


class _Storage(NamedTuple):
  """What a pickle says of a storage; `values` gives its values once."""

  dtype: np.dtype
  key: str
  size: int
  values: Callable[['_Storage'], np.ndarray]


def read_zip(stream: BinaryIO, size: int) -> Any:
  """Reads a file of the zip form.

  Args:
    stream: the file.
    size: how many bytes it has.

  Returns:
    What the pickle holds, see `pickles.read`. Tensors are
    `foreign_arrays.Array`, whose values are read from `stream` when they are
    asked for.

  Raises:
    ValueError: the file is damaged, or holds more than tensors.
    OSError: the file cannot be read.
  """
  with _zip_errors():
    archive = zipfile.ZipFile(stream)
    members = {info.filename: info for info in archive.infolist()}
    names = [name for name in members if name.endswith('/data.pkl')]
    if len(names) != 1:
      raise ValueError(f'{len(names)} files data.pkl instead of one')
    root = names[0].removesuffix('data.pkl')
    _check_members(members, size)
    if f'{root}byteorder' in members and (
      archive.read(f'{root}byteorder') != b'little'
    ):
      raise ValueError('it has big-endian numbers')
  loaded: dict[str, bytes] = {}

  def values(storage: _Storage) -> np.ndarray:
    name = f'{root}data/{storage.key}'
    with _zip_errors():
      if name not in loaded:
        loaded[name] = archive.read(name)
    return _array(storage, loaded[name])

  with _zip_errors(), archive.open(names[0]) as file:
    return _read(pickles.Source(file, members[names[0]].file_size), values)


@contextlib.contextmanager
def _zip_errors() -> Iterator[None]:
  """Turns what zipfile raises for damage into a ValueError."""
  try:
    yield
  except _ZIP_ERRORS as error:
    raise ValueError(f'a damaged zip archive: {error}') from error


def _check_members(members: dict[str, zipfile.ZipInfo], size: int) -> None:
  """Raises ValueError if an archive claims more than it can hold."""
  for info in members.values():
    if info.compress_type != zipfile.ZIP_STORED or (
      info.file_size != info.compress_size
    ):
      raise ValueError('its files are compressed, which PyTorch never does')
    if info.flag_bits & _IS_ENCRYPTED:
      raise ValueError('its files are encrypted')
  if sum(info.file_size for info in members.values()) > size:
    raise ValueError(f'it tells of more than its {size} bytes')


def read_legacy(stream: BinaryIO, size: int) -> Any:
  """Reads a file of the legacy form; see `read_zip`."""
  source = pickles.Source(stream, size)
  magic, version, machine = (pickles.read(source, {}) for _ in range(3))
  if magic != _MAGIC or version != _VERSION or type(machine) is not dict:
    raise ValueError('its first objects are not those of PyTorch')
  if machine.get('little_endian') is not True:
    raise ValueError('it has big-endian numbers')
  storages: dict[str, _Storage] = {}
  contents: dict[str, bytes] = {}

  def values(storage: _Storage) -> np.ndarray:
    return _array(storage, contents[storage.key])

  found = _read(source, values, storages)
  keys = pickles.read(source, {})
  if type(keys) is not list or not all(type(key) is str for key in keys):
    raise ValueError('it has no list of storages')
  if sorted(keys) != sorted(storages):
    raise ValueError('its storages are not those of its tensors')
  for key in keys:
    (count,) = struct.unpack('<q', source.read(8))
    if count != storages[key].size:
      raise ValueError(f'storage {key[:20]} is not as large as it should be')
    contents[key] = source.read(count * storages[key].dtype.itemsize)
  return found


def _read(
  source: pickles.Source,
  values: Callable[[_Storage], np.ndarray],
  storages: dict[str, _Storage] | None = None,
) -> Any:
  """Reads the pickle of a file.

  Args:
    source: where the pickle begins.
    values: gives the values of a storage, later.
    storages: key -> storage, which is filled.
  """
  storages = {} if storages is None else storages

  def storage(description: Any) -> _Storage:
    if type(description) is not tuple or len(description) not in (5, 6):
      raise ValueError('it refers to more than values')
    what, kind, key, _, size, *view = description
    if what != 'storage' or not isinstance(kind, pickles.Known):
      raise ValueError('it refers to more than values')
    if kind.name not in _DTYPES or view not in ([], [None]):
      raise ValueError('it has storages of an unknown kind')
    if type(key) is not str or type(size) is not int or size < 0:
      raise ValueError('it has storages of an unknown kind')
    made = _Storage(_DTYPES[kind.name], key, size, values)
    if storages.setdefault(key, made)[:3] != made[:3]:
      raise ValueError(f'it describes storage {key[:20]} in two ways')
    return made

  return pickles.read(source, _MEANINGS, storage)


def _array(storage: _Storage, content: bytes) -> np.ndarray:
  """Returns the values of a storage as an array [size]."""
  if len(content) != storage.size * storage.dtype.itemsize:
    raise ValueError(f'storage {storage.key[:20]} has {len(content)} bytes')
  return np.frombuffer(content, storage.dtype)


def _tensor(
  storage: Any, offset: Any, shape: Any, stride: Any, *_: Any
) -> foreign_arrays.Array:
  """Takes the place of `torch._utils._rebuild_tensor` and its successor."""
  numbers = (offset, *_sizes(shape), *_sizes(stride))
  if not isinstance(storage, _Storage) or len(shape) != len(stride):
    raise ValueError('a tensor is described in an unknown way')
  if not all(type(n) is int and 0 <= n < _MAX_NUMBER for n in numbers):
    raise ValueError('a tensor is described in an unknown way')
  end = offset + 1 + sum((n - 1) * step for n, step in zip(shape, stride))
  # Steps of zero could make a large tensor of a small storage.
  count = math.prod(shape)
  if count and (end > storage.size or count > storage.size):
    raise ValueError(f'a tensor of shape {shape} is larger than its storage')

  def read() -> np.ndarray:
    values = storage.values(storage)
    if not count:
      return np.empty(shape, storage.dtype)
    # An axis of one element may have any step, which then means nothing.
    steps = [
      step * values.itemsize if size > 1 else 0
      for size, step in zip(shape, stride)
    ]
    view = np.lib.stride_tricks.as_strided(
      values[offset:], shape, steps, writeable=False
    )
    return view.copy()

  return foreign_arrays.Array(shape, storage.dtype, read)


def _sizes(value: Any) -> tuple[Any, ...]:
  if type(value) is not tuple or len(value) > _MAX_AXES:
    raise ValueError('a tensor is described in an unknown way')
  return value


def _parameter(data: Any, *_: Any) -> Any:
  """Takes the place of `torch._utils._rebuild_parameter`."""
  if not isinstance(data, foreign_arrays.Array):
    raise ValueError('a parameter is described in an unknown way')
  return data


_MEANINGS: pickles.Meanings = {
  ('collections', 'OrderedDict'): pickles.ordered_dict,
  ('torch._utils', '_rebuild_tensor'): _tensor,
  ('torch._utils', '_rebuild_tensor_v2'): _tensor,
  ('torch._utils', '_rebuild_parameter'): _parameter,
  **{
    (module, name): None
    for module in ('torch', 'torch.cuda')
    for name in _DTYPES
  },
}
