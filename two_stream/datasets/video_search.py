"""Looks into the folders of a data set: which videos are there, and where.

A file is a video if its name ends as one, in small or capital letters. A folder
of numbered frames counts as a video too, unless it holds videos. Hidden files
are never videos: macOS leaves a small `._x.mp4` beside `x.mp4`. Folders that
are links are not entered unless the user asks for it. A linked file is listed;
whoever opens it looks where the link leads.
"""

import collections
import dataclasses
import functools
import logging
import os
import pathlib
import string
from collections.abc import (
  Callable,
  Collection,
  Iterable,
  Iterator,
  Mapping,
  Sequence,
)

from two_stream import errors, files
from two_stream.datasets import data_set

# The endings of containers that FFmpeg reads and people use.
VIDEO_ENDINGS = frozenset(
  [
    *('.3g2', '.3gp', '.asf', '.avi', '.divx', '.dv', '.f4v', '.flv'),
    *('.gif', '.m2ts', '.m2v', '.m4v', '.mjpeg', '.mjpg', '.mkv', '.mov'),
    *('.mp4', '.mpe', '.mpeg', '.mpg', '.mts', '.mxf', '.nut', '.ogg'),
    *('.ogv', '.rm', '.rmvb', '.ts', '.vob', '.webm', '.wmv', '.y4m'),
  ]
)
# The endings of numbered frames, see video/frames_folder.py.
FRAME_ENDINGS = frozenset(['.bmp', '.jpeg', '.jpg', '.png', '.webp'])
# Operating systems and file systems make these; they hold no data set.
_OF_SYSTEMS = frozenset(
  ['$RECYCLE.BIN', '@eaDir', 'System Volume Information', '__MACOSX']
  + ['lost+found']
)
# The deepest published layout is videos/<split>/<class>/<folder of frames>.
_MAX_DEPTH = 5
_NUM_EXAMPLES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Content:
  """What a folder holds: names in alphabetical order.

  Attributes:
    folders: the folders that may be entered.
    videos: the files that end as videos do.
    frames: the files that end as numbered pictures do, such as a_01.jpg.
    others: all other files, hidden ones, and folders that systems make.
    links: the folders that are links and are not followed.
  """

  folders: tuple[str, ...]
  videos: tuple[str, ...]
  frames: tuple[str, ...]
  others: tuple[str, ...]
  links: tuple[str, ...]

  @property
  def is_frames(self) -> bool:
    """Whether the folder is a video by itself: frames, and no videos."""
    return bool(self.frames) and not self.videos and not self.folders


def look(folder: files.PathLike, follow_links: bool) -> Content:
  """Lists a folder.

  Args:
    folder: the folder.
    follow_links: whether links to folders count as folders.

  Returns:
    Its content.

  Raises:
    InputError: the folder cannot be read.
  """
  kinds: dict[str, list[str]] = collections.defaultdict(list)
  try:
    with os.scandir(folder) as entries:
      for entry in entries:
        kinds[_kind(entry, follow_links)].append(entry.name)
  except OSError as error:
    raise errors.unreadable(folder, error.strerror) from error
  return Content(
    **{
      field.name: tuple(sorted(kinds[field.name]))
      for field in dataclasses.fields(Content)
    }
  )


def walk(
  folder: files.PathLike, follow_links: bool, max_depth: int
) -> Iterator[tuple[str, Content]]:
  """Lists a folder and the folders in it. Warns at the end of those left out.

  Links may lead in circles, or to a folder that is searched anyway. So a folder
  is not searched again inside of itself, and only once under each of its names.
  The name matters because it may be that of a class.

  Args:
    folder: the folder.
    follow_links: whether folders are entered that are links.
    max_depth: how many folders deep the search goes.

  Yields:
    (path of a folder, relative to the first one, with a slash at its end unless
    it is the first one; its content). Folders that are less deep come first.

  Raises:
    InputError: a folder cannot be read.
  """
  links: list[str] = []
  too_deep: list[str] = []
  seen: set[tuple[str, tuple[int, int]]] = set()
  # Paths of folders, with the identities of the folders that they are in.
  todo: list[tuple[str, tuple[tuple[int, int], ...]]] = [('', ())]
  for prefix, above in todo:  # The list grows.
    path = pathlib.Path(folder, prefix)
    identity = _identity(path)
    if follow_links:
      if identity in above or (path.name, identity) in seen:
        continue
      seen.add((path.name, identity))
    content = look(path, follow_links)
    yield prefix, content
    links.extend(prefix + name for name in content.links)
    if len(above) == max_depth:
      too_deep.extend(prefix + name for name in content.folders)
    else:
      inside = (*above, identity)
      todo.extend((f'{prefix}{name}/', inside) for name in content.folders)
  say_links(folder, links)
  _say(folder, f'folders deeper than {max_depth} are not searched', too_deep)


def find(
  folder: files.PathLike,
  wanted: Collection[str],
  follow_links: bool,
  key: Callable[[str], str] = lambda path: path.rpartition('/')[2],
) -> dict[str, list[str]]:
  """Finds the videos that a list names, in whatever folder they are.

  Args:
    folder: the folder of the videos, which is searched five folders deep.
    wanted: the keys of the videos that are listed.
    follow_links: whether folders are entered that are links.
    key: turns a path in the folder, without the ending of a video, into what
      identifies the video; by default that is the file's name.

  Returns:
    key -> the paths of the videos with this key, relative to the folder, in
    alphabetical order. A path may be that of a folder, which then holds
    numbered frames and no videos. Keys that were not found are absent.

  Raises:
    InputError: a folder cannot be read.
  """
  found: dict[str, list[str]] = collections.defaultdict(list)
  without: set[str] = set()
  for prefix, content in walk(folder, follow_links, _MAX_DEPTH):
    for name in content.videos:
      video = key(prefix + name.rpartition('.')[0])
      if video in wanted:
        found[video].append(prefix + name)
    path = prefix.rstrip('/')
    if path and key(path) in wanted:
      if content.frames and not content.videos:
        found[key(path)].append(path)
      else:
        without.add(path)
  for paths in found.values() if without else ():
    without.difference_update(path.rpartition('/')[0] for path in paths)
  _say(folder, 'folders named as listed videos hold none of these', without)
  return {video: sorted(paths) for video, paths in found.items()}


def choose(
  folder: files.PathLike,
  found: Mapping[str, Collection[str]],
  order: Callable[[str, str], object],
) -> dict[str, str]:
  """Takes one file of each video, and warns where there were several.

  Args:
    folder: the folder of the videos, for messages.
    found: key of a video -> its paths.
    order: gives a sort key of a video's key and one of its paths. Of files, or
      of folders of frames if there are no files, the path with the least is
      taken; of equal ones, the first in alphabetical order.

  Returns:
    key of a video -> its path.
  """

  def rank(video: str, path: str) -> tuple[bool, object, str]:
    is_folder = os.path.isdir(pathlib.Path(folder, path))  # noqa: PTH112
    return is_folder, order(video, path), path

  chosen = {
    video: next(iter(paths))
    if len(paths) == 1
    else min(paths, key=functools.partial(rank, video))
    for video, paths in found.items()
  }
  several = [video for video, paths in found.items() if len(paths) > 1]
  if several:
    example = min(several)
    others = sorted(set(found[example]) - {chosen[example]})
    logging.warning(
      '%s: %d videos have several files; %s is taken and not %s',
      folder,
      len(several),
      errors.printable(chosen[example]),
      errors.printable(', '.join(others)),
    )
  return chosen


def locate(
  request: data_set.Request,
  listed: Mapping[str, Sequence[data_set.Sample]],
) -> dict[str, list[data_set.Sample]]:
  """Replaces the paths of a list by those of the files that are there.

  A listed path is `<class>/<file>`. A file counts as the listed one whatever
  the case and the ending of its name. Folders around the class do not matter.

  Args:
    request: where the videos are.
    listed: split -> the samples, with their paths in the list.

  Returns:
    split -> the samples. A path stays what it was if nothing was found.

  Raises:
    InputError: a folder cannot be read.
  """
  samples = [sample for members in listed.values() for sample in members]
  paths = {sample.path for sample in samples}
  keys = {path: _class_and_stem(path.rpartition('.')[0]) for path in paths}
  found = find(
    request.videos_dir,
    frozenset(keys.values()),
    request.follow_links,
    _class_and_stem,
  )
  candidates = {
    # Two listed files may differ in nothing but the case of a letter.
    path: [
      each for each in found.get(key, ()) if each == path or each not in paths
    ]
    for path, key in keys.items()
  }
  chosen = choose(
    request.videos_dir,
    {path: there for path, there in candidates.items() if there},
    lambda path, there: (there != path, not there.endswith(path)),
  )
  return {
    split: [
      dataclasses.replace(sample, path=chosen.get(sample.path, sample.path))
      for sample in members
    ]
    for split, members in listed.items()
  }


def say_links(folder: files.PathLike, links: Collection[str]) -> None:
  """Warns of links to folders that were not followed, if there are any."""
  what = 'links to folders are not followed without --follow_links'
  _say(folder, what, links)


def say_left_out(folder: files.PathLike, paths: Collection[str]) -> None:
  """Warns of what is no video of a class, if there is anything.

  Args:
    folder: the folder of the videos.
    paths: what is left out, relative to it.
  """
  _say(folder, 'left out, because they are no videos of a class', paths)


def _class_and_stem(path: str) -> str:
  """Returns the last two parts of a path, in small letters."""
  return '/'.join(path.split('/')[-2:]).casefold()


def _say(folder: files.PathLike, what: str, paths: Collection[str]) -> None:
  if paths:
    logging.warning(
      '%s: %s (%d): %s',
      folder,
      what,
      len(paths),
      examples(paths),
    )


def examples(values: Iterable[str]) -> str:
  """Returns the first few values in alphabetical order, for a message."""
  ordered = sorted(values)
  more = ', ...' if len(ordered) > _NUM_EXAMPLES else ''
  return errors.printable(', '.join(ordered[:_NUM_EXAMPLES])) + more


def _identity(folder: pathlib.Path) -> tuple[int, int]:
  """Returns what tells a folder from all others, whatever its path is."""
  try:
    status = folder.stat()
  except OSError as error:
    raise errors.unreadable(folder, error.strerror) from error
  return status.st_dev, status.st_ino


def _kind(entry: os.DirEntry[str], follow_links: bool) -> str:
  """Returns the attribute of `Content` that an entry belongs to."""
  try:
    is_folder = entry.is_dir()
  except OSError:  # It is a link to itself.
    return 'others'
  if is_folder and (follow_links or not entry.is_symlink()):
    is_of_system = entry.name in _OF_SYSTEMS or entry.name.startswith('.')
    return 'others' if is_of_system else 'folders'
  if is_folder:
    return 'links'
  stem, dot, ending = entry.name.rpartition('.')
  if not stem or stem.startswith('.'):
    return 'others'
  if dot + ending.lower() in VIDEO_ENDINGS:
    return 'videos'
  is_frame = dot + ending.lower() in FRAME_ENDINGS and stem[-1] in string.digits
  return 'frames' if is_frame else 'others'
