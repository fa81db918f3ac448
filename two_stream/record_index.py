"""Where every record of a split begins, so that any of them is read at once.

A shard is a TFRecord file, in which a record is

    length uint64 | its CRC uint32 | that many bytes | their CRC uint32

Reading the lengths alone finds all records of Something-Something in seconds.
Training then shuffles over the whole split, without a buffer of clips, and
continues at any clip without reading those before it.
"""

import concurrent.futures
import logging
import os
import pathlib
import struct
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from two_stream import errors, progress

_LENGTH = struct.Struct('<Q')
_CRC = 4  # Bytes.
_FRAMING = _LENGTH.size + 2 * _CRC
_READERS = 16  # Shards read at a time: waiting for a network disk, mostly.
_BUFFER = 2**18  # Bytes; a record is a few megabytes.


class RecordIndex(NamedTuple):
  """The records of some shards.

  Attributes:
    paths: list of str.
    shards: int64 [N]; record n is in `paths[shards[n]]`.
    offsets: int64 [N]; it begins at this byte.
    torn: path -> the byte where a record begins with which the file breaks off.
  """

  paths: list
  shards: np.ndarray
  offsets: np.ndarray
  torn: dict

  def __len__(self):
    return len(self.offsets)

  def name(self, record):
    """Names a record for messages."""
    path = self.paths[self.shards[record]]
    return f'{path}: the record at byte {self.offsets[record]}'

  def shard(self, path):
    """The index of one shard alone, which may be empty."""
    offsets = self.offsets[self.shards == self.paths.index(path)]
    return RecordIndex([path], np.zeros_like(offsets), offsets, {})

  def read_damaged(self, record):
    """Gives the bytes of a record as they are, whatever its CRCs say."""
    with pathlib.Path(self.paths[self.shards[record]]).open('rb') as stream:
      stream.seek(self.offsets[record])
      header = stream.read(_LENGTH.size + _CRC)
      return stream.read(_LENGTH.unpack(header[: _LENGTH.size])[0])

  def read(self, record):
    """A tf.data.Dataset of one serialized example, for `flat_map` and the like.

    Only there: TensorFlow 2.21 forgets the offset of a dataset that stands
    alone.

    Args:
      record: int64 tensor [], its number.

    Returns:
      The dataset; it raises DataLossError where the record is damaged, and
      NotFoundError where its file is gone.
    """
    shard = tf.gather(self.shards, record)
    variant = tf.raw_ops.TFRecordDatasetV2(
      filenames=tf.gather(self.paths, shard)[tf.newaxis],
      compression_type='',
      buffer_size=_BUFFER,
      byte_offsets=tf.gather(self.offsets, record)[tf.newaxis],
    )
    records = tf.data.experimental.from_variant(
      variant, tf.TensorSpec([], tf.string)
    )
    # Of a file that has gone away TensorFlow would tell again and again, and
    # never come to an end; beside a range it does after once.
    once = tf.data.Dataset.zip(tf.data.Dataset.range(1), records)
    return once.map(lambda _, serialized: serialized)


def build(paths):
  """Finds the records of shards.

  A shard that breaks off is used as far as it goes, with a warning.

  Args:
    paths: the files.

  Returns:
    A `RecordIndex`.

  Raises:
    InputError: a file cannot be read, or there is no record at all.
  """
  paths = [str(path) for path in paths]
  with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
    # Silent unless it takes long.
    found = list(
      progress.bar(
        pool.map(_offsets, paths),
        total=len(paths),
        desc='index of shards',
        delay=3,
      )
    )
  offsets = [each for each, _ in found]
  index = RecordIndex(
    paths,
    np.repeat(np.arange(len(paths)), [len(each) for each in offsets]),
    np.concatenate([*offsets, []]).astype(np.int64),
    {path: torn for path, (_, torn) in zip(paths, found) if torn is not None},
  )
  if not len(index):
    raise errors.InputError(f'{paths[:1]}...: no record in {len(paths)} shards')
  return index


def _offsets(path):
  """Where a shard's records begin, and where one that breaks off or None."""
  offsets, torn = [], None
  try:
    size = pathlib.Path(path).stat().st_size
    with pathlib.Path(path).open('rb', buffering=0) as stream:
      end = 0
      while end < size:
        header = os.pread(stream.fileno(), _LENGTH.size, end)
        offsets.append(end)
        if len(header) < _LENGTH.size:
          break
        end += _LENGTH.unpack(header)[0] + _FRAMING
  except OSError as error:
    raise errors.InputError(f'{path}: cannot be read: {error}') from error
  if end != size:
    torn = offsets.pop()
    logging.warning(
      '%s: breaks off in the record at byte %d; make the shard again',
      path,
      torn,
    )
  return offsets, torn
