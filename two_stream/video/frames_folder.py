"""Reads a sample that is a folder of numbered images, one for each frame.

The names are 00001.jpg, frame_000001.png, img_1.webp and the like. Nothing
public says what is to be done with odd folders. These choices are ours:

- Frame number k is shown (k - first number) / rate seconds after the first. So
  where numbers are missing, the frame before stays, and the rest keeps its
  time.
- An image whose EXIF data say that it lies on its side is turned, as the
  picture of a video is.
- Other files are ignored. So are those that begin with a dot, which the
  archives of some systems are full of.
"""

import os
import pathlib
import re
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from two_stream import errors, files
from two_stream.video import (
  clip_buffer,
  image_size,
  pictures,
  pixels,
  resampling,
  time_range,
)

MISSING = 'numbers of frames are missing: the frame before stays'
IGNORED = 'the folder has other files than numbered images: ignored'

_NAME = re.compile(r'(.*?)(\d{1,18})\.(?:jpe?g|png|webp|bmp)', re.I | re.ASCII)
# More than ten hours at 25 frames a second.
_MOST_FILES = 1_000_000
_MOST_BYTES = 256 * 2**20  # Of one image: one of 8K in 24-bit BMP has 100 MB.
_SECOND = 1_000_000  # Microseconds.


def read(
  folder: files.PathLike,
  frames_per_second: float,
  short_side: int = pixels.SHORT_SIDE,
  inside: files.PathLike | None = None,
  *,
  max_seconds: float,
  start: float | None = None,
  end: float | None = None,
) -> clip_buffer.Video:
  """Reads the frames of a folder, or a part of them, in the order of numbers.

  Args:
    folder: the folder.
    frames_per_second: the rate of the numbers, above 0.
    short_side: pixels of the smaller side of the frames returned.
    inside: a folder that no link may lead out of, or None.
    max_seconds: where a longer sample or part is cut.
    start: the first second of the part, see time_range.py; None: the whole
      beginning.
    end: the second at which the part ends; None: the whole rest.

  Returns:
    The frames with their times, which are 0 for the first one of the folder.

  Raises:
    InputError: the folder cannot be read, has no frame or none in that part,
      has a number twice or names of two kinds, or has images of an absurd size
      or shape.
  """
  clip = clip_buffer.ClipBuffer(folder, short_side, max_seconds)
  video = FolderFrames(folder, frames_per_second, inside, start, end)
  for image, time in video:
    if not clip.add(image, time):
      break
  return clip.video(*video.describe(len(clip.timestamps), clip.is_cut))


class FolderFrames:
  """The images of a folder, or of a part of it, one after the other.

  The arguments and the errors are those of `read`.

  Attributes:
    zero: 0, the time of the first image of the folder, in seconds.
    seconds: how long the images last.
  """

  zero = Fraction(0)

  def __init__(
    self,
    folder: files.PathLike,
    frames_per_second: float,
    inside: files.PathLike | None = None,
    start: float | None = None,
    end: float | None = None,
  ):
    self._folder = folder
    self._inside = inside
    self._part = time_range.TimeRange(folder, start, end)
    if not 0 < frames_per_second <= resampling.MAX_FRAMES_PER_SECOND:
      raise errors.InputError(
        f'{folder}: its frames cannot come at {frames_per_second} a second'
      )
    period = 1 / Fraction(frames_per_second)
    self._part.set_clock(self.zero, period)
    self._names, self._has_others = _list(folder, inside)
    first, last = min(self._names), max(self._names)
    self._end = (last - first + 1) * period
    times = {
      number: round((number - first) * period * _SECOND)
      for number in sorted(self._names)
    }
    # Number -> time of the images that are in the part.
    self._times = {
      number: time
      for number, time in times.items()
      if self._part.has_begun(time) and not self._part.has_ended(time)
    }
    if not self._times:
      raise self._part.has_no_frame(self._end)
    self.seconds = self._part.seconds_of(float(self._end))
    self._shown: list[int] = []
    self._damaged: list[str] = []

  def __iter__(self) -> Iterator[tuple[np.ndarray, int]]:
    """Yields each image that decodes, and its time.

    Yields:
      (uint8 [H, W, 3], RGB; microseconds).

    Raises:
      InputError: an image cannot be read, or has an absurd size.
    """
    for number, time in self._times.items():
      name = self._names[number]
      self._shown.append(number)
      image = _load(pathlib.Path(self._folder, name), self._inside)
      if image is None:
        self._damaged.append(name)
      else:
        yield image, time

  def describe(
    self, num_frames: int, is_cut: bool
  ) -> tuple[str, tuple[str, ...]]:
    """Tells what is known of the folder once its images were taken.

    Args:
      num_frames: how many images were taken.
      is_cut: whether the last one and those after it were left out.

    Returns:
      The damage and the notes, see `clip_buffer.Video`.

    Raises:
      InputError: no image decodes.
    """
    if not num_frames:
      raise errors.InputError(
        f'{self._folder}: no image decodes, such as {self._damaged[0]!r}; get '
        'them again'
      )
    shown = self._shown[:-1] if is_cut else self._shown
    notes = []
    if self._has_others:
      notes.append(IGNORED)
    if shown[-1] - shown[0] >= len(shown):
      notes.append(MISSING)
    if not is_cut and self._part.ends_early(self._end):
      notes.append(time_range.ENDS_EARLY)
    return _describe_damage(self._damaged, len(shown)), tuple(notes)


def _describe_damage(damaged: list[str], num_images: int) -> str:
  """Describes images that do not decode; returns '' if there are none."""
  if not damaged:
    return ''
  return (
    f'{len(damaged)} of {num_images} images do not decode, such as '
    f'{damaged[0]!r}'
  )


def _list(
  folder: files.PathLike, inside: files.PathLike | None
) -> tuple[dict[int, str], bool]:
  """Lists the numbered images of a folder.

  Returns:
    {number: name of its file}, and whether there are other files.

  Raises:
    InputError: see `read`.
  """
  names: dict[int, str] = {}
  prefixes: dict[str, str] = {}
  has_others = False
  for name in _all_names(folder, inside):
    found = None if name.startswith('.') else _NAME.fullmatch(name)
    if found is None:
      has_others = True
      continue
    number = int(found[2])
    prefixes.setdefault(found[1], name)
    if len(prefixes) > 1:
      first, second = sorted(prefixes.values())
      raise errors.InputError(
        f'{folder}: has images of two kinds, such as {first!r} and {second!r}; '
        'put them into two folders'
      )
    if number in names:
      first, second = sorted((names[number], name))
      raise errors.InputError(
        f'{folder}: has number {number} twice, as {first!r} and {second!r}; '
        'remove one of them'
      )
    names[number] = name
  if not names:
    raise errors.InputError(
      f'{folder}: is a folder without numbered images, such as 00001.jpg'
    )
  return names, has_others


def _all_names(
  folder: files.PathLike, inside: files.PathLike | None
) -> Iterator[str]:
  """Yields the names of all files in a folder."""
  if inside is not None:
    target = pathlib.Path(os.path.realpath(folder))
    if not target.is_relative_to(os.path.realpath(inside)):
      raise errors.InputError(f'{folder}: is a link out of {inside}')
  try:
    with os.scandir(folder) as entries:
      for count, entry in enumerate(entries):
        if count == _MOST_FILES:
          raise errors.InputError(
            f'{folder}: has more than {_MOST_FILES:,} files; divide it'
          )
        yield entry.name
  except OSError as error:
    raise errors.unreadable(folder, error.strerror) from error


def _load(
  path: pathlib.Path, inside: files.PathLike | None
) -> np.ndarray | None:
  """Decodes an image to uint8 [H, W, 3], RGB; returns None if it is damaged."""
  with files.open_to_read(path, inside) as stream:
    content = stream.read(_MOST_BYTES + 1)
  if len(content) > _MOST_BYTES:
    raise errors.InputError(
      f'{path}: an image of more than {_MOST_BYTES // 2**20} MB'
    )
  size = image_size.find(content)
  if size is None:
    return None
  pictures.refuse_too_large(path, *size)
  try:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
  except cv2.error:
    return None
