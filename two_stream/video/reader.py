"""Decodes a video file to RGB frames with their times.

The files come from anywhere, so a damaged, mistaken or hostile one must end
with an error that names the file: it must not crash the program, take all
memory, or make the decoder open other files. What was mended, left out or found
damaged is told with the frames.
"""

import collections
import contextlib
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from two_stream import errors, files
from two_stream.video import (
  clip_buffer,
  conversion,
  pixels,
  time_range,
  timeline,
  video_file,
)

MAX_SECONDS = 60


def read_video(
  path: files.PathLike,
  short_side: int = pixels.SHORT_SIDE,
  inside: files.PathLike | None = None,
  max_seconds: float = MAX_SECONDS,
  start: float | None = None,
  end: float | None = None,
) -> clip_buffer.Video:
  """Decodes a video, or a part of it, and resizes each frame as it comes.

  Args:
    path: a file of one of the `video_file.FORMATS`.
    short_side: pixels of the smaller side of the frames returned.
    inside: a folder that no link may lead out of, or None.
    max_seconds: where a longer video or part is cut.
    start: the first second of the part, see time_range.py; None: the whole
      beginning.
    end: the second at which the part ends; None: the whole rest.

  Returns:
    The frames with their times, which are those of the whole file.

  Raises:
    InputError: the file cannot be read, has no frame that decodes or none in
      that part, or has frames of an absurd size or shape.
  """
  with open_frames(path, inside, start, end) as video:
    clip = clip_buffer.ClipBuffer(path, short_side, max_seconds)
    _fill(clip, video)
    if video.is_doubtful:
      video.begin_again()
      # The memory of the first clip is free before the second one needs it.
      clip = clip_buffer.ClipBuffer(path, short_side, max_seconds)
      _fill(clip, video)
    return clip.video(*video.describe(len(clip.timestamps), clip.is_cut))


@contextlib.contextmanager
def open_frames(
  path: files.PathLike,
  inside: files.PathLike | None = None,
  start: float | None = None,
  end: float | None = None,
) -> Iterator['VideoFrames']:
  """Opens a video, or a part of it, to take its frames one by one.

  The arguments and the errors are those of `read_video`.

  Yields:
    The frames. They can be taken once, in the block.
  """
  part = time_range.TimeRange(path, start, end)
  with video_file.open_video(path, inside) as source:
    yield VideoFrames(path, source, part)


def _fill(clip: clip_buffer.ClipBuffer, video: 'VideoFrames') -> None:
  """Fills a clip with frames until it is full, or the frames are doubtful."""
  for image, time in video.frames():
    if not clip.add(image, time):
      return


class VideoFrames:
  """The frames of an open file, or of a part of it, one after the other.

  FFmpeg may decode a part wrongly if it begins in the middle of the file,
  although the file is good: what the part needs may stand before it. So a part
  that has decoding errors is doubtful, and is decoded from the beginning of the
  file. What that gives counts, be it damaged or not.

  Args:
    path: the name of the file, for messages.
    source: the file.
    part: which frames are wanted.

  Attributes:
    zero: the time of the first moment of the file, in seconds. The times of the
      frames count from another moment if it is not 0.
    seconds: about how long they last; 0 if the file does not tell.
  """

  def __init__(
    self,
    path: files.PathLike,
    source: video_file.VideoFile,
    part: time_range.TimeRange,
  ):
    self._path = path
    self._source = source
    self._part = part
    part.set_clock(*source.clock())
    self.zero = source.clock()[0]
    self.seconds = part.seconds_of(source.told_seconds())
    self._starts_in_middle = part.starts_later
    self._forget()

  def _forget(self) -> None:
    """Forgets the frames that were seen."""
    self._times = timeline.Timeline(self._source.frames_per_second)
    self._converter = conversion.Converter()

  @property
  def is_doubtful(self) -> bool:
    """Whether it is open if the file or the way it was decoded is bad."""
    return self._source.is_entered and self._source.num_errors > 0

  def begin_again(self) -> None:
    """Lets the next frames be decoded from the beginning of the file."""
    self._source.open_again()
    self._starts_in_middle = False
    self._forget()

  def __iter__(self) -> Iterator[tuple[np.ndarray, int]]:
    """Yields each frame and its time.

    Frames that were given already cannot be taken back. So if the part becomes
    doubtful, only those after them come from the second decoding.

    Yields:
      (uint8 [H, W, 3], RGB, valid until the next one is taken; microseconds).

    Raises:
      InputError: FFmpeg cannot convert the frames.
    """
    last: int | None = None
    for image, time in self.frames():
      yield image, time
      last = time
    if self.is_doubtful:
      self.begin_again()
      for image, time in self.frames():
        if last is None or time > last:
          yield image, time

  def frames(self) -> Iterator[tuple[np.ndarray, int]]:
    """Yields what `__iter__` does, until the part is doubtful."""
    start = self._part.start_in_file() if self._starts_in_middle else None
    try:
      for each in _images(
        _frames(self._source, self._times, self._part, start), self._converter
      ):
        if self.is_doubtful:
          return
        yield each
    except av.FFmpegError as error:
      raise errors.InputError(
        f'{self._path}: FFmpeg cannot convert its frames to RGB: {error}'
      ) from error

  def describe(
    self, num_frames: int, is_cut: bool
  ) -> tuple[str, tuple[str, ...]]:
    """Tells what is known of the file once its frames were taken.

    Args:
      num_frames: how many frames were taken.
      is_cut: whether the rest was left out.

    Returns:
      The damage and the notes, see `clip_buffer.Video`.

    Raises:
      InputError: there was no frame.
    """
    last = self._times.last
    if last is None:
      raise errors.InputError(
        f'{self._path}: no frame decodes; get the file again'
      )
    is_cut = is_cut or self._part.has_ended(last)
    if not num_frames:
      raise self._part.has_no_frame(None if is_cut else self._source.end)
    damage = _describe_damage(self._source, num_frames, is_cut)
    early = not (is_cut or damage) and self._part.ends_early(self._source.end)
    notes = (time_range.ENDS_EARLY,) if early else ()
    return damage, (*self._converter.notes, *self._times.notes, *notes)


def _images(
  frames: Iterator[tuple[av.VideoFrame, int | None]],
  converter: conversion.Converter,
) -> Iterator[tuple[np.ndarray, int]]:
  """Yields the RGB images of a part with their times in microseconds.

  Deinterlacing looks at the frames before and after a frame. So the last frame
  before the part and the first one after it are converted, too, and dropped.
  """
  waiting: collections.deque[int | None] = collections.deque()
  for frame, time in frames:
    waiting.append(time)
    for image in converter.convert(frame):
      shown = waiting.popleft()
      if shown is not None:
        yield image, shown
  for image in converter.finish():
    shown = waiting.popleft()
    if shown is not None:
      yield image, shown


def _frames(
  source: video_file.VideoFile,
  times: timeline.Timeline,
  part: time_range.TimeRange,
  start: Fraction | None,
) -> Iterator[tuple[av.VideoFrame, int | None]]:
  """Yields the frames of a part, and one more on each side without a time.

  Args:
    source: the file.
    times: gives the frames their times.
    part: which frames are wanted.
    start: where decoding may begin, in seconds; None: with the first frame.
  """
  before: av.VideoFrame | None = None
  for frame, seconds in source.decode(start):
    time = times.place(seconds)
    if time is None:
      continue
    if not part.has_begun(time):
      if frame.key_frame:
        source.forget_errors_before_key_frame()
      before = frame
      continue
    if before is not None:
      yield before, None
      before = None
    if part.has_ended(time):
      yield frame, None
      return
    yield frame, time


def _describe_damage(
  source: video_file.VideoFile, num_frames: int, is_cut: bool
) -> str:
  """Describes what is wrong with a file; returns '' if it is whole.

  Args:
    source: the file.
    num_frames: how many frames were kept.
    is_cut: whether the rest of the file was left out.
  """
  found = []
  if not is_cut:
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
