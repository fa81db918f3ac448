"""Where every record of a split begins, so that any of them is read at once.

Training then shuffles over the whole split, without a buffer of clips, and
continues at any clip without reading those before it. See framing.py for how
the records are found.
"""

import itertools
import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from two_stream import errors
from two_stream.records import framing, shard_counts, shards

_BUFFER = 2**18  # Bytes; a record is a few megabytes.


class RecordIndex(NamedTuple):
  """The records of some shards.

  Attributes:
    paths: list of str.
    shards: int64 [N]; record n is in `paths[shards[n]]`.
    offsets: int64 [N]; it begins at this byte.
    torn: path -> the byte where its whole records end, for files in which more
      follows.
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
    """Gives the bytes of a record as they are, whatever its CRC says.

    Raises:
      InputError: the file cannot be read or has no record there any more.
    """
    path = self.paths[self.shards[record]]
    return framing.read(path, int(self.offsets[record]))

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
    paths = [os.fsencode(path) for path in self.paths]  # Any bytes are a name.
    variant = tf.raw_ops.TFRecordDatasetV2(
      filenames=tf.gather(paths, shard)[tf.newaxis],
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


def of_split(records_dir, split):
  """Finds the records of a split, which must all be there.

  Args:
    records_dir: a folder that preprocessing made.
    split: one of `data_set.SPLITS`.

  Returns:
    A `RecordIndex`.

  Raises:
    InputError: as `shards.find` and `build`, and if a shard has not as many
      records as the folder tells of; see shard_counts.py.
  """
  paths = shards.find(records_dir, split)
  names = [path.stem for path in paths]
  expectations = shard_counts.expected(records_dir, names)
  framings = framing.scan_all(paths)
  shard_counts.check(records_dir, expectations, dict(zip(names, framings)))
  return _index(paths, framings)


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
  return _index(paths, framing.scan_all(paths))


def _index(paths, framings):
  paths = [str(path) for path in paths]
  offsets = [each.offsets for each in framings]
  index = RecordIndex(
    paths,
    np.repeat(np.arange(len(paths)), [len(each) for each in offsets]),
    np.array([*itertools.chain(*offsets)], np.int64),
    {
      path: each.torn
      for path, each in zip(paths, framings)
      if each.torn is not None
    },
  )
  if not len(index):
    raise errors.InputError(f'{paths[:1]}...: no record in {len(paths)} shards')
  return index
