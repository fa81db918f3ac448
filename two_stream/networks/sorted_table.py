"""Reads TensorFlow's table files, which are LevelDB's: sorted keys and values.

    file    block ... block | index block | footer
    footer  handle of a block that is not used | handle of the index block
            | zeros up to 40 bytes | magic number in 8 bytes
    handle  position of a block | its size without type and checksum
    block   entry ... entry | positions of some entries, 4 bytes each
            | number of those positions, 4 bytes
            | type, 1 byte | checksum, 4 bytes
    entry   number of bytes that the key shares with the key before
            | number of further bytes of the key | size of the value
            | those further bytes | value

The values of the index block are the handles of the other blocks. All other
numbers are variable-length integers of protocol buffers.

TensorFlow's own reader aborts the process on some damage, and relies on sizes
that it has not compared with the file. Here everything is compared first.

https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from two_stream import crc32c

_FOOTER = struct.Struct('<40sQ')
_MAGIC = 0xDB4775248B80FB57
_TRAILER = struct.Struct('<BI')
_NUMBER = 4  # Bytes of a number at the end of a block.
# These limits are far above what a checkpoint of this network needs. They bound
# the memory and time that a malicious file can take. Such a file could be small
# and have very long keys, because a key stores only what it adds to the one
# before.
_MAX_BLOCK = 1 << 25  # Bytes.
_MAX_KEY = 1 << 10  # Bytes.
_MAX_ENTRIES = 1 << 14

_Handle = tuple[int, int]  # Position of a block, and its size.


def entries(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
  """Yields the entries of a table, in order.

  Args:
    stream: the open file.

  Yields:
    (key, value).

  Raises:
    ValueError: the file is no table, or is damaged. Entries before the damage
      may have been yielded.
    OSError: the file cannot be read.
  """
  end = os.fstat(stream.fileno()).st_size - _FOOTER.size
  if end < 0:
    raise ValueError('the file is too short')
  handles, magic = _FOOTER.unpack(_read(stream, end, _FOOTER.size))
  if magic != _MAGIC:
    raise ValueError('the end of the file is not that of a checkpoint')
  # TensorFlow does not use the filters of LevelDB, whose handle comes first.
  _, position = _handle(handles, 0)
  index, _ = _handle(handles, position)
  last, count = None, 0
  for _, content in _entries(_block(stream, index, end)):
    handle, _ = _handle(content, 0)
    before = count
    for key, value in _entries(_block(stream, handle, end)):
      count += 1
      if count > _MAX_ENTRIES:
        raise ValueError(f'it has more than {_MAX_ENTRIES} entries')
      if last is not None and key <= last:
        raise ValueError(f'entry {count} is out of order')
      last = key
      yield key, value
    # The index could name an empty block millions of times.
    if count == before:
      raise ValueError('a block is empty')


def _block(stream: BinaryIO, handle: _Handle, end: int) -> bytes:
  """Reads a block, and compares its checksum.

  Args:
    stream: the open file.
    handle: where the block is.
    end: where the blocks of the file end.

  Returns:
    The bytes of the block without type and checksum.

  Raises:
    ValueError: the block is damaged, compressed or outside of the file.
  """
  offset, size = handle
  if size > _MAX_BLOCK or offset + size + _TRAILER.size > end:
    raise ValueError(f'a block of {size} bytes at byte {offset} of {end}')
  content = _read(stream, offset, size + _TRAILER.size)
  kind, crc = _TRAILER.unpack_from(content, size)
  if crc32c.masked(content[: size + 1]) != crc:
    raise ValueError(f'wrong checksum of the block at byte {offset}')
  if kind:
    raise ValueError('it is compressed, as by TensorFlow 1.1')
  return content[:size]


def _read(stream: BinaryIO, offset: int, size: int) -> bytes:
  stream.seek(offset)
  content = stream.read(size)
  if len(content) != size:
    raise ValueError('the file became shorter')
  return content


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
  """Yields (key, value) of each entry of a block."""
  restarts = int.from_bytes(block[-_NUMBER:], 'little')
  end = len(block) - _NUMBER * (restarts + 1)
  if end < 0:
    raise ValueError('a block is too short')
  key, position = b'', 0
  while position < end:
    shared, position = _varint(block, position)
    more, position = _varint(block, position)
    size, position = _varint(block, position)
    start = position + more
    if shared > len(key) or shared + more > _MAX_KEY or start + size > end:
      raise ValueError(f'an entry at byte {position} does not fit its block')
    key = key[:shared] + block[position:start]
    position = start + size
    yield key, block[start:position]


def _handle(content: bytes, position: int) -> tuple[_Handle, int]:
  """Reads a handle; returns (handle, position after it)."""
  offset, position = _varint(content, position)
  size, position = _varint(content, position)
  return (offset, size), position


def _varint(content: bytes, position: int) -> tuple[int, int]:
  """Reads a number; returns (number, position after it).

  Each byte holds 7 bits of the number, the lowest first. Its highest bit tells
  whether another byte follows.
  """
  number = 0
  for shift in range(0, 70, 7):
    if position >= len(content):
      break
    byte = content[position]
    position += 1
    number |= (byte & 0x7F) << shift
    if byte < 0x80:
      return number, position
  raise ValueError('a number does not end')
