"""The table files of TensorFlow, which are LevelDB's: sorted keys and values.

    block ... block | block of handles | footer: its handle, magic number
    block: entries | where entries begin | their number | type, CRC
    entry: key's bytes shared with the key before | bytes more | value's bytes
           | those bytes of the key | value
    handle: where a block begins | its bytes without type and CRC

Numbers are as in protocol buffers, the last of a block and CRCs 4 bytes.
TensorFlow's own reader aborts the process on some damage, and believes sizes
before it compares them with the file; here everything is compared first.

https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

import os
import struct

from two_stream import crc32c

_FOOTER = struct.Struct('<40sQ')
_MAGIC = 0xDB4775248B80FB57
_TRAILER = struct.Struct('<BI')
_NUMBER = 4  # Bytes of the numbers at the end of a block.
# No checkpoint of this network comes near these. They bound what a file costs
# that was made to do harm: a key is stored as what it adds to the one before.
_MAX_BLOCK = 1 << 25  # Bytes.
_MAX_KEY = 1 << 10  # Bytes.
_MAX_ENTRIES = 1 << 14


def entries(stream):
  """Yields the entries of a table, in order.

  Args:
    stream: the file, open for reading bytes.

  Yields:
    (key, value), bytes both.

  Raises:
    ValueError: the file is no table, or it is damaged. Entries before the
      damage may have been yielded.
    OSError: it cannot be read.
  """
  end = os.fstat(stream.fileno()).st_size - _FOOTER.size
  if end < 0:
    raise ValueError('the file is too short')
  handles, magic = _FOOTER.unpack(_read(stream, end, _FOOTER.size))
  if magic != _MAGIC:
    raise ValueError('the end of the file is not that of a checkpoint')
  _, position = _handle(handles, 0)  # Of LevelDB's filters; there are none.
  handle_of_handles, _ = _handle(handles, position)
  last, count = None, 0
  for _, block in _entries(_block(stream, handle_of_handles, end)):
    handle, _ = _handle(block, 0)
    before = count
    for key, value in _entries(_block(stream, handle, end)):
      count += 1
      if count > _MAX_ENTRIES:
        raise ValueError(f'it has more than {_MAX_ENTRIES} entries')
      if last is not None and key <= last:
        raise ValueError(f'entry {count} is out of order')
      last = key
      yield key, value
    if count == before:  # Without end, if blocks could be read for nothing.
      raise ValueError('a block is empty')


def _block(stream, handle, end):
  """The bytes of a block that have the right CRC."""
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


def _read(stream, offset, size):
  stream.seek(offset)
  content = stream.read(size)
  if len(content) != size:
    raise ValueError('the file became shorter')
  return content


def _entries(block):
  """Yields (key, value) of a block."""
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


def _handle(content, position):
  """((offset, size) of a block, where the handle ends)."""
  offset, position = _varint(content, position)
  size, position = _varint(content, position)
  return (offset, size), position


def _varint(content, position):
  """(a number stored seven bits a byte, where it ends)."""
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
