"""Which videos of a data set are there, before any of them is opened."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from two_stream import files
from two_stream.datasets import data_set


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inventory:
  """The videos of a split.

  Attributes:
    present: the samples whose files are there.
    num_listed: how many samples the data set lists.
    num_unlabelled: how many of the listed samples have no label.
  """

  present: Sequence[data_set.Sample]
  num_listed: int
  num_unlabelled: int

  @property
  def num_missing(self) -> int:
    """How many samples have no file."""
    return self.num_listed - len(self.present)


def take(
  videos_dir: files.PathLike, videos: data_set.DataSet
) -> dict[str, Inventory]:
  """Looks which samples have a file. Each folder is listed once.

  Args:
    videos_dir: the folder that the samples' paths are relative to.
    videos: the data set.

  Returns:
    split -> its inventory.
  """
  names = _names_by_folder(
    videos_dir, (s.path for split in videos.splits.values() for s in split)
  )
  return {
    split: Inventory(
      present=[sample for sample in samples if _is_there(sample, names)],
      num_listed=len(samples),
      num_unlabelled=sum(sample.label is None for sample in samples),
    )
    for split, samples in videos.splits.items()
  }


def find_folder(
  videos_dir: files.PathLike, inventories: Mapping[str, Inventory]
) -> str | None:
  """Returns the path of a sample that is a folder of frames; None: none is.

  Only paths without an ending are looked at, because a folder of a data set has
  none.
  """
  for found in inventories.values():
    for sample in found.present:
      name = os.path.split(sample.path)[1]
      if '.' not in name and pathlib.Path(videos_dir, sample.path).is_dir():
        return sample.path
  return None


def table(inventories: Mapping[str, Inventory]) -> list[str]:
  """Formats the counts of all splits as lines of text."""
  rows = [['split', 'listed', 'there', 'missing', 'without a label']]
  for split, found in inventories.items():
    counts = (
      found.num_listed,
      len(found.present),
      found.num_missing,
      found.num_unlabelled,
    )
    rows.append([split, *map(str, counts)])
  return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Formats rows of equally many cells; all but the first are right-aligned."""
  widths = [max(map(len, column)) for column in zip(*rows)]
  return [
    '  '.join(
      cell.rjust(width) if number else cell.ljust(width)
      for number, (cell, width) in enumerate(zip(row, widths))
    )
    for row in rows
  ]


def _names_by_folder(
  videos_dir: files.PathLike, paths: Iterable[str]
) -> dict[str, set[str]]:
  """Lists folders; returns the folder of a sample -> the names in it."""
  names: dict[str, set[str]] = collections.defaultdict(set)
  for folder in {os.path.split(path)[0] for path in paths}:
    try:
      with os.scandir(pathlib.Path(videos_dir, folder)) as entries:
        names[folder] = {entry.name for entry in entries}
    except (OSError, ValueError):  # It is missing, or is no folder.
      names[folder] = set()
  return names


def _is_there(sample: data_set.Sample, names: Mapping[str, set[str]]) -> bool:
  folder, name = os.path.split(sample.path)
  return name in names[folder]
