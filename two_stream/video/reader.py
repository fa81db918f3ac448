"""Decodes video files to frames with their times.

The files come from anywhere, so a damaged, mistaken or hostile one must end
with an error that names the file: it must not crash the program, take all
memory, or make the decoder open other files.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from two_stream import errors, files
from two_stream.video import pixels

# A longer video, or one with larger frames than 8K UHD, is refused. So is one
# whose resized frames take more than `pixels.MAX_CLIP_BYTES`.
MAX_SECONDS = 60
MAX_SOURCE_PIXELS = 7680 * 4320

# The formats that are read, by FFmpeg's names. Their files hold their own
# frames. A file of another format may be a list of files or addresses, which
# FFmpeg would open.
FORMATS = (
  'apng',
  'asf',
  'avi',
  'dv',
  'flv',
  'gif',
  'ivf',
  'm4v',
  'matroska',
  'mjpeg',
  'mov',
  'mpeg',
  'mpegts',
  'mpegvideo',
  'mxf',
  'nut',
  'ogg',
  'rm',
  'yuv4mpegpipe',
)
_OPTIONS = 'OPENCV_FFMPEG_CAPTURE_OPTIONS'
_ONLY_OWN_FRAMES = (
  f'format_whitelist;{",".join(FORMATS)}|protocol_whitelist;file'
)

# A damaged file is reported by an exception, so the decoder need not write to
# standard error.
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class Video(NamedTuple):
  """The frames of one file.

  Attributes:
    frames: uint8 [N, H, W, 3], RGB, N >= 1.
    timestamps: int64 [N], microseconds, strictly increasing.
    truncated: whether the file ends before the duration that its header
      claims, for instance because a download broke off. The decoder reports no
      error for such a file.
  """

  frames: np.ndarray
  timestamps: np.ndarray
  truncated: bool


def read_video(
  path: files.PathLike,
  short_side: int = pixels.SHORT_SIDE,
  inside: files.PathLike | None = None,
) -> Video:
  """Decodes a video and resizes each frame as it comes.

  Like MediaPipe's resampler, this function drops frames whose timestamp does
  not increase. Frames are turned upright if the file says so.

  Args:
    path: a file of one of the `FORMATS`.
    short_side: pixels of the smaller side of the frames returned.
    inside: a folder that no link may lead out of, or None.

  Returns:
    The frames with their times.

  Raises:
    InputError: the file cannot be read, has no frame that decodes, or is
      larger than the limits at the top of this module.
  """
  frames: list[np.ndarray] = []
  timestamps: list[int] = []
  with _open(path, inside) as capture:
    for frame, timestamp in _decode(capture):
      if timestamps and timestamp <= timestamps[-1]:
        continue
      frames.append(pixels.resize(frame, short_side)[..., ::-1])  # BGR to RGB
      timestamps.append(timestamp)
      _check_limits(path, frames, timestamps)
    if not frames:
      raise errors.InputError(f'{path}: no frame decodes; get the file again')
    truncated = _ends_early(timestamps, capture)
  return Video(np.stack(frames), np.array(timestamps, np.int64), truncated)


@contextlib.contextmanager
def _open(
  path: files.PathLike, inside: files.PathLike | None
) -> Iterator[cv2.VideoCapture]:
  """Opens a regular file for decoding in one thread."""
  with files.open_to_read(path, inside) as stream:
    size = os.fstat(stream.fileno()).st_size
    capture = _capture(stream.fileno())
    try:
      _check_source(path, size, capture)
      yield capture
    finally:
      capture.release()


def _check_source(
  path: files.PathLike, size: int, capture: cv2.VideoCapture
) -> None:
  """Raises InputError if a file is no video or its frames are too large.

  Args:
    path: the file.
    size: how many bytes it has.
    capture: its decoder.
  """
  if not capture.isOpened():
    raise errors.InputError(
      f'{path}: not a video ({size} bytes); WebM, MP4, AVI and other files '
      'that hold their own frames are read'
    )
  width = capture.get(cv2.CAP_PROP_FRAME_WIDTH)
  height = capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
  if width * height > MAX_SOURCE_PIXELS:
    raise errors.InputError(
      f'{path}: frames of {width:.0f} x {height:.0f} pixels; make it smaller'
    )


def _capture(descriptor: int) -> cv2.VideoCapture:
  """Makes the decoder of an open file.

  The decoder opens the file by the name of its descriptor. OpenCV cannot take
  that name for an address, a pattern or an option, and it is ASCII: OpenCV
  crashes on other names. The options keep the decoder from opening other files.
  """
  before = os.environ.get(_OPTIONS)
  os.environ[_OPTIONS] = _ONLY_OWN_FRAMES
  try:
    return cv2.VideoCapture(
      f'/proc/self/fd/{descriptor}',
      cv2.CAP_FFMPEG,
      [cv2.CAP_PROP_N_THREADS, 1],
    )
  finally:
    if before is None:
      del os.environ[_OPTIONS]
    else:
      os.environ[_OPTIONS] = before


def _check_limits(
  path: files.PathLike, frames: Sequence[np.ndarray], timestamps: Sequence[int]
) -> None:
  """Raises InputError for a clip that is too long or changes its size."""
  if frames[-1].shape != frames[0].shape:
    raise errors.InputError(f'{path}: the frame size changes midway')
  if (
    timestamps[-1] - timestamps[0] > MAX_SECONDS * 1_000_000
    or len(frames) * frames[0].nbytes > pixels.MAX_CLIP_BYTES
  ):
    raise errors.InputError(
      f'{path}: longer than {MAX_SECONDS} seconds or '
      f'{pixels.MAX_CLIP_BYTES >> 20} MiB of frames; cut it into clips first'
    )


def _decode(capture: cv2.VideoCapture) -> Iterator[tuple[np.ndarray, int]]:
  """Yields (frame uint8 [H, W, 3] BGR, timestamp in microseconds)."""
  while True:
    decoded, frame = capture.read()
    if not decoded:
      return
    yield frame, round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1000)


def _ends_early(timestamps: Sequence[int], capture: cv2.VideoCapture) -> bool:
  """Returns whether frames are missing at the end of the file.

  OpenCV computes the frame count as the duration that the container claims
  times the average rate, so their quotient is that duration. The last frame is
  taken to last as long as the longest one before it, and one frame more is
  allowed for rounding.
  """
  rate = capture.get(cv2.CAP_PROP_FPS)
  count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
  if rate <= 0 or count <= 0:
    return False
  duration = 1e6 * count / rate
  longest = max(np.diff(timestamps), default=0)
  return bool(timestamps[-1] + longest + 1e6 / rate < duration)
