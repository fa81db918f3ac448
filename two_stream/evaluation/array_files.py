"""Files of NumPy arrays that anybody may have written, read with suspicion.

No pickle is loaded, and what a header claims is compared with the file before
memory is taken for it.
"""

import io
import math
import os
import re
import warnings
import zipfile
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from two_stream import errors, files

_HEADER_READERS = {
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
}
# What `np.save` writes in front of an array whose header fits 65,535 bytes.
_ARRAY_HEADER = re.compile(
  rb"\x93NUMPY\x01\x00..\{'descr': '(?P<dtype>[<|][a-zA-Z][0-9]{1,6})', "
  rb"'fortran_order': False, 'shape': \((?P<shape>[0-9, ]{0,60})\), \} *\n",
  re.DOTALL,
)
# What `read_archive` raises if there is no file, or if it is another one.
UNUSABLE = (
  errors.InputError,  # The file is missing or cannot be read.
  EOFError,
  LookupError,
  NotImplementedError,
  OSError,
  RuntimeError,
  TypeError,
  ValueError,
  zipfile.BadZipFile,
)


def read_header(
  stream: BinaryIO, path: files.PathLike
) -> tuple[list[int], bool, np.dtype]:
  """Reads how the array of a .npy file is stored.

  Args:
    stream: the open file, at its beginning. Afterwards it stands at the first
      value.
    path: its name, for messages.

  Returns:
    (shape, with sizes below 2^63; whether the values are in Fortran's order;
    their type).

  Raises:
    InputError: the header is damaged.
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # Python, which parses headers, may warn.
      version = np.lib.format.read_magic(stream)
      shape, is_fortran, dtype = _HEADER_READERS[version](stream)
    return np.array(shape, np.int64).tolist(), is_fortran, dtype
  except Exception as error:  # NumPy does not catch errors of Python's parser.
    raise damaged(path, 'its header is not one') from error


def check_length(
  stream: BinaryIO, path: files.PathLike, shape: Sequence[int], dtype: np.dtype
) -> None:
  """Raises InputError if a .npy file is too short for its array.

  Args:
    stream: the open file, at the first value.
    path: its name, for messages.
    shape: that of the array.
    dtype: the type of its values.
  """
  num_bytes = os.fstat(stream.fileno()).st_size - stream.tell()
  if num_bytes < math.prod(shape) * dtype.itemsize:
    raise damaged(path, f'it breaks off after {num_bytes} bytes of values')


def damaged(path: files.PathLike, reason: str) -> errors.InputError:
  """Makes the error of a damaged .npy file, for the caller to raise."""
  return errors.InputError(
    f'{path} is no complete .npy file of plain numbers: {reason}; copy or make '
    'it again'
  )


def read_archive(
  path: files.PathLike, names: Sequence[str], max_bytes: int
) -> dict[str, np.ndarray]:
  """Reads a .npz file that `np.savez` has written; raises one of `UNUSABLE`.

  Args:
    path: the file.
    names: those of its arrays, in their order. The last ones may be missing.
    max_bytes: a larger file is refused.

  Returns:
    name -> array. The arrays cannot be changed.
  """
  with files.open_to_read(path) as stream:
    if os.fstat(stream.fileno()).st_size > max_bytes:
      raise ValueError('too large')
    content = stream.read(max_bytes)
  with zipfile.ZipFile(io.BytesIO(content)) as archive:
    members = archive.namelist()
    if members != [f'{name}.npy' for name in names[: len(members)]]:
      raise ValueError('other arrays')
    return {
      name: _array(_stored(archive, f'{name}.npy', len(content)))
      for name in names[: len(members)]
    }


def read_member(path: files.PathLike, name: str, max_bytes: int) -> np.ndarray:
  """Reads one array of a large .npz file; raises one of `UNUSABLE`.

  Args:
    path: the file. The rest of it is not read.
    name: that of the array.
    max_bytes: a larger array is refused.

  Returns:
    The array, which cannot be changed.
  """
  with files.open_to_read(path) as stream, zipfile.ZipFile(stream) as archive:
    return _array(_stored(archive, f'{name}.npy', max_bytes))


def _stored(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
  """Returns the bytes of a member, which must not be compressed."""
  member = archive.getinfo(name)
  if member.compress_type != zipfile.ZIP_STORED or member.file_size > max_bytes:
    raise ValueError(f'{name} is not as np.savez writes it')
  return archive.read(member)


def _array(content: bytes) -> np.ndarray:
  """Parses the content of a .npy file, whose size must fit its header."""
  header = _ARRAY_HEADER.match(content)
  if header is None:
    raise ValueError('not an array as np.save writes it')
  dtype = np.dtype(header['dtype'].decode())
  shape = [int(size) for size in header['shape'].split(b',') if size.strip()]
  size = len(content) - len(header[0])
  if dtype.hasobject or math.prod(shape) * dtype.itemsize != size:
    raise ValueError('an array has another size than its header says')
  return np.ndarray(shape, dtype, content, len(header[0]))
