"""Checkpoint files made by hand, so that any part of them can be wrong.

The checksums are right unless a test breaks them: what is wrong lies deeper
than a checksum sees.
"""

import struct

import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

MAGIC = struct.pack('<Q', 0xDB4775248B80FB57)
INDEX = '.index'
DATA = '.data-00000-of-00001'


def _of_byte(crc):
  for _ in range(8):
    crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
  return crc


_OF_BYTES = [_of_byte(byte) for byte in range(256)]


def crc32c(content):
  """The Castagnoli CRC, byte by byte."""
  crc = 0xFFFFFFFF
  for byte in content:
    crc = crc >> 8 ^ _OF_BYTES[(crc ^ byte) & 0xFF]
  return crc ^ 0xFFFFFFFF


def masked(crc):
  """As TensorFlow stores a CRC."""
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number):
  """As in protocol buffers."""
  encoded = bytearray()
  while number > 0x7F:
    encoded.append(number & 0x7F | 0x80)
    number >>= 7
  encoded.append(number)
  return bytes(encoded)


def block(rows):
  """The contents of a block, which share nothing.

  Args:
    rows: list of (key, value), bytes.
  """
  content = bytearray()
  for key, value in rows:
    content += varint(0) + varint(len(key)) + varint(len(value)) + key + value
  return bytes(content) + struct.pack('<2I', 0, 1)


def sealed(content, kind=0):
  """A block's contents with their type and CRC.

  Args:
    content: bytes.
    kind: 1 says that they are compressed.
  """
  content += bytes([kind])
  return content + struct.pack('<I', masked(crc32c(content)))


def footer(offset, size):
  """The end of a table whose block of handles is there."""
  handles = varint(0) + varint(0) + varint(offset) + varint(size)
  return handles.ljust(40, b'\0') + MAGIC


def table(rows, kind=0, handle=None):
  """The bytes of a table file of one block.

  Args:
    rows: list of (key, value), bytes; or the contents of the block.
    kind: of the block.
    handle: bytes that tell where the block is; None: where it is.
  """
  content = rows if isinstance(rows, bytes) else block(rows)
  if handle is None:
    handle = varint(0) + varint(len(content))
  handles = block([(b'\xff', handle)])  # By a key that is none before.
  content = sealed(content, kind)
  return content + sealed(handles) + footer(len(content), len(handles))


def entry(shape, offset=0, size=None, dtype=tf.float32, **fields):
  """A `BundleEntryProto` of a tensor; the size is that of its shape."""
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


def write(path, entries, data=b'', num_shards=1, endianness=0):
  """Writes a checkpoint.

  Args:
    path: its prefix.
    entries: name -> `entry`, or bytes to stand for one.
    data: bytes of the data file; or how many zeros, which take no room.
    num_shards: as the header tells.
    endianness: as the header tells.
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
