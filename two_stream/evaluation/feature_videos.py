"""The videos whose features are wanted: files, folders, lists, data sets."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from two_stream import documents, errors, files
from two_stream.datasets import data_set, video_search

LIST_SUFFIX = '.txt'
_MAX_DEPTH = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class WantedVideo:
  """A video, or a part of one.

  Attributes:
    id: tells it from all others, and names the file of its features.
    path: the file, or the folder of its numbered frames.
    inside: a folder that no link may lead out of, or None.
    start: the second of the video where the part begins; None: at its start.
    end: the second of the video where the part ends; None: at its end.
  """

  id: str
  path: pathlib.Path
  inside: files.PathLike | None = None
  start: float | None = None
  end: float | None = None

  def content(self) -> dict[str, Any]:
    """Looks what tells this content from others, without reading it.

    Returns:
      The size of the file and the time of its last change; for a folder of
      frames, those of its files together. And the part.

    Raises:
      MissingFileError: there is no such file.
      InputError: nobody can tell.
    """
    try:
      status = self.path.stat()
      size, changed = status.st_size, status.st_mtime_ns
      if self.path.is_dir():
        with os.scandir(self.path) as entries:
          found = [entry.stat() for entry in entries]
        size = sum(each.st_size for each in found)
        changed = max([changed, *(each.st_mtime_ns for each in found)])
    except (OSError, ValueError) as error:
      raise errors.unreadable(self.path, error) from error
    part = {'start': self.start, 'end': self.end}
    return {
      'id': self.id,
      'bytes': size,
      'modified_ns': changed,
      **{key: value for key, value in part.items() if value is not None},
    }


def of_path(path: files.PathLike, follow_links: bool) -> list[WantedVideo]:
  """Finds the videos of --videos.

  Args:
    path: a video; a folder, in which all videos are found, however deep; a
      folder of numbered frames; or a list, whose name ends in .txt, with the
      path of a video on each line, relative to the list's folder.
    follow_links: whether links may lead out of a folder.

  Returns:
    The videos. The id of one in a folder is its path there, of one in a list
    its line, and of a single one its name.

  Raises:
    InputError: a file or folder cannot be read, or there is no video.
  """
  path = pathlib.Path(path)
  if path.suffix.lower() == LIST_SUFFIX and not path.is_dir():
    return _of_list(path)
  if path.is_dir() and not video_search.look(path, follow_links).is_frames:
    inside = None if follow_links else path
    found = [
      WantedVideo(id=name, path=path / name, inside=inside)
      for name in sorted(_search(path, '', follow_links, 0))
    ]
    if not found:
      raise errors.InputError(f'{path}: has no videos; see --videos')
    return found
  if not path.exists():
    raise errors.InputError(f'{path}: no such video; see --videos')
  return [WantedVideo(id=path.name, path=path)]


def of_data_set(
  videos: data_set.DataSet, videos_dir: files.PathLike, follow_links: bool
) -> list[WantedVideo]:
  """Lists the videos of a data set.

  Args:
    videos: the data set.
    videos_dir: the folder of its videos.
    follow_links: whether links may lead out of that folder.

  Returns:
    The videos of all splits. An id begins with the name of the split.

  Raises:
    InputError: a path would lead out of the folder.
  """
  return [
    WantedVideo(
      id=f'{split}/{sample.id}',
      path=pathlib.Path(videos_dir, data_set.check_path(sample.path)),
      inside=None if follow_links else videos_dir,
      start=sample.start,
      end=sample.end,
    )
    for split, samples in videos.splits.items()
    for sample in samples
  ]


def _of_list(path: pathlib.Path) -> list[WantedVideo]:
  lines = documents.read_lines(path)
  seen: set[str] = set()
  for number, line in enumerate(lines, 1):
    if not line.strip():
      raise errors.InputError(f'{path}: line {number} is empty')
    if line in seen:
      raise errors.InputError(
        f'{path}: line {number} names {documents.quote(line)} once more'
      )
    seen.add(line)
  if not lines:
    raise errors.InputError(f'{path}: is an empty list; see --videos')
  return [WantedVideo(id=line, path=path.parent / line) for line in lines]


def _search(
  top: pathlib.Path, prefix: str, follow_links: bool, depth: int
) -> Iterator[str]:
  """Yields the paths of all videos in a folder, relative to it."""
  content = video_search.look(top / prefix, follow_links)
  video_search.say_links(top / prefix, content.links)
  if content.is_frames and prefix:
    yield prefix.rstrip('/')
    return
  for name in content.videos:
    yield prefix + name
  if depth == _MAX_DEPTH and content.folders:
    raise errors.InputError(
      f'{top / prefix}: lies too deep in {top}; are there links in a circle?'
    )
  for name in content.folders:
    yield from _search(top, f'{prefix}{name}/', follow_links, depth + 1)
