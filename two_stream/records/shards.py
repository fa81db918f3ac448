"""Which videos of a split stand in which shard."""

import hashlib
import pathlib
import re
from typing import NamedTuple

from two_stream import errors
from two_stream.datasets import something_something

_NAME = re.compile(
  rf'({"|".join(something_something.SPLITS)})-([0-9]{{1,18}})-of-([0-9]{{1,18}})'
)


class Shard(NamedTuple):
  """One file of a split.

  Attributes:
    split: one of `something_something.SPLITS`.
    number: 0 <= number < count.
    count: number of shards of the split.
    samples: `something_something.Sample`s in the order of the records.
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
    split: one of `something_something.SPLITS`.
    samples: list of `something_something.Sample`.
    shard_size: the most videos of a shard.

  Returns:
    A list of `Shard`.
  """
  order = sorted(samples, key=lambda sample: _digest(sample.id))
  count = -(-len(order) // shard_size)
  return [Shard(split, i, count, order[i::count]) for i in range(count)]


def parse_name(name):
  """Takes the name of a shard's file apart.

  Args:
    name: without its ending, as `shard_name` gives it; the numbers may have
      any number of zeros in front.

  Returns:
    (split, number, count); None if it is not the name of a shard.
  """
  match = _NAME.fullmatch(name)
  return match and (match[1], int(match[2]), int(match[3]))


def find(records_dir, split):
  """Lists the shards of a split.

  Args:
    records_dir: a folder that preprocessing made.
    split: one of `something_something.SPLITS`.

  Returns:
    A list of paths in the order of the shards' numbers.

  Raises:
    InputError: there are none, or they are not the shards of one run, each
      once and none missing; says which are wrong.
  """
  folder = pathlib.Path(records_dir)
  paths = sorted(folder.glob(f'{split}-*-of-*.tfrecord'))
  if not paths:
    raise errors.InputError(
      f'{folder}: has no {split} shards; preprocess first'
    )
  _, _, count = _parse(paths[0])
  by_number = {}
  for path in paths:
    _, number, other_count = _parse(path)
    if other_count != count:
      raise errors.InputError(
        f'{folder}: {paths[0].name} and {path.name} are of other numbers of '
        'shards; keep those of one run'
      )
    if number >= count:
      raise errors.InputError(f'{path}: its number is not below {count}')
    if number in by_number:
      raise errors.InputError(
        f'{folder}: {by_number[number].name} and {path.name} are the same '
        'shard; remove one of them'
      )
    by_number[number] = path
  if len(paths) != count:
    _refuse_missing(folder, split, by_number, count)
  return [by_number[number] for number in range(count)]


def _parse(path):
  """Parses the name of a file, which must be that of a shard."""
  parsed = parse_name(path.stem)
  if parsed is None:
    raise errors.InputError(
      f'{path}: not the name of a shard, as train-00000-of-02640.tfrecord is; '
      'rename it'
    )
  return parsed


def _refuse_missing(folder, split, present, count):
  """Raises InputError with the first number below `count` that is missing."""
  first = next(n for n in range(count) if n not in present)
  others = count - len(present) - 1
  raise errors.InputError(
    f'{folder}: has {len(present)} of {count} {split} shards, not '
    f'{shard_name(split, first, count)}'
    f'{f" and {others} others" if others else ""}; run the preprocessing '
    'again, it continues'
  )


def _digest(sample_id):
  return hashlib.sha256(sample_id.encode(errors='surrogatepass')).digest()
