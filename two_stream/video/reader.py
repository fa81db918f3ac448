"""Decodes a video file to RGB frames with their times.

The files come from anywhere, so a damaged, mistaken or hostile one must end
with an error that names the file: it must not crash the program, take all
memory, or make the decoder open other files. What was mended, left out or found
damaged is told with the frames.
"""

import collections
from collections.abc import Iterator
from typing import NamedTuple

import av
import numpy as np

from two_stream import errors, files
from two_stream.video import conversion, pixels, timeline, video_file

MAX_SECONDS = 60
RESCALED = 'frames change their size: scaled to that of the first'

# A frame of which fewer fit in memory than this has an absurd shape.
_FEWEST_FRAMES = 25


class Video(NamedTuple):
  """The frames of one file.

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


def read_video(
  path: files.PathLike,
  short_side: int = pixels.SHORT_SIDE,
  inside: files.PathLike | None = None,
  max_seconds: float = MAX_SECONDS,
) -> Video:
  """Decodes a video and resizes each frame as it comes.

  Args:
    path: a file of one of the `video_file.FORMATS`.
    short_side: pixels of the smaller side of the frames returned.
    inside: a folder that no link may lead out of, or None.
    max_seconds: where a longer video is cut.

  Returns:
    The frames with their times.

  Raises:
    InputError: the file cannot be read, has no frame that decodes, or has
      frames of an absurd size or shape.
  """
  clip = _Clip(path, short_side, max_seconds)
  with video_file.open_video(path, inside) as source:
    times = timeline.Timeline(source.frames_per_second)
    converter = conversion.Converter()
    try:
      for image, time in _images(source, times, converter):
        if not clip.add(image, time):
          break
    except av.FFmpegError as error:
      raise errors.InputError(
        f'{path}: FFmpeg cannot convert its frames to RGB: {error}'
      ) from error
    if not clip.timestamps:
      raise errors.InputError(f'{path}: no frame decodes; get the file again')
    return Video(
      clip.frames[: len(clip.timestamps)],
      np.array(clip.timestamps, np.int64),
      _describe_damage(source, clip),
      (*converter.notes, *times.notes, *clip.notes),
    )


def _images(
  source: video_file.VideoFile,
  times: timeline.Timeline,
  converter: conversion.Converter,
) -> Iterator[tuple[np.ndarray, int]]:
  """Yields RGB images, uint8 [H, W, 3], with their times in microseconds."""
  waiting: collections.deque[int] = collections.deque()
  for frame, seconds in source.decode():
    time = times.place(seconds)
    if time is None:
      continue
    waiting.append(time)
    for image in converter.convert(frame):
      yield image, waiting.popleft()
  for image in converter.finish():
    yield image, waiting.popleft()


class _Clip:
  """Frames as they come, resized, up to a limit of time and memory.

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
    """Takes the next frame; returns whether it was within the limits."""
    if not self.timestamps:
      self._reserve(image)
    elif time - self.timestamps[0] >= self._max_seconds * 1_000_000 or len(
      self.timestamps
    ) == len(self.frames):
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

  def _reserve(self, image: np.ndarray) -> None:
    """Reserves memory for frames such as the first one."""
    self._source_shape = image.shape
    height, width = image.shape[:2]
    height, width = pixels.resized(height, width, self._short_side)
    longer = max(1, self._max_seconds / MAX_SECONDS)
    capacity = int(pixels.MAX_CLIP_BYTES * longer) // (height * width * 3)
    if capacity < _FEWEST_FRAMES:
      raise errors.InputError(
        f'{self._path}: frames of {image.shape[1]} x {image.shape[0]} pixels '
        'are no video frames'
      )
    self.frames = np.empty((capacity, height, width, 3), np.uint8)


def _describe_damage(source: video_file.VideoFile, clip: _Clip) -> str:
  """Describes what is wrong with a file; returns '' if it is whole."""
  num_frames = len(clip.timestamps)
  found = []
  if not clip.is_cut:
    missing = source.missing_frames()
    if missing:
      found.append(
        f'breaks off after {num_frames} of about {num_frames + missing} frames'
      )
    elif source.lacks_its_end():
      found.append(f'breaks off after {num_frames} frames')
  if source.num_errors:
    found.append(
      f'has decoding errors ({source.num_errors} in {num_frames} frames)'
    )
  return ' and '.join(found)
