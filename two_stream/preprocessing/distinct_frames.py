"""The frames that a clip shows, each of them once, and the flow between them.

A clip of 25 frames a second of a video with 12 frames a second shows about
every frame twice. Nothing is computed or stored twice.
"""

import collections
import concurrent.futures
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from two_stream import errors, files
from two_stream.preprocessing import clip_settings
from two_stream.video import (
  clip_buffer,
  frames_folder,
  reader,
  resampling,
  tvl1,
)


class DistinctFrames(NamedTuple):
  """The frames that a clip shows.

  Attributes:
    frames: uint8 [U, H, W, 3], RGB.
    timestamps: int64 [U], microseconds.
    frame_index: int64 [K], K >= 2; frame k of the clip is
      `frames[frame_index[k]]`. Each value equals the value before it or is
      larger by 1.
    damage: what is wrong with the file, see `clip_buffer.Video`.
    notes: what was done to unusual frames, see `clip_buffer.Video`.
  """

  frames: np.ndarray
  timestamps: np.ndarray
  frame_index: np.ndarray
  damage: str
  notes: tuple[str, ...]


def read(
  path: files.PathLike,
  how: clip_settings.Settings,
  inside: files.PathLike | None = None,
  start: float | None = None,
  end: float | None = None,
) -> DistinctFrames:
  """Decodes a video or a part of it, and picks the frames that its clip shows.

  The first frame of the clip is the first one of the part.

  Args:
    path: a file of one of the `video_file.FORMATS`, or a folder of numbered
      frames.
    how: the rate, the size and the longest duration of the clip.
    inside: a folder that no link may lead out of, or None.
    start: the second of the video where the part begins; None: at its start.
    end: the second of the video where the part ends; None: at its end.

  Returns:
    The frames.

  Raises:
    InputError: the video cannot be used, its clip has a single frame, or it is
      a folder and nobody told its rate.
  """
  source = _decode(path, how, inside, start, end)
  if how.frames_per_second is None:
    shown = np.arange(len(source.frames))
  else:
    shown = resampling.resample(source.timestamps, how.frames_per_second)
  if len(shown) < 2:
    raise errors.InputError(f'{path}: one frame only; flow needs two')
  distinct, frame_index = np.unique(shown, return_inverse=True)
  # The frames are moved up in their own array. A copy would take as much
  # memory again.
  for position, number in enumerate(distinct):
    if position != number:
      source.frames[position] = source.frames[number]
  return DistinctFrames(
    source.frames[: len(distinct)],
    source.timestamps[distinct],
    frame_index,
    source.damage,
    source.notes,
  )


def _decode(
  path: files.PathLike,
  how: clip_settings.Settings,
  inside: files.PathLike | None,
  start: float | None,
  end: float | None,
) -> clip_buffer.Video:
  """Decodes a file or a folder; see `read`."""
  if not os.path.isdir(path):  # noqa: PTH112 (pathlib's raises errors)
    return reader.read_video(
      path, how.short_side, inside, how.max_seconds, start, end
    )
  rate = how.frames_per_second_of_frames
  if rate is None:
    raise clip_settings.rate_is_missing(path)
  return frames_folder.read(
    path,
    rate,
    how.short_side,
    inside,
    max_seconds=how.max_seconds,
    start=start,
    end=end,
  )


def optical_flows(
  frames: Iterable[np.ndarray], num_threads: int = 1
) -> Iterator[np.ndarray]:
  """Computes the TV-L1 flow from each frame to the next.

  Args:
    frames: uint8 [H, W, 3], RGB.
    num_threads: how many pairs are computed at a time. The flow does not depend
      on this number.

  Yields:
    float32 [H, W, 2], (x, y) in pixels, one fewer than there are frames.
  """
  gray = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
  pairs = itertools.pairwise(gray)
  if num_threads == 1:
    yield from itertools.starmap(tvl1.optical_flow, pairs)
    return
  # A few pairs wait at a time. A pool cannot be left before all of them are
  # done, and nobody wants to wait for a whole clip after Ctrl-C.
  waiting: collections.deque[concurrent.futures.Future[np.ndarray]] = (
    collections.deque()
  )
  with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
    for pair in pairs:
      waiting.append(pool.submit(tvl1.optical_flow, *pair))
      if len(waiting) > 2 * num_threads:
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()


def use_one_thread() -> None:
  """Keeps OpenCV to one thread, because others share the cores.

  Worker processes and the threads of `optical_flows` call this first.
  """
  cv2.setNumThreads(1)
