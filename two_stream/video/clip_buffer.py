"""Frames as they come, resized and kept up to a limit of time and memory.

Both kinds of samples end up here: video files (reader.py) and folders of
numbered frames (frames_folder.py).
"""

from typing import NamedTuple

import numpy as np

from two_stream import errors, files
from two_stream.video import pixels

RESCALED = 'frames change their size: scaled to that of the first'

# So many seconds of video fill `pixels.MAX_CLIP_BYTES`.
_MINUTE = 60
# A frame of which fewer fit in memory than this has an absurd shape.
_FEWEST_FRAMES = 25


class Video(NamedTuple):
  """The frames of one sample.

  Attributes:
    frames: uint8 [N, H, W, 3], RGB, N >= 1.
    timestamps: int64 [N], microseconds, strictly increasing: the file's own
      presentation times where it has good ones.
    damage: what is wrong with the file, for instance because a download broke
      off; '' if it is whole.
    notes: what was done to make a good clip of an unusual file, one sentence
      each, the same sentence for all files of a kind.
  """

  frames: np.ndarray
  timestamps: np.ndarray
  damage: str
  notes: tuple[str, ...]


class ClipBuffer:
  """Frames as they come, resized, up to a limit of time and memory.

  Args:
    path: what the frames come from, for messages.
    short_side: pixels of the smaller side of the frames that are kept.
    max_seconds: where a longer sample is cut, counted from its first frame.

  Attributes:
    frames: uint8 [capacity, H, W, 3]. The memory of an array that is not
      written yet is only reserved.
    timestamps: those of the frames that are there.
    notes: see `Video`.
    is_cut: whether a frame was beyond the limits.
  """

  def __init__(self, path: files.PathLike, short_side: int, max_seconds: float):
    self.frames = np.empty((0, 0, 0, 3), np.uint8)
    self.timestamps: list[int] = []
    self.notes: list[str] = []
    self.is_cut = False
    self._path = path
    self._short_side = short_side
    self._max_seconds = max_seconds
    self._source_shape: tuple[int, ...] = ()

  def add(self, image: np.ndarray, time: int) -> bool:
    """Takes the next frame; returns whether it was within the limits.

    Args:
      image: uint8 [H, W, 3], RGB.
      time: microseconds.
    """
    if not self.timestamps:
      self._reserve(image)
    elif self.is_full(time):
      self.is_cut = True
      self.notes.append(
        f'longer than {self._max_seconds:g} seconds, or too large: cut'
      )
      return False
    if image.shape != self._source_shape and RESCALED not in self.notes:
      self.notes.append(RESCALED)
    pixels.resize_into(image, self.frames[len(self.timestamps)])
    self.timestamps.append(time)
    return True

  def is_full(self, time: int) -> bool:
    """Returns whether a frame at that time would be beyond the limits."""
    return bool(self.timestamps) and (
      time - self.timestamps[0] >= self._max_seconds * 1_000_000
      or len(self.timestamps) == len(self.frames)
    )

  def video(self, damage: str, notes: tuple[str, ...]) -> Video:
    """Returns the frames that are there.

    Args:
      damage: what is wrong with their file.
      notes: what the source of the frames did; the buffer's own come last.
    """
    return Video(
      self.frames[: len(self.timestamps)],
      np.array(self.timestamps, np.int64),
      damage,
      (*notes, *self.notes),
    )

  def _reserve(self, image: np.ndarray) -> None:
    """Reserves memory for frames such as the first one."""
    self._source_shape = image.shape
    height, width = frame_size(self._path, image, self._short_side)
    longer = max(1, self._max_seconds / _MINUTE)
    capacity = int(pixels.MAX_CLIP_BYTES * longer) // (height * width * 3)
    self.frames = np.empty((capacity, height, width, 3), np.uint8)


def frame_size(
  path: files.PathLike, image: np.ndarray, short_side: int
) -> tuple[int, int]:
  """Computes the size to which all frames of a sample are resized.

  Args:
    path: what the frames come from, for messages.
    image: the first one, uint8 [H, W, 3].
    short_side: pixels of the smaller side of the frames that are kept.

  Returns:
    (height, width).

  Raises:
    InputError: the frame has an absurd shape, such that resized frames would
      take more memory than any clip has.
  """
  height, width = pixels.resized(image.shape[0], image.shape[1], short_side)
  if pixels.MAX_CLIP_BYTES // (height * width * 3) < _FEWEST_FRAMES:
    raise errors.InputError(
      f'{path}: frames of {image.shape[1]} x {image.shape[0]} pixels are no '
      'video frames'
    )
  return height, width
