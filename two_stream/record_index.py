"""Where every record of a split begins, so that any of them is read at once.

A shard is a TFRecord file, in which a record is

    length uint64 | its CRC uint32 | that many bytes | their CRC uint32

Reading the lengths alone finds all records of Something-Something in seconds.
Training then shuffles over the whole split, without a buffer of clips, and
continues at any clip without reading those before it.
"""

import concurrent.futures
import functools
import logging
import os
import pathlib
import struct
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tqdm

from two_stream import errors

_LENGTH = struct.Struct('<Q')
_FRAMING = 16  # Bytes of a record beside its data.
_READERS = 16  # Shards read at a time: waiting for a network disk, mostly.
_BUFFER = 2**18  # Bytes; a record is a few megabytes.


class RecordIndex(NamedTuple):
  """The records of some shards.

  Attributes:
    paths: list of str.
    shards: int64 [N]; record n is in `paths[shards[n]]`.
    offsets: int64 [N]; it begins at this byte.
  """

  paths: list
  shards: np.ndarray
  offsets: np.ndarray

  def __len__(self):
    return len(self.offsets)

  def name(self, record):
    """Names a record for messages."""
    path = self.paths[self.shards[record]]
    return f'{path}: the record at byte {self.offsets[record]}'

  def read(self, record):
    """A tf.data.Dataset of one serialized example, for `flat_map` and the like.

    Only there: TensorFlow 2.21 forgets the offset of a dataset that stands
    alone.

    Args:
      record: int64 tensor [], its number.

    Returns:
      The dataset; it raises DataLossError where the record is damaged.
    """
    shard = tf.gather(self.shards, record)
    variant = tf.raw_ops.TFRecordDatasetV2(
      filenames=tf.gather(self.paths, shard)[tf.newaxis],
      compression_type='',
      buffer_size=_BUFFER,
      byte_offsets=tf.gather(self.offsets, record)[tf.newaxis],
    )
    return tf.data.experimental.from_variant(
      variant, tf.TensorSpec([], tf.string)
    ).take(1)


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
    progress = functools.partial(tqdm.tqdm, total=len(paths), delay=3)
    offsets = list(progress(pool.map(_offsets, paths), desc='index of shards'))
  index = RecordIndex(
    paths,
    np.repeat(np.arange(len(paths)), [len(each) for each in offsets]),
    np.concatenate([*offsets, []]).astype(np.int64),
  )
  if not len(index):
    raise errors.InputError(f'{paths[:1]}...: no record in {len(paths)} shards')
  return index


def _offsets(path):
  """Where the records of a shard begin."""
  offsets = []
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
    logging.warning(
      '%s: breaks off in the record at byte %d; make the shard again',
      path,
      offsets.pop(),
    )
  return offsets
