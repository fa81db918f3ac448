"""What every data set gives: class names, and the samples of each split.

A module of this package reads the files of one data set and returns a
`DataSet`. Preprocessing takes that and knows nothing else of the data set.

catalog.py finds the modules that preprocess_videos.py offers. Such a module has

    NAME                 what the data set is called on the command line
    LAYOUT               its files, in one paragraph for --help
    OPTIONS              the optional fields of a `Request` that it reads
    read(request)        takes a `Request` and returns a `DataSet`
"""

import dataclasses
import pathlib
import unicodedata
from collections.abc import Mapping, Sequence

from two_stream import documents, errors, files

# The order must stay: the locks of shards are numbered by it.
SPLITS = ('train', 'validation', 'test')

_MAX_ID_CHARACTERS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Sample:
  """One video of a split, or a part of one, with its label.

  Attributes:
    id: tells this sample from all others of its split. The id of a part of a
      video holds the times of the part. It comes from a file and is not checked
      yet; see `check_id`.
    path: the video file, or the folder of its numbered frames, relative to the
      folder of the videos. If the video is missing: where it should be. It is
      not checked yet either; see `check_path`.
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
    frames_per_second_of_frames: the rate of samples that are folders of frames,
      where the data set tells it.
    lacks_videos: whether it is normal that some videos are missing. Otherwise a
      missing video counts as failed.
  """

  name: str
  class_names: Sequence[str]
  splits: Mapping[str, Sequence[Sample]]
  frames_per_second_of_frames: float | None = None
  lacks_videos: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
  """What the user says about a data set.

  Attributes:
    videos_dir: the folder of the videos.
    annotations: the file or folder of lists, or None.
    splits: the splits to read, some of `SPLITS`; None: all that there are. A
      data set that lacks one of them raises an InputError.
    split_number: which of its published divisions, for data sets that have
      several: 1, 2 or 3.
    class_names: the label map that fixes the order of the classes, or None to
      take the data set's own order, else the alphabetical one.
    validation_share: the share of the samples that are for validation if the
      data set is not divided, from 0 to 1.
    seed: what such a division is drawn with.
    follow_links: whether folders are entered that are links.
  """

  videos_dir: files.PathLike
  annotations: files.PathLike | None = None
  splits: tuple[str, ...] | None = None
  split_number: int = 1
  class_names: Sequence[str] | None = None
  validation_share: float = 0.1
  seed: int = 0
  follow_links: bool = False


def check_id(sample_id: str) -> str:
  """Returns an id that can stand in records, lists and messages.

  An id may hold any letters, signs and blanks. It is no path, and may not
  become one unchanged.

  Raises:
    InputError: the id is empty, has more than 1,000 characters, or has one that
      cannot be printed.
  """
  is_printable = sample_id.isprintable() or all(
    character.isprintable() or unicodedata.category(character) == 'Zs'
    for character in sample_id
  )
  if not (0 < len(sample_id) <= _MAX_ID_CHARACTERS and is_printable):
    raise errors.InputError(
      f'id {documents.quote(sample_id)}: an id has 1 to {_MAX_ID_CHARACTERS} '
      'characters that can be printed'
    )
  return sample_id


def check_path(path: str) -> str:
  """Returns a path that stays in the folder to which it is relative.

  Links are another matter: whoever opens the file looks where they lead.

  Raises:
    InputError: the path is empty, absolute, or goes up with '..'.
  """
  parts = pathlib.PurePath(path).parts
  if not parts or '..' in parts or parts[0].startswith('/') or '\0' in path:
    raise errors.InputError(
      f'path {documents.quote(path)}: must lead to a file in the folder of the '
      'videos'
    )
  return path
