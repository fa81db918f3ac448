"""The logits of each shard in a file of its own, which outlives a kill.

    rgb_imagenet/validation-00003-of-00388.npz    a network's logits of a shard

A part tells the contents of the checkpoint and of the shard it was made from.
Where either has other contents now, the part is no more used. Neither is a file
that is not as `Parts.write` writes it: nothing that a file says of sizes is
believed, and no pickle is loaded.
"""

import io
import math
import os
import pathlib
import re
import sys
import zipfile
from typing import NamedTuple

import numpy as np

from two_stream import errors, files

# A part of a shard of 64 clips has some 100 kB.
_MOST_BYTES = 1 << 30
# What `np.save` writes in front of an array whose header fits 65,535 bytes.
_ARRAY_HEADER = re.compile(
  rb"\x93NUMPY\x01\x00..\{'descr': '(?P<dtype>[<|][a-zA-Z][0-9]{1,6})', "
  rb"'fortran_order': False, 'shape': \((?P<shape>[0-9, ]{0,60})\), \} *\n",
  re.DOTALL,
)
_NO_PART = (
  errors.InputError,  # Missing, or not to be read.
  EOFError,
  LookupError,
  NotImplementedError,
  OSError,
  RuntimeError,
  TypeError,
  ValueError,
  zipfile.BadZipFile,
)


class Part(NamedTuple):
  """A network's logits of the readable clips of a shard, in their order.

  Attributes:
    records: int64 [N]; which records of the shard they are.
    ids: str [N].
    labels: int32 [N]; `schema.NO_LABEL` where there is none.
    logits: float32 [N, classes].
  """

  records: np.ndarray
  ids: np.ndarray
  labels: np.ndarray
  logits: np.ndarray

  @classmethod
  def of_rows(cls, rows, num_classes):
    """Makes a part.

    Args:
      rows: list of (record, id, label, float32 [classes]), in the records'
        order.
      num_classes: of the network.
    """
    records, ids, labels, logits = zip(*rows) if rows else [()] * 4
    return cls(
      np.array(records, np.int64),
      np.array(ids, str),
      np.array(labels, np.int32),
      np.array(logits, np.float32).reshape(len(rows), num_classes),
    )

  def select(self, wanted):
    """The part of the records in `wanted` alone."""
    chosen = np.isin(self.records, wanted)
    return Part(*(values[chosen] for values in self))


class Parts:
  """The parts of one network.

  Args:
    folder: where they are; made if missing.
    checkpoint_digest: of the network's files.
    num_classes: of the network.

  Raises:
    InputError: the folder cannot be made.
  """

  def __init__(self, folder, checkpoint_digest, num_classes):
    self._folder = pathlib.Path(folder)
    self._checkpoint_digest = checkpoint_digest
    self._num_classes = num_classes
    try:
      self._folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
      raise _unwritable(folder, error) from error

  def read(self, shard, shard_digest, num_records):
    """Gives the part of a shard, None if there is none that can be used.

    Args:
      shard: path of the shard.
      shard_digest: of its contents.
      num_records: how many records it has.
    """
    try:
      made_from, *arrays = _read_arrays(self._path(shard))
      if not np.array_equal(made_from, np.array(self._source(shard_digest))):
        return None
      part = Part(*arrays)
      _check(part, num_records, self._num_classes)
      return part
    except _NO_PART:
      return None

  def write(self, shard, shard_digest, part):
    """Writes the part of a shard, whole or not at all.

    Raises:
      InputError: it cannot be written.
    """
    path = self._path(shard)
    try:
      files.remove_leftovers(path)
      with files.atomic_open(path) as stream:
        np.savez(stream, made_from=self._source(shard_digest), **part._asdict())
    except OSError as error:
      raise _unwritable(path, error) from error

  def _path(self, shard):
    return self._folder / f'{pathlib.Path(shard).stem}.npz'

  def _source(self, shard_digest):
    """Tells one checkpoint and shard from others and from changed ones."""
    return f'{self._checkpoint_digest} {shard_digest}'


def _read_arrays(path):
  """Reads the arrays of a part; raises one of `_NO_PART`.

  Returns:
    What it was made from, str [], and the fields of `Part`.
  """
  with files.open_to_read(path) as stream:
    if os.fstat(stream.fileno()).st_size > _MOST_BYTES:
      raise ValueError('too large for a part')
    content = stream.read(_MOST_BYTES)
  with zipfile.ZipFile(io.BytesIO(content)) as archive:
    return [
      _array(_stored(archive, f'{name}.npy', len(content)))
      for name in ('made_from', *Part._fields)
    ]


def _stored(archive, name, most_bytes):
  """The bytes of a member, if it is stored as it is, not compressed."""
  member = archive.getinfo(name)
  if (
    member.compress_type != zipfile.ZIP_STORED or member.file_size > most_bytes
  ):
    raise ValueError(f'{name} is not as np.savez writes it')
  return archive.read(member)


def _array(content):
  """Parses the content of a .npy file, which must have its header's size."""
  header = _ARRAY_HEADER.match(content)
  if header is None:
    raise ValueError('not an array as np.save writes it')
  dtype = np.dtype(header['dtype'].decode())
  shape = [int(size) for size in header['shape'].split(b',') if size.strip()]
  size = len(content) - len(header[0])
  if dtype.hasobject or math.prod(shape) * dtype.itemsize != size:
    raise ValueError('an array has another size than its header says')
  return np.ndarray(shape, dtype, content, len(header[0]))


def _check(part, num_records, num_classes):
  """Raises ValueError unless a part is as `Part` says."""
  found = part.records
  length = found.size
  form = [(values.shape, values.dtype.str) for values in part]
  expected = [
    ((length,), '<i8'),
    ((length,), part.ids.dtype.str),
    ((length,), '<i4'),
    ((length, num_classes), '<f4'),
  ]
  if form != expected or part.ids.dtype.kind != 'U':
    raise ValueError('the arrays have other shapes or types')
  if length and part.ids.view(np.uint32).max() > sys.maxunicode:
    raise ValueError('an id is not text')
  in_order = (np.diff(found) > 0).all()
  if length and not (in_order and found[0] >= 0 and found[-1] < num_records):
    raise ValueError('not the records of the shard')


def _unwritable(path, error):
  return errors.InputError(
    f'{path}: cannot be written: {error}; make room or choose another '
    '--output_dir, then run again: it continues'
  )
