"""Which videos of a split stand in which shard."""

import hashlib
import pathlib
from typing import NamedTuple

from two_stream import errors


class Shard(NamedTuple):
  """One file of a split.

  Attributes:
    split: one of `labels.SPLITS`.
    number: 0 <= number < count.
    count: number of shards of the split.
    samples: `labels.Sample`s in the order of the records.
  """

  split: str
  number: int
  count: int
  samples: list

  @property
  def name(self):
    """The file's name without its ending."""
    return shard_name(self.split, self.number, self.count)


def shard_name(split, number, count):
  """Gives the name of a shard's file, without its ending."""
  return f'{split}-{number:05d}-of-{count:05d}'


def plan(split, samples, shard_size):
  """Distributes a split over shards of about equal size.

  The order is that of the ids' SHA-256, so that every shard mixes the classes
  however the JSON file is sorted, and nothing else decides it.

  Args:
    split: one of `labels.SPLITS`.
    samples: list of `labels.Sample`.
    shard_size: the most videos of a shard.

  Returns:
    A list of `Shard`.
  """
  order = sorted(samples, key=lambda sample: _digest(sample.id))
  count = -(-len(order) // shard_size)
  return [Shard(split, i, count, order[i::count]) for i in range(count)]


def find(records_dir, split):
  """Lists the shards of a split.

  Args:
    records_dir: a folder that preprocessing made.
    split: one of `labels.SPLITS`.

  Returns:
    A sorted list of paths.

  Raises:
    InputError: there are none, or some are missing.
  """
  folder = pathlib.Path(records_dir)
  paths = sorted(folder.glob(f'{split}-*-of-*.tfrecord'))
  if not paths:
    raise errors.InputError(
      f'{folder}: has no {split} shards; preprocess first'
    )
  count = int(paths[0].stem.rpartition('-')[2])
  if len(paths) != count:
    raise errors.InputError(
      f'{folder}: has {len(paths)} of {count} {split} shards; run the '
      'preprocessing again, it continues'
    )
  return paths


def _digest(sample_id):
  return hashlib.sha256(sample_id.encode(errors='surrogatepass')).digest()
