"""Tells whether weights are those of DeepMind's released files.

`released_tensors.csv` has a checksum of each tensor in the five files that
DeepMind released: the masked CRC-32C that a checkpoint's index has of the
tensor's bytes, as eight hexadecimal digits. The five files have different
checksums for nearly all tensors, so the checksums tell which file it is.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping

import numpy as np

from two_stream import crc32c, documents

_TABLE = pathlib.Path(__file__).with_name('released_tensors.csv')
_MOST_NAMED = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
  """Which released file weights are from; `str` gives a sentence.

  Attributes:
    name: the name of the file's folder, such as 'rgb_scratch'.
    total: how many tensors the file has.
    differing: the paths of those that have other values here.
  """

  name: str
  total: int
  differing: tuple[str, ...]

  def __str__(self) -> str:
    if not self.differing:
      return f"DeepMind's {self.name}, all {self.total} tensors verified"
    named = ', '.join(self.differing[:_MOST_NAMED])
    if len(self.differing) > _MOST_NAMED:
      named += f' and {len(self.differing) - _MOST_NAMED} more'
    return (
      f"like DeepMind's {self.name} but for {len(self.differing)} of "
      f'{self.total} tensors: {named}'
    )


def find(values: Mapping[str, np.ndarray]) -> Provenance | None:
  """Finds the released file from which weights are.

  Computing the checksums of a whole network takes 20 milliseconds.

  Args:
    values: path in the network -> float32 array, see `checkpoints.read`.

  Returns:
    The file with which most tensors agree; None if less than half of them
    agree with any.
  """
  checksums = {name: _checksum(value) for name, value in values.items()}
  best = max(
    (
      Provenance(
        name=name,
        total=len(released),
        differing=tuple(
          path
          for path, checksum in released.items()
          if checksums.get(path) != checksum
        ),
      )
      for name, released in _released().items()
    ),
    key=lambda candidate: -len(candidate.differing),
  )
  return best if 2 * len(best.differing) <= best.total else None


def _checksum(value: np.ndarray) -> str:
  """Returns the checksum of a tensor as the table has it."""
  content = np.ascontiguousarray(value, '<f4')
  return f'{crc32c.masked(content):08x}'


@functools.cache
def _released() -> dict[str, dict[str, str]]:
  """Returns name of a released file -> path -> checksum."""
  names, *rows = (row for _, row in documents.read_csv(_TABLE))
  return {
    name: {row[0]: row[column] for row in rows}
    for column, name in enumerate(names)
    if column
  }
