"""What every data set gives: class names, and the samples of each split.

A module of this package reads the files of one data set and returns a
`DataSet`. Preprocessing takes that and knows nothing else of the data set.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from two_stream import documents, errors

# The order must stay: the locks of shards are numbered by it.
SPLITS = ('train', 'validation', 'test')

_PLAIN_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,127}')


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Sample:
  """One video of a split, or a part of one, with its label.

  Attributes:
    id: tells this sample from all others of its split. It comes from a file
      and is not checked yet; see `check_id`.
    path: the video file, relative to the folder of the videos.
    label: the class name; None if the label is not public.
    start: seconds of the video where the sample begins; None: at its start.
    end: seconds of the video where the sample ends; None: at its end.
  """

  id: str
  path: str
  label: str | None
  start: float | None = None
  end: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSet:
  """The class names and the samples of a data set.

  Attributes:
    name: what records call the data set, in letters, digits and underscores.
    class_names: the names in the order of the class indices, none twice.
    splits: name of a split, one of `SPLITS` -> its samples.
  """

  name: str
  class_names: Sequence[str]
  splits: Mapping[str, Sequence[Sample]]


def check_id(sample_id: str) -> str:
  """Returns an id that is safe to be part of a file name.

  Raises:
    InputError: the id has other characters, or more than 128 of them.
  """
  if not _PLAIN_ID.fullmatch(sample_id):
    raise errors.InputError(
      f'id {documents.quote(sample_id)}: may hold letters, digits, - and _ '
      'alone'
    )
  return sample_id
