"""Video files to frames, the way DeepMind prepared Kinetics for I3D.

The recipe is in the README of google-deepmind/kinetics-i3d: 25 frames a second,
the smaller side resized to 256 pixels by bilinear interpolation, a 224 x 224
crop, values in [-1, 1]. This module holds those steps as small functions; it
needs OpenCV and NumPy alone, so that worker processes stay light.
"""

import contextlib
import os
from typing import NamedTuple

import cv2
import numpy as np

from two_stream import errors, files
from two_stream.video import pixels

# What one video may cost, so that a hostile or mistaken file ends with an error
# instead of all memory: a minute, and the frames that 512 MiB hold, which are a
# minute of 25 16:9 frames a second at the size above. 8K UHD may be the source.
MAX_SECONDS = 60
MAX_SOURCE_PIXELS = 7680 * 4320

# FFmpeg's names of the formats that are read: those whose files hold their own
# frames. A file of any other format may be a list of files or addresses that
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

# A damaged file is an exception here, not lines of a decoder on stderr.
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class Video(NamedTuple):
  """The frames of one file.

  Attributes:
    frames: uint8 [N, H, W, 3], RGB, N >= 1.
    timestamps: int64 [N], microseconds, strictly increasing.
    truncated: whether the file ends before the duration it claims, as a
      download that broke off does. The decoder reports no error for those.
  """

  frames: np.ndarray
  timestamps: np.ndarray
  truncated: bool


def read_video(path, short_side=pixels.SHORT_SIDE, inside=None):
  """Decodes a video, resizing each frame as it comes.

  Frames whose timestamp does not increase are dropped, as MediaPipe's
  resampler does. Rotation metadata is applied.

  Args:
    path: a file of one of the `FORMATS`.
    short_side: pixels of the smaller side of the frames returned.
    inside: a folder that no link may lead out of, or None.

  Returns:
    A `Video`.

  Raises:
    InputError: the file cannot be read, has no picture that decodes, or is
      larger than the limits above.
  """
  frames, timestamps = [], []
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
def _open(path, inside):
  """Opens a regular file for decoding in one thread."""
  with files.open_to_read(path, inside) as stream:
    size = os.fstat(stream.fileno()).st_size
    capture = _capture(stream.fileno())
    try:
      _check_source(path, size, capture)
      yield capture
    finally:
      capture.release()


def _check_source(path, size, capture):
  """Raises InputError for a file of `size` bytes that is no usable video."""
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


def _capture(descriptor):
  """Makes the decoder of an open file.

  The decoder opens this very file by a name that cannot be taken for an
  address, a pattern or an option, and that is ASCII: OpenCV crashes on others.
  It can open nothing else.
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


def _check_limits(path, frames, timestamps):
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


def _decode(capture):
  """Yields (frame uint8 [H, W, 3] BGR, timestamp in microseconds)."""
  while True:
    decoded, frame = capture.read()
    if not decoded:
      return
    yield frame, round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1000)


def _ends_early(timestamps, capture):
  """Whether frames are missing at the end of the file.

  OpenCV's frame count is the container's duration times the average rate, so
  their quotient is the duration. The last frame lasts as long as the longest
  one seen, and one frame more is granted to rounding.
  """
  rate = capture.get(cv2.CAP_PROP_FPS)
  count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
  if rate <= 0 or count <= 0:
    return False
  duration = 1e6 * count / rate
  longest = max(np.diff(timestamps), default=0)
  return bool(timestamps[-1] + longest + 1e6 / rate < duration)
