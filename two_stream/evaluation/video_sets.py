"""The videos of a set that is to be compared with another.

A set is a folder of video files, a folder of folders of numbered frames, or one
.npy file, uint8 [N, T, H, W, 3]. The clip of a video is its first frames. The
official program takes clips that somebody has made, and says nothing about
making them, so this is our choice.
"""

import dataclasses
import hashlib
import logging
import os
import pathlib
from collections.abc import Sequence

from two_stream import errors, files
from two_stream.datasets import video_search
from two_stream.evaluation import video_array

_MAX_DEPTH = 8
_NUM_LOOKED_AT = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipSettings:
  """What a clip is.

  Attributes:
    num_frames: its number of frames, the first ones of a video.
    frames_per_second: the rate to which video files are resampled before; None:
      each keeps its own. Numbered frames and arrays are taken as they are.
  """

  num_frames: int
  frames_per_second: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
  """One video of a set.

  Attributes:
    path: a video file, a folder of numbered frames, or a .npy file.
    name: what tells it from the other videos of its set.
    inside: a folder that no link may lead out of, or None.
    index: the position in the .npy file; None if it is none.
  """

  path: str
  name: str
  inside: str | None = None
  index: int | None = None


def find(
  path: files.PathLike, settings: ClipSettings, follow_links: bool = False
) -> list[Source]:
  """Finds the videos of a set.

  Args:
    path: the folder or the .npy file.
    settings: what a clip is.
    follow_links: whether links to folders are followed, and links out of the
      folder.

  Returns:
    The videos, in the order of their names.

  Raises:
    InputError: it is no such set, or there is no video in it.
  """
  if not os.path.isdir(path):  # noqa: PTH112 (pathlib's raises errors)
    return _find_in_array(path, settings)
  if video_search.look(path, follow_links).is_frames:
    raise errors.InputError(
      f'{path}: holds the frames of one video; give the folder of such folders'
    )
  found: list[str] = []
  others: list[str] = []
  for prefix, content in video_search.walk(path, follow_links, _MAX_DEPTH):
    if content.is_frames:
      found.append(prefix.rstrip('/'))
      continue
    found.extend(prefix + name for name in content.videos)
    others.extend(prefix + name for name in content.frames + content.others)
  _say_others(path, others)
  if not found:
    raise errors.InputError(
      f'{path}: no video file and no folder of numbered frames in it'
    )
  inside = None if follow_links else str(path)
  return [
    Source(path=str(pathlib.Path(path, name)), name=name, inside=inside)
    for name in sorted(found)
  ]


def choose(sources: Sequence[Source], number: int | None) -> list[Source]:
  """Chooses videos of a set, always the same ones.

  The videos are put in the order of the SHA-256 of their names. So the choice
  looks random, a smaller choice is a part of a larger one, and a video that is
  added moves no other one.

  Args:
    sources: all videos of the set.
    number: how many to take; None: all.

  Returns:
    The chosen videos, in the order of `sources`.

  Raises:
    InputError: there are fewer videos.
  """
  if number is None:
    return list(sources)
  if len(sources) < number:
    raise errors.InputError(
      f'--num_videos={number}: there are {len(sources)} videos in the set of '
      f'{sources[0].path}'
    )
  order = sorted(
    range(len(sources)),
    key=lambda i: hashlib.sha256(os.fsencode(sources[i].name)).digest(),
  )
  return [sources[i] for i in sorted(order[:number])]


def _say_others(path: files.PathLike, others: Sequence[str]) -> None:
  """Warns of files in a folder that are no videos."""
  if others:
    logging.warning(
      '%s: left out, because they are no videos (%d): %s',
      path,
      len(others),
      video_search.examples(others),
    )


def _find_in_array(
  path: files.PathLike, settings: ClipSettings
) -> list[Source]:
  """Lists the videos of a .npy file, after checking the file."""
  array = video_array.VideoArray(path, settings.num_frames)
  num_videos, num_frames = array.shape[:2]
  first = range(min(num_videos, _NUM_LOOKED_AT))
  if max(array.clip(i).max() for i in first) == 1:
    raise errors.InputError(
      f'{path}: its first {len(first)} videos have no value above 1; scale '
      'them to 0 to 255 before they become uint8'
    )
  if num_frames > settings.num_frames:
    logging.warning(
      '%s: has videos of %d frames; the first %d are taken',
      path,
      num_frames,
      settings.num_frames,
    )
  return [
    Source(path=str(path), name=str(i), index=i) for i in range(num_videos)
  ]
