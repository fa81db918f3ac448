"""Writes the records of a shard as they come, or adds those that it lacks.

This module loads TensorFlow, so the worker processes do not import it.
"""

import functools
import heapq
import itertools
from collections.abc import Iterator, Sequence

from two_stream import errors, files
from two_stream.datasets import data_set
from two_stream.preprocessing import worker_pool
from two_stream.records import (
  schema,
  shard_counts,
  shard_folder,
  shards,
  tfrecords,
)

Results = Iterator[schema.Record | worker_pool.Failure]


def write_new(
  folder: shard_folder.ShardFolder, shard: shards.Shard, results: Results
) -> list[shard_counts.LackingVideo]:
  """Writes a whole shard.

  Args:
    folder: where the shard is written.
    shard: which shard.
    results: those of all its samples, in their order. Exactly so many are
      taken.

  Returns:
    The samples that have no record.

  Raises:
    InputError: the shard cannot be written.
  """
  lacking: list[shard_counts.LackingVideo] = []

  def examples() -> Iterator[bytes]:
    for sample, result in zip(shard.samples, results):
      if isinstance(result, worker_pool.Failure):
        lacking.append(shard_counts.LackingVideo(sample, *result))
      else:
        yield tfrecords.serialize(result)
    # This must happen before the shard takes its name.
    folder.record_failures(shard, lacking)

  tfrecords.write_shard(folder.path(shard), examples())
  return lacking


def extend(
  folder: shard_folder.ShardFolder,
  shard: shards.Shard,
  samples: Sequence[data_set.Sample],
  results: Results,
) -> list[shard_counts.LackingVideo]:
  """Adds to a shard the samples that failed when it was written.

  The shard is copied, with each new record in the place that it would have had
  if it had not failed.

  Args:
    folder: where the shard is.
    shard: which shard.
    samples: those that it lacks.
    results: those of these samples, in their order. Exactly so many are taken.

  Returns:
    Those of the samples that still have no record.

  Raises:
    InputError: the shard cannot be written, or has a record that does not
      belong there.
  """
  lacking, new = [], []
  for sample, result in zip(samples, results):
    if isinstance(result, worker_pool.Failure):
      lacking.append(shard_counts.LackingVideo(sample, *result))
    else:
      new.append(tfrecords.serialize(result))
  if new:
    path = folder.path(shard)
    position = functools.partial(
      _position, path, [sample.id for sample in shard.samples]
    )
    merged = heapq.merge(tfrecords.read_shard(path), new, key=position)
    # If an earlier run was killed after it had added a record and before it
    # forgot the failure, the record is there twice. One of the two is kept.
    groups = itertools.groupby(merged, key=position)
    tfrecords.write_shard(path, (next(group) for _, group in groups))
  folder.record_failures(shard, lacking)
  return lacking


def _position(
  path: files.PathLike, ids: Sequence[str], serialized: bytes
) -> int:
  """Tells where in a shard a record belongs.

  Args:
    path: the shard.
    ids: the ids of the shard's samples, in their order.
    serialized: the record.

  Returns:
    The number of its sample among them.

  Raises:
    InputError: the record is of none of these samples.
  """
  try:
    return ids.index(tfrecords.clip_id(serialized))
  except ValueError:
    raise errors.InputError(
      f'{path}: a record in it is no clip of this shard; remove it and run '
      'again, it is made again'
    ) from None
