"""Which videos of a split stand in which shard."""

import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from two_stream import errors, files
from two_stream.datasets import data_set

# What a user can do where a shard or a file beside it cannot be written.
REMEDY_OF_WRITING = (
  'make room or repair, then run again: complete shards are kept'
)

_NAME = re.compile(
  rf'({"|".join(data_set.SPLITS)})-([0-9]{{1,18}})-of-([0-9]{{1,18}})'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
  """One file of a split.

  Attributes:
    split: one of `data_set.SPLITS`.
    number: the place of this shard among those of the split, from 0.
    num_shards: how many shards the split has.
    samples: what the shard's records are made of, in their order.
  """

  split: str
  number: int
  num_shards: int
  samples: Sequence[data_set.Sample]

  @property
  def name(self) -> str:
    """The file's name without its ending."""
    return shard_name(self.split, self.number, self.num_shards)


def shard_name(split: str, number: int, num_shards: int) -> str:
  """Returns the name of a shard's file, without its ending."""
  return f'{split}-{number:05d}-of-{num_shards:05d}'


def plan(
  split: str, samples: Iterable[data_set.Sample], shard_size: int
) -> list[Shard]:
  """Distributes a split over shards of about equal size.

  The samples are sorted by the SHA-256 of their ids. So every shard has samples
  of many classes, in whatever order the data set lists them, and the same
  samples always give the same plan.

  Args:
    split: one of `data_set.SPLITS`.
    samples: all samples of the split.
    shard_size: the most samples of a shard.

  Returns:
    The shards, in the order of their numbers.
  """
  order = sorted(samples, key=lambda sample: _digest(sample.id))
  num_shards = -(-len(order) // shard_size)
  return [
    Shard(
      split=split,
      number=number,
      num_shards=num_shards,
      samples=order[number::num_shards],
    )
    for number in range(num_shards)
  ]


def parse_name(name: str) -> tuple[str, int, int] | None:
  """Takes the name of a shard's file apart.

  Args:
    name: the name without its ending. Its numbers may have any number of
      leading zeros.

  Returns:
    (split, number of the shard, number of shards); None if this is not the name
    of a shard.
  """
  match = _NAME.fullmatch(name)
  return (match[1], int(match[2]), int(match[3])) if match else None


def find(records_dir: files.PathLike, split: str) -> list[pathlib.Path]:
  """Lists the shards of a split.

  Args:
    records_dir: a folder that preprocessing made.
    split: one of `data_set.SPLITS`.

  Returns:
    A list of paths in the order of the shards' numbers.

  Raises:
    InputError: there are none, or they are not the shards of one run, each
      once and none missing; says which are wrong.
  """
  folder = pathlib.Path(records_dir)
  paths = sorted(folder.glob(f'{split}-*-of-*.tfrecord'))
  if not paths:
    others = splits_in(folder)
    raise errors.InputError(
      f'{folder}: has no {split} shards; preprocess first'
      + (f', or use another split: {", ".join(others)}' if others else '')
    )
  _, _, count = _parse(paths[0])
  by_number: dict[int, pathlib.Path] = {}
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


def splits_in(records_dir: files.PathLike) -> list[str]:
  """Lists the splits of which a folder has shards, in alphabetical order."""
  return sorted(
    {
      path.name.split('-')[0]
      for path in pathlib.Path(records_dir).glob('*-*-of-*.tfrecord')
    }
  )


def _parse(path: pathlib.Path) -> tuple[str, int, int]:
  """Parses the name of a file, or raises InputError if it is no shard's."""
  parsed = parse_name(path.stem)
  if parsed is None:
    raise errors.InputError(
      f'{path}: not the name of a shard, as train-00000-of-02640.tfrecord is; '
      'rename it'
    )
  return parsed


def _refuse_missing(
  folder: pathlib.Path,
  split: str,
  present: Mapping[int, pathlib.Path],
  count: int,
) -> NoReturn:
  """Raises InputError with the first number below `count` that is missing."""
  first = next(n for n in range(count) if n not in present)
  others = count - len(present) - 1
  raise errors.InputError(
    f'{folder}: has {len(present)} of {count} {split} shards, not '
    f'{shard_name(split, first, count)}'
    f'{f" and {others} others" if others else ""}; run the preprocessing '
    'again, it continues'
  )


def _digest(sample_id: str) -> bytes:
  return hashlib.sha256(sample_id.encode(errors='surrogatepass')).digest()
