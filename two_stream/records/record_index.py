"""Where every record of a split begins, so that any record is read directly.

So training shuffles over the whole split without a buffer of clips, and
continues at any clip without reading the clips before it. framing.py finds the
records.
"""

import dataclasses
import itertools
import os
from collections.abc import Collection, Sequence

import numpy as np
import tensorflow as tf

from two_stream import errors, files
from two_stream.records import (
  framing,
  schema,
  shard_counts,
  shards,
  tfrecords,
)

_BUFFER = 2**18  # Bytes; a record is a few megabytes.


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RecordIndex:
  """The records of some shards.

  Attributes:
    paths: the files.
    shards: int64 [N]; record n is in the file `paths[shards[n]]`.
    offsets: int64 [N]; record n begins at this byte of its file.
    torn: path -> the byte at which the whole records end. It has only those
      files in which more bytes follow.
  """

  paths: list[str]
  shards: np.ndarray
  offsets: np.ndarray
  torn: dict[str, int]

  def __len__(self) -> int:
    return len(self.offsets)

  def name(self, record: int) -> str:
    """Returns what to call a record in messages."""
    path = self.paths[self.shards[record]]
    return f'{path}: the record at byte {self.offsets[record]}'

  def shard(self, path: str) -> 'RecordIndex':
    """Returns the index of one shard alone, which may be empty."""
    offsets = self.offsets[self.shards == self.paths.index(path)]
    return RecordIndex(
      paths=[path], shards=np.zeros_like(offsets), offsets=offsets, torn={}
    )

  def read_damaged(self, record: int) -> bytes:
    """Reads the content of a record, even if its CRC is wrong.

    Raises:
      InputError: the file cannot be read or has no record there any more.
    """
    path = self.paths[self.shards[record]]
    return framing.read(path, int(self.offsets[record]))

  # AutoGraph would warn that it cannot read the source of `os.fsencode`.
  @tf.autograph.experimental.do_not_convert
  def read(self, record: tf.Tensor) -> tf.data.Dataset:
    """Makes a dataset of one serialized example.

    The dataset may be used only inside `flat_map`, `interleave` and the like,
    because TensorFlow 2.21 forgets the offset of a dataset that is iterated
    directly.

    Args:
      record: int64 [], the number of the record.

    Returns:
      The dataset. Reading it raises DataLossError if the record is damaged, and
      NotFoundError if its file is gone.
    """
    shard = tf.gather(self.shards, record)
    paths = [os.fsencode(path) for path in self.paths]  # A name may be no text.
    variant = tf.raw_ops.TFRecordDatasetV2(
      filenames=tf.gather(paths, shard)[tf.newaxis],
      compression_type='',
      buffer_size=_BUFFER,
      byte_offsets=tf.gather(self.offsets, record)[tf.newaxis],
    )
    records = tf.data.experimental.from_variant(
      variant, tf.TensorSpec([], tf.string)
    )
    # If a file is gone, this dataset would raise the error endlessly. Zipped
    # with a range of one element, it raises the error once and ends.
    once = tf.data.Dataset.zip(tf.data.Dataset.range(1), records)
    return once.map(lambda _, serialized: serialized)


def of_split(
  records_dir: files.PathLike, split: str, streams: Collection[str]
) -> RecordIndex:
  """Finds the records of a split, which must all be there.

  Args:
    records_dir: a folder that preprocessing made.
    split: one of `data_set.SPLITS`.
    streams: the streams that the records are to serve, keys of
      `recipe.STREAMS`.

  Returns:
    The index.

  Raises:
    InputError: shards are missing or cannot be read, there is no record at all,
      a shard has not as many records as the folder says (see shard_counts.py),
      or the records cannot serve a stream.
  """
  paths = shards.find(records_dir, split)
  names = [path.stem for path in paths]
  expectations = shard_counts.expected(records_dir, names)
  framings = framing.scan_all(paths)
  shard_counts.check(records_dir, expectations, dict(zip(names, framings)))
  index = _index(paths, framings)
  _check_first(index, streams)
  return index


def build(paths: Sequence[files.PathLike]) -> RecordIndex:
  """Finds the records of shards.

  A shard that breaks off is used up to that point, with a warning.

  Args:
    paths: the files.

  Returns:
    The index.

  Raises:
    InputError: a file cannot be read, or there is no record at all.
  """
  return _index(paths, framing.scan_all(paths))


def _check_first(index: RecordIndex, streams: Collection[str]) -> None:
  """Raises InputError if the first record cannot serve a stream.

  The records of a folder are alike. A first record that is damaged tells
  nothing, and is found later.
  """
  try:
    record = tfrecords.deserialize(index.read_damaged(0))
  except errors.InputError:
    return
  for stream in streams:
    try:
      schema.check_kind(record, stream)
    except errors.InputError as error:
      raise errors.InputError(f'{index.paths[0]}: {error}') from None


def _index(
  shard_paths: Sequence[files.PathLike], framings: Sequence[framing.Framing]
) -> RecordIndex:
  """Puts together what was found in each of some files."""
  paths = [os.fspath(path) for path in shard_paths]
  offsets = [each.offsets for each in framings]
  index = RecordIndex(
    paths=paths,
    shards=np.repeat(np.arange(len(paths)), [len(each) for each in offsets]),
    offsets=np.array([*itertools.chain(*offsets)], np.int64),
    torn={
      path: each.torn
      for path, each in zip(paths, framings)
      if each.torn is not None
    },
  )
  if not len(index):
    raise errors.InputError(f'{paths[:1]}...: no record in {len(paths)} shards')
  return index
