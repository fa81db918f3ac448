"""How many videos of a split are in its records.

Some videos of Kinetics are gone, and others cannot be read. Accuracies of other
people are over the videos that they had. So the number belongs to the table.
"""

import pathlib
from typing import NamedTuple

from two_stream import files
from two_stream.records import shard_counts


class VideoCounts(NamedTuple):
  """The videos of a split.

  Attributes:
    listed: how many the lists of the data set name.
    missing: how many of these were not in the folder of videos.
    failed: how many were there and could not be used.
  """

  listed: int
  missing: int
  failed: int

  def line(self, split: str) -> str:
    """Returns what to print, such as 'test: 8 of 9 videos (1 missing, ...)'."""
    there = self.listed - self.missing - self.failed
    return (
      f'{split}: {there:,} of {self.listed:,} videos '
      f'({self.missing:,} missing, {self.failed:,} failed)'
    )


def of_split(records_dir: files.PathLike, split: str) -> VideoCounts | None:
  """Reads the counts from what preprocessing has left beside the shards.

  Args:
    records_dir: the folder of the shards.
    split: one of `data_set.SPLITS`.

  Returns:
    The counts; None if the folder has no parameters.json that tells of the
    split, which is so for the records of other programs.

  Raises:
    InputError: a file cannot be read, or is not as preprocessing writes it.
  """
  made = shard_counts.read_parameters(records_dir)
  if split not in made:
    return None
  # A video that is listed twice in a file of failures counts once.
  is_missing = {
    (path.stem, entry['id']): entry.get('missing') is True
    for path in sorted(
      pathlib.Path(records_dir, shard_counts.FAILURES).glob(f'{split}-*.jsonl')
    )
    for entry in shard_counts.read_failures(path)
  }
  missing = sum(is_missing.values())
  return VideoCounts(
    listed=made[split]['videos'],
    missing=missing,
    failed=len(is_missing) - missing,
  )
