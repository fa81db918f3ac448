"""Decodes a video file to RGB frames with their times.

The files come from anywhere, so a damaged, mistaken or hostile one must end
with an error that names the file: it must not crash the program, take all
memory, or make the decoder open other files. What was mended, left out or found
damaged is told with the frames.
"""

import collections
from collections.abc import Iterator

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
  part = time_range.TimeRange(path, start, end)
  clip = clip_buffer.ClipBuffer(path, short_side, max_seconds)
  with video_file.open_video(path, inside) as source:
    part.set_clock(*source.clock())
    times = timeline.Timeline(source.frames_per_second)
    converter = conversion.Converter()
    try:
      for image, time in _images(source, times, converter, part):
        if not clip.add(image, time):
          break
    except av.FFmpegError as error:
      raise errors.InputError(
        f'{path}: FFmpeg cannot convert its frames to RGB: {error}'
      ) from error
    if times.last is None:
      raise errors.InputError(f'{path}: no frame decodes; get the file again')
    is_cut = clip.is_cut or part.has_ended(times.last)
    if not clip.timestamps:
      raise part.has_no_frame(None if is_cut else source.end)
    damage = _describe_damage(source, clip, is_cut)
    early = not (is_cut or damage) and part.ends_early(source.end)
    notes = (time_range.ENDS_EARLY,) if early else ()
    return clip.video(damage, (*converter.notes, *times.notes, *notes))


def _images(
  source: video_file.VideoFile,
  times: timeline.Timeline,
  converter: conversion.Converter,
  part: time_range.TimeRange,
) -> Iterator[tuple[np.ndarray, int]]:
  """Yields the RGB images of a part with their times in microseconds.

  Deinterlacing looks at the frames before and after a frame. So the last frame
  before the part and the first one after it are converted, too, and dropped.
  """
  waiting: collections.deque[int | None] = collections.deque()
  for frame, time in _frames(source, times, part):
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
) -> Iterator[tuple[av.VideoFrame, int | None]]:
  """Yields the frames of a part, and one more on each side without a time."""
  start = part.start_in_file() if part.starts_later else None
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
  source: video_file.VideoFile, clip: clip_buffer.ClipBuffer, is_cut: bool
) -> str:
  """Describes what is wrong with a file; returns '' if it is whole.

  Args:
    source: the file.
    clip: the frames that were kept.
    is_cut: whether the rest of the file was left out.
  """
  num_frames = len(clip.timestamps)
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
