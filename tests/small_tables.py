"""Writes checkpoint files byte by byte, so that any part can be wrong.

The checksums are right unless a test changes them, so that faults reach the
checks that come after those of the checksums.
"""

import pathlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

# The last bytes of a table (LevelDB, table/format.h).
MAGIC = struct.pack('<Q', 0xDB4775248B80FB57)
INDEX = '.index'
DATA = '.data-00000-of-00001'


def _of_byte(crc: int) -> int:
  for _ in range(8):
    crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
  return crc


_OF_BYTES = [_of_byte(byte) for byte in range(256)]


def crc32c(content: bytes) -> int:
  """Returns the Castagnoli CRC, computed byte by byte."""
  crc = 0xFFFFFFFF
  for byte in content:
    crc = crc >> 8 ^ _OF_BYTES[(crc ^ byte) & 0xFF]
  return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
  """Returns a CRC in the form in which TensorFlow stores it."""
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number: int) -> bytes:
  """Returns a number in the variable-length form of protocol buffers."""
  encoded = bytearray()
  while number > 0x7F:
    encoded.append(number & 0x7F | 0x80)
    number >>= 7
  encoded.append(number)
  return bytes(encoded)


def block(rows: Sequence[tuple[bytes, bytes]]) -> bytes:
  """Returns the content of a block, in which keys share no prefixes.

  Args:
    rows: pairs (key, value).
  """
  content = bytearray()
  for key, value in rows:
    content += varint(0) + varint(len(key)) + varint(len(value)) + key + value
  return bytes(content) + struct.pack('<2I', 0, 1)


def sealed(content: bytes, kind: int = 0) -> bytes:
  """Returns the content of a block with its type and its CRC.

  Args:
    content: of the block.
    kind: type of the block; 1 means that it is compressed.
  """
  content += bytes([kind])
  return content + struct.pack('<I', masked(crc32c(content)))


def footer(offset: int, size: int) -> bytes:
  """Returns the end of a table, which tells where its block of handles is."""
  handles = varint(0) + varint(0) + varint(offset) + varint(size)
  return handles.ljust(40, b'\0') + MAGIC


def table(
  rows: Sequence[tuple[bytes, bytes]] | bytes,
  kind: int = 0,
  handle: bytes | None = None,
) -> bytes:
  """Returns a table file with one block of rows.

  Args:
    rows: pairs (key, value), or the content of the block.
    kind: type of the block.
    handle: bytes that tell where the block is; by default, the right ones.
  """
  content = rows if isinstance(rows, bytes) else block(rows)
  if handle is None:
    handle = varint(0) + varint(len(content))
  handles = block([(b'\xff', handle)])  # By a key that is none before.
  content = sealed(content, kind)
  return content + sealed(handles) + footer(len(content), len(handles))


def entry(
  shape: Sequence[int],
  offset: int = 0,
  size: int | None = None,
  dtype: tf.DType = tf.float32,
  **fields: Any,
) -> tensor_bundle_pb2.BundleEntryProto:
  """Returns the index entry of a tensor.

  Args:
    shape: of the tensor.
    offset: of its values in the data file.
    size: of its values in bytes; by default, as the shape tells.
    dtype: of the tensor.
    **fields: other fields of the entry.
  """
  proto = tensor_bundle_pb2.BundleEntryProto(
    dtype=tf.as_dtype(dtype).as_datatype_enum, offset=offset, **fields
  )
  for length in shape:
    proto.shape.dim.add(size=length)
  count = tf.as_dtype(dtype).size
  for length in shape:
    count *= length
  proto.size = count if size is None else size
  return proto


def write(
  path: pathlib.Path,
  entries: Mapping[str, tensor_bundle_pb2.BundleEntryProto | bytes],
  data: bytes | int = b'',
  num_shards: int = 1,
  endianness: int = 0,
) -> None:
  """Writes a checkpoint.

  Args:
    path: prefix of the checkpoint.
    entries: {name: entry, or bytes that take its place}.
    data: content of the data file; a number means as many zeros, which take no
      space on the disk.
    num_shards: number of data files that the header names.
    endianness: byte order that the header names.
  """
  header = tensor_bundle_pb2.BundleHeaderProto(
    num_shards=num_shards, endianness=endianness
  )
  header.version.producer = 1
  rows = [(b'', header.SerializeToString())]
  for name, proto in sorted(entries.items()):
    value = proto if isinstance(proto, bytes) else proto.SerializeToString()
    rows.append((name.encode(), value))
  path.parent.mkdir(parents=True, exist_ok=True)
  path.with_name(path.name + INDEX).write_bytes(table(rows))
  with path.with_name(path.name + DATA).open('wb') as stream:
    if isinstance(data, int):
      stream.truncate(data)
    else:
      stream.write(data)
