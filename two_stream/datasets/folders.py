"""One's own videos, in a folder for each class.

    train/<class>/*   validation/<class>/*   test/<class>/* or test/*

or, without a division, `<class>/*`. Then a share of each class is for
validation, see `own_videos.divide`. The folders are divided if one that is
called as a split holds folders of videos. So a class may be called `train`.
"""

import itertools
import pathlib
from collections.abc import Callable, Iterable, Iterator

from two_stream import errors
from two_stream.datasets import (
  data_set,
  label_map,
  listing,
  own_videos,
  video_search,
)

NAME = 'folders'
LAYOUT = (
  'your own videos in a folder for each class, without --annotations. '
  '--videos_dir has train/<class>/*, validation/<class>/* (or val, valid) and '
  'test/<class>/*, or test/* without labels; or it has <class>/*, and a share '
  'of each class is for validation, see --validation_share. A folder of '
  'numbered frames takes the place of a video.'
)
OPTIONS = ('validation_share', 'seed')


def read(request: data_set.Request) -> data_set.DataSet:
  """Reads the names of the folders and files.

  Args:
    request: where the files are, and which samples are wanted.

  Returns:
    The data set. The id of a sample is its path.

  Raises:
    InputError: there are no videos in folders of classes, a name cannot be a
      class name, or a wanted split is missing.
  """
  if request.annotations is not None:
    raise errors.InputError(
      f'--annotations={request.annotations}: folders need none; see '
      '--dataset=csv for a list of videos'
    )
  samples = scan(request)
  if not any(samples.values()):
    raise errors.InputError(
      f'{request.videos_dir}: no videos in <class>/ or train/<class>/, whose '
      'folders give the labels; see --videos_dir'
    )
  return own_videos.to_data_set(request, samples, request.videos_dir)


def scan(
  request: data_set.Request, class_of: Callable[[str], str] = str
) -> dict[str, list[data_set.Sample]]:
  """Finds the videos. What is no video is left out with a warning.

  Args:
    request: where the videos are.
    class_of: turns the name of a folder into a class name.

  Returns:
    split -> its samples in alphabetical order; `own_videos.UNDIVIDED` -> all
    samples if the folders are not divided.

  Raises:
    InputError: a folder cannot be read, a name cannot be a class name, or two
      folders are of the same split.
  """
  search = _Search(request, class_of)
  top = search.look('')
  split_of = search.split_folders()
  if split_of:
    search.leave_out(
      '', top.videos, (n for n in top.folders if n not in split_of)
    )
    samples = {
      split: list(search.samples_of_split(name, split))
      for name, split in split_of.items()
    }
  else:
    search.leave_out('', top.videos)
    samples = {
      own_videos.UNDIVIDED: [
        sample
        for name in top.folders
        for sample in search.samples_of_class(name)
      ]
    }
  search.say_what_is_left_out()
  return samples


class _Search:
  """A search through the folders, which remembers what it left out."""

  def __init__(self, request: data_set.Request, class_of: Callable[[str], str]):
    self._videos_dir = request.videos_dir
    self._follow_links = request.follow_links
    self._class_of = class_of
    self._seen: dict[str, video_search.Content] = {}
    self._left_out: list[str] = []

  def look(self, path: str) -> video_search.Content:
    """Lists a folder, each folder once."""
    if path not in self._seen:
      self._seen[path] = video_search.look(
        pathlib.Path(self._videos_dir, path), self._follow_links
      )
    return self._seen[path]

  def split_folders(self) -> dict[str, str]:
    """Finds the folders of splits.

    Returns:
      name of a folder -> its split; {} if the folders are not divided.

    Raises:
      InputError: two folders are of the same split.
    """
    names = self.look('').folders
    split_of = {
      name: split
      for name in names
      if (split := listing.split_of(name)) is not None
    }
    is_divided = len(split_of) == len(names) or any(
      not self.look(f'{name}/{inner}').is_frames
      for name in split_of
      for inner in self.look(name).folders
    )
    if not is_divided:
      return {}
    label_map.refuse_repetition(
      self._videos_dir, 'split', list(split_of.values()), list(split_of)
    )
    return split_of

  def samples_of_split(
    self, folder: str, split: str
  ) -> Iterator[data_set.Sample]:
    """Yields the samples of a folder of folders of classes.

    Videos outside of these have no label. Only a test split may have them.
    """
    unlabelled = [*self.look(folder).videos]
    for name in self.look(folder).folders:
      path = f'{folder}/{name}'
      if self.look(path).is_frames:
        unlabelled.append(name)
      else:
        yield from self.samples_of_class(path)
    if split == 'test':
      self.leave_out(folder, ())
      for name in sorted(unlabelled):
        yield _sample(f'{folder}/{name}', None)
    else:
      self.leave_out(folder, unlabelled)

  def samples_of_class(self, folder: str) -> Iterator[data_set.Sample]:
    """Yields the samples of the folder of a class."""
    content = self.look(folder)
    of_frames = {
      name
      for name in content.folders
      if self.look(f'{folder}/{name}').is_frames
    }
    self.leave_out(folder, (n for n in content.folders if n not in of_frames))
    videos = sorted([*content.videos, *of_frames])
    if not videos:
      self._left_out.append(folder)
      return
    label = label_map.checked_name(
      self._class_of(folder.rpartition('/')[2]),
      errors.printable(pathlib.Path(self._videos_dir, folder)),
    )
    for name in videos:
      yield _sample(f'{folder}/{name}', label)

  def leave_out(self, folder: str, *names: Iterable[str]) -> None:
    """Remembers names in a folder that are left out, and files of no use."""
    content = self.look(folder)
    prefix = f'{folder}/' if folder else ''
    for name in itertools.chain(content.frames, content.others, *names):
      self._left_out.append(prefix + name)

  def say_what_is_left_out(self) -> None:
    """Warns of files and folders that were left out, if there are any."""
    links = [
      f'{folder}/{name}' if folder else name
      for folder, content in self._seen.items()
      for name in content.links
    ]
    video_search.say_links(self._videos_dir, links)
    video_search.say_left_out(self._videos_dir, self._left_out)


def _sample(path: str, label: str | None) -> data_set.Sample:
  return data_set.Sample(id=path, path=path, label=label)
