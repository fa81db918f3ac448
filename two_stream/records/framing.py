"""Where the records of TFRecord files begin, read without TensorFlow.

In such a file a record is

    length uint64 | its CRC uint32 | that many bytes | their CRC uint32

and the lengths alone lead from one record to the next, so that all records of
Something-Something are found in seconds. A length is believed only if its CRC
is right and the file is long enough for it.
"""

import concurrent.futures
import logging
import os
import struct
from typing import NamedTuple

from two_stream import crc32c, errors, files
from two_stream.terminal import progress

_HEADER = struct.Struct('<QI')
_TRAILER = 4  # Bytes.
_LENGTH = 8  # Bytes.
# Parsers of protocol buffers take no more.
_MOST_BYTES = 2**31 - 1
_READERS = 16  # Files read at a time: waiting for a network disk, mostly.


class Framing(NamedTuple):
  """The records of one file.

  Attributes:
    offsets: list of int; where each whole record begins.
    torn: the byte where the whole records end and more follows; None if they
      end where the file does.
  """

  offsets: list
  torn: int | None


def scan_all(paths):
  """Finds the records of files, with a warning of each that is torn.

  Args:
    paths: the files.

  Returns:
    A list of `Framing`.

  Raises:
    InputError: a file cannot be read.
  """
  with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
    # Silent unless it takes long.
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


def scan(path):
  """Finds the records of a file.

  Args:
    path: the file.

  Returns:
    Its `Framing`.

  Raises:
    InputError: the file cannot be read.
  """
  offsets, end = [], 0
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
      raise files.unreadable(path, error) from error
  return Framing(offsets, None)


def read(path, offset):
  """Reads the bytes of a record as they are, whatever the CRC of them says.

  Args:
    path: the file.
    offset: where the record begins.

  Returns:
    The bytes.

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
      raise files.unreadable(path, error) from error
  raise errors.InputError(f'{path}: no record begins at byte {offset}')


def _length(descriptor, offset, size):
  """Length of the record at a byte of a file; None if no whole one is there."""
  header = os.pread(descriptor, _HEADER.size, offset)
  if len(header) < _HEADER.size:
    return None
  length, crc = _HEADER.unpack(header)
  room = size - offset - _HEADER.size - _TRAILER
  if length > min(room, _MOST_BYTES) or crc != crc32c.masked(header[:_LENGTH]):
    return None
  return length
