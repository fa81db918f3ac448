"""Where the records of TFRecord files begin, read without TensorFlow.

A record of such a file consists of

    length uint64 | CRC of the length uint32 | content | CRC of it uint32

The lengths alone lead from one record to the next, so all records of
Something-Something are found in seconds. A length counts only if its CRC is
right and the file is long enough for the content.
"""

import concurrent.futures
import logging
import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from two_stream import crc32c, errors, files
from two_stream.terminal import progress

_HEADER = struct.Struct('<QI')
_TRAILER = 4  # Bytes.
_LENGTH = 8  # Bytes.
# A protocol buffer has at most so many bytes.
_MOST_BYTES = 2**31 - 1
# So many files are read at a time, because most of the time is spent waiting
# for a network disk.
_READERS = 16


class Framing(NamedTuple):
  """Where the records of one file are.

  Attributes:
    offsets: the byte at which each whole record begins.
    torn: the byte at which the whole records end, if more bytes follow that are
      no whole record; None if the records fill the file.
  """

  offsets: list[int]
  torn: int | None


def scan_all(paths: Sequence[files.PathLike]) -> list[Framing]:
  """Finds the records of files, and warns of each file that breaks off.

  Args:
    paths: the files.

  Returns:
    The framing of each file.

  Raises:
    InputError: a file cannot be read.
  """
  with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
    # The bar appears only if this takes longer than 3 seconds.
    found = list(
      progress.bar(
        pool.map(scan, paths),
        total=len(paths),
        desc='index of shards',
        delay=3,
      )
    )
  for path, (_, torn) in zip(paths, found):
    if torn is not None:
      logging.warning(
        '%s: breaks off at byte %d, where no whole record begins; make the '
        'shard again',
        path,
        torn,
      )
  return found


def scan(path: files.PathLike) -> Framing:
  """Finds the records of a file.

  Args:
    path: the file.

  Returns:
    Where its records are.

  Raises:
    InputError: the file cannot be read.
  """
  offsets: list[int] = []
  end = 0
  with files.open_to_read(path) as stream:
    size = os.fstat(stream.fileno()).st_size
    try:
      while end < size:
        length = _length(stream.fileno(), end, size)
        if length is None:
          return Framing(offsets, end)
        offsets.append(end)
        end += _HEADER.size + length + _TRAILER
    except OSError as error:
      raise errors.unreadable(path, error) from error
  return Framing(offsets, None)


def read(path: files.PathLike, offset: int) -> bytes:
  """Reads the content of a record, even if its CRC is wrong.

  Args:
    path: the file.
    offset: the byte at which the record begins.

  Returns:
    The content.

  Raises:
    InputError: the file cannot be read or has no record there.
  """
  with files.open_to_read(path) as stream:
    size = os.fstat(stream.fileno()).st_size
    try:
      length = _length(stream.fileno(), offset, size)
      if length is not None:
        return os.pread(stream.fileno(), length, offset + _HEADER.size)
    except OSError as error:
      raise errors.unreadable(path, error) from error
  raise errors.InputError(f'{path}: no record begins at byte {offset}')


def _length(descriptor: int, offset: int, size: int) -> int | None:
  """Reads the length of a record's content.

  Args:
    descriptor: an open file.
    offset: the byte at which the record begins.
    size: how many bytes the file has.

  Returns:
    The number of bytes; None if no whole record is there.
  """
  header = os.pread(descriptor, _HEADER.size, offset)
  if len(header) < _HEADER.size:
    return None
  length, crc = _HEADER.unpack(header)
  room = size - offset - _HEADER.size - _TRAILER
  if length > min(room, _MOST_BYTES) or crc != crc32c.masked(header[:_LENGTH]):
    return None
  return length
