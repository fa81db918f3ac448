"""The frames that a clip of any length shows, and their flow, one by one.

distinct_frames.py does the same for a clip that fits into memory. Here a few
frames are in memory at a time, so a video may last for hours. Each frame is
decoded once and each flow computed once.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from two_stream import errors, files
from two_stream.preprocessing import clip_settings
from two_stream.video import (
  clip_buffer,
  frames_folder,
  pixels,
  reader,
  resampling,
  tvl1,
)

# So much flow is computed before somebody asks for it: while the network is
# busy, the threads of the flow are not to stand still.
_PAIRS_AHEAD = 64
_BYTES_AHEAD = 128 * 2**20
_SECOND = 1_000_000  # Microseconds.
# A file whose times have a longer gap is damaged or made to do harm: the frame
# before the gap would be repeated for ever. This is our choice.
_LONGEST_GAP = 3600 * _SECOND


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
  """A video to stream.

  Attributes:
    path: a file of one of the `video_file.FORMATS`, or a folder of frames.
    settings: the rate, the size and the streams. The longest duration that they
      name does not count here.
    inside: a folder that no link may lead out of, or None.
    start: the second of the video where the part begins; None: at its start.
    end: the second of the video where the part ends; None: at its end.
    is_cropped: whether only the centre crop is wanted.
    num_threads: how many flows are computed at a time. The flow does not depend
      on this number.
  """

  path: files.PathLike
  settings: clip_settings.Settings
  inside: files.PathLike | None = None
  start: float | None = None
  end: float | None = None
  is_cropped: bool = True
  num_threads: int = 1


class ShownFrame(NamedTuple):
  """A frame that the clip shows.

  Attributes:
    rgb: uint8 [H, W, 3].
    flow: the flow to the next shown frame, float32 [H, W, 2] in [-1, 1]; None
      if there is no next frame, or if no flow is wanted.
    seconds: the time of the frame, from the first moment of the file.
    num_ticks: how many frames of the clip in a row show it.
  """

  rgb: np.ndarray
  flow: np.ndarray | None
  seconds: float
  num_ticks: int


class ShownFrames:
  """The frames of a video, which can be taken once.

  Args:
    source: which video.

  Attributes:
    damage: what is wrong with the file, see `clip_buffer.Video`. It is known
      once all frames were taken.
    notes: what was done to unusual frames, see `clip_buffer.Video`. They are
      known at that time, too.
    length: about how long the frames last, in seconds; 0 if the file does not
      tell. It is known once the first frame was taken.
  """

  def __init__(self, source: Source):
    self._source = source
    self.damage = ''
    self.notes: tuple[str, ...] = ()
    self.length = 0.0

  def __iter__(self) -> Iterator[ShownFrame]:
    """Yields the frames in the order of time.

    Raises:
      InputError: the video cannot be used, or has a single frame.
    """
    with _open(self._source) as opened:
      self.length = opened.seconds
      zero = float(opened.zero)
      shown = self._resampled(opened)
      num_ticks = 0
      for frame in _with_flows(shown, self._source):
        num_ticks += frame.num_ticks
        yield frame._replace(seconds=frame.seconds - zero)
    if num_ticks < 2:  # noqa: PLR2004 (as distinct_frames.py refuses it)
      raise errors.InputError(
        f'{self._source.path}: one frame only; flow needs two'
      )

  def _resampled(
    self, opened: reader.VideoFrames | frames_folder.FolderFrames
  ) -> Iterator[tuple[np.ndarray, int, int]]:
    """Yields (frame, time, how many ticks show it)."""
    rate = self._source.settings.frames_per_second
    frames = self._resized(opened)
    if rate is None:
      for frame, time in frames:
        yield frame, time, 1
    else:
      yield from resampling.resample_stream(frames, rate)

  def _resized(
    self, opened: reader.VideoFrames | frames_folder.FolderFrames
  ) -> Iterator[tuple[np.ndarray, int]]:
    """Yields all frames, resized, and their times; then tells the damage."""
    path, short_side = self._source.path, self._source.settings.short_side
    size: tuple[int, int] = (0, 0)
    shape: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    num_frames = last = 0
    for image, time in opened:
      if not num_frames:
        size, shape = (
          clip_buffer.frame_size(path, image, short_side),
          image.shape,
        )
      elif time - last > _LONGEST_GAP:
        raise errors.InputError(
          f'{path}: no frame for more than an hour after second '
          f'{last / _SECOND:.0f}; its times are damaged'
        )
      if image.shape != shape:
        notes = (clip_buffer.RESCALED,)
      frame = np.empty((*size, 3), np.uint8)
      pixels.resize_into(image, frame)
      num_frames, last = num_frames + 1, time
      yield frame, time
    self.damage, of_file = opened.describe(num_frames, is_cut=False)
    self.notes = (*of_file, *notes)


@contextlib.contextmanager
def _open(
  source: Source,
) -> Iterator[reader.VideoFrames | frames_folder.FolderFrames]:
  """Opens a file or a folder of frames."""
  part = source.inside, source.start, source.end
  if not os.path.isdir(source.path):  # noqa: PTH112 (pathlib's raises errors)
    with reader.open_frames(source.path, *part) as video:
      yield video
    return
  rate = source.settings.frames_per_second_of_frames
  if rate is None:
    raise clip_settings.rate_is_missing(source.path)
  yield frames_folder.FolderFrames(source.path, rate, *part)


def _with_flows(
  shown: Iterator[tuple[np.ndarray, int, int]], source: Source
) -> Iterator[ShownFrame]:
  """Yields the frames with the flow from each to the next.

  Args:
    shown: (frame, time in microseconds, how many ticks show it).
    source: what is wanted.
  """
  crop = pixels.center_crop if source.is_cropped else lambda images: images

  def flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return pixels.scale_flow(crop(tvl1.optical_flow(before, after)))

  def made(frame: np.ndarray, time: int, num_ticks: int) -> ShownFrame:
    rgb = np.ascontiguousarray(crop(frame))
    return ShownFrame(rgb, None, time / _SECOND, num_ticks)

  if 'flow' not in source.settings.streams:
    for each in shown:
      yield made(*each)
    return
  waiting: collections.deque[
    tuple[ShownFrame, concurrent.futures.Future[np.ndarray]]
  ] = collections.deque()
  before: tuple[np.ndarray, ShownFrame] | None = None
  pool = concurrent.futures.ThreadPoolExecutor(source.num_threads)
  try:
    for frame, time, num_ticks in shown:
      gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
      if before is not None:
        waiting.append((before[1], pool.submit(flow, before[0], gray)))
      before = gray, made(frame, time, num_ticks)
      if len(waiting) > min(_PAIRS_AHEAD, _BYTES_AHEAD // frame.nbytes):
        first, future = waiting.popleft()
        yield first._replace(flow=future.result())
    for first, future in waiting:
      yield first._replace(flow=future.result())
    if before is not None:
      yield before[1]
  finally:
    pool.shutdown(cancel_futures=True)
