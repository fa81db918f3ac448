"""Opens a file that may be hostile, and decodes the frames of its picture.

FFmpeg (through PyAV) gets the bytes of one open file and no name, so that it
cannot be led to another file. Only formats whose files hold their own frames
are read. Decoding errors do not end the reading: they are counted.
"""

import contextlib
import mmap
import os
import pathlib
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.container

from two_stream import errors, files
from two_stream.video import file_endings

# Larger frames than 8K UHD are refused.
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
  'h264',
  'hevc',
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
_OPTIONS = {
  'format_whitelist': ','.join(FORMATS),
  'protocol_whitelist': 'none',
  'max_pixels': str(MAX_SOURCE_PIXELS),
}

# Where a file names the codec of its picture, by format.
_CODEC_NAME = {
  'mov': rb'vmhd.{,999}?stsd.{12}(.{4})',
  'avi': rb'strh.{4}vids(.{4})',
  'matroska': rb'(V_[A-Z0-9/_]{1,40})',
}

# The rate of a stream that does not tell any: FFmpeg's own default.
_DEFAULT_RATE = Fraction(25)

# Formats whose files tell how long the picture itself lasts, ...
_TELL_LENGTH_OF_PICTURE = ('mov', 'avi', 'mxf')
# ... and those that tell only when the last of sound and picture ends. Of all
# other formats, FFmpeg computes the duration from what is there.
_TELL_END_OF_ALL = ('matroska', 'flv', 'asf', 'rm')
# That end is rounded, and the last packet of sound may not tell its length.
_ROUNDING = Fraction(1, 10)  # Seconds.

# Raw motion JPEG cannot be told from a picture, so its name has to tell it.
_FORMAT_OF_SUFFIX = {'.mjpeg': 'mjpeg', '.mjpg': 'mjpeg'}


class VideoFile:
  """The picture of one open file.

  Args:
    path: the name of the file, for messages.
    stream: the open file.

  Attributes:
    frames_per_second: the average rate that the file tells or implies.
    num_errors: how many errors there were while reading and decoding so far.

  Raises:
    InputError: the file is no video, has no picture, a codec that is not known,
      or frames that are too large.
  """

  def __init__(self, path: files.PathLike, stream: BinaryIO):
    self._path = path
    self._stream = stream
    self._container = self._open()
    self._picture = self._find_picture()
    self._picture.codec_context.thread_count = 1
    self._picture.codec_context.options = {'max_pixels': _OPTIONS['max_pixels']}
    # PyAV's versions have several types for it.
    rate: Any = self._picture.average_rate or self._picture.guessed_rate
    self.frames_per_second = Fraction(rate or _DEFAULT_RATE)
    self.num_errors = 0
    # Seconds at which the picture begins and ends, and the last of all streams.
    self._begin: Fraction | None = None
    self._end = Fraction(0)
    self._end_of_all = Fraction(0)

  def decode(self) -> Iterator[tuple[av.VideoFrame, Fraction | None]]:
    """Yields each frame, in the order of display, with its time in seconds."""
    longest = last = Fraction(0)
    for packet in self._packets():
      for frame in self._decode_packet(packet):
        self.num_errors += frame.is_corrupt
        time = _seconds(self._best_ticks(frame), frame)
        if time is None:
          self._end += 1 / self.frames_per_second
        else:
          if self._begin is None:
            self._begin = time
          else:
            longest = max(longest, time - last)
          last = time
          lasts = max(longest, _seconds(frame.duration, frame) or Fraction(0))
          self._end = max(self._end, time + lasts)
        yield frame, time

  def missing_frames(self) -> int:
    """Computes how many frames are missing at the end of the file.

    The file must have been decoded to its end. What it tells about its duration
    is compared with the time of the last frame. One frame is allowed for
    rounding.

    Returns:
      About how many frames, or 0 if none are missing or the file does not tell.
    """
    format_name = self._container.format.name
    missing = Fraction(0)
    if format_name.startswith(_TELL_LENGTH_OF_PICTURE):
      missing = self._length_of_picture() - (self._end - (self._begin or 0))
    elif format_name.startswith(_TELL_END_OF_ALL):
      # Programs of FFmpeg and MKVToolNix write the end of each stream.
      tag = self._picture.metadata.get('DURATION')
      if tag is not None:
        missing = _parse_clock(tag) - self._end
      elif self._container.duration is not None:
        end = Fraction(self._container.duration, av.time_base)
        missing = end - max(self._end, self._end_of_all) - _ROUNDING
    frames = missing * self.frames_per_second
    return int(frames) if frames > 1 else 0

  def lacks_its_end(self) -> bool:
    """Returns whether the format marks the end of a file and the mark lacks."""
    return file_endings.is_missing(self._stream, self._container.format.name)

  def close(self) -> None:
    """Releases the decoder. The open file stays open."""
    self._container.close()

  def _open(self) -> av.container.InputContainer:
    suffix = pathlib.Path(self._path).suffix.lower()
    try:
      return av.open(
        self._stream,
        'r',
        format=_FORMAT_OF_SUFFIX.get(suffix),
        options=_OPTIONS,
      )
    except (av.FFmpegError, ValueError) as error:
      size = os.fstat(self._stream.fileno()).st_size
      raise errors.InputError(
        f'{self._path}: not a video ({size} bytes); WebM, MP4, AVI and other '
        'files that hold their own frames are read'
      ) from error

  def _find_picture(self) -> av.VideoStream:
    """Returns the video stream that FFmpeg's programs would take."""
    picture = max(self._container.streams.video, key=_preference, default=None)
    if picture is None:
      raise errors.InputError(f'{self._path}: not a video: it has no picture')
    if picture.codec_context is None:
      raise errors.InputError(
        f'{self._path}: there is no decoder for its codec, '
        f'{self._name_codec(picture)}; convert the file with a program that '
        'has one, such as: ffmpeg -i OLD -c:v libx264 -crf 12 NEW.mp4'
      )
    if _is_cover(picture):
      raise errors.InputError(
        f'{self._path}: not a video: its only picture is a cover'
      )
    width, height = picture.codec_context.width, picture.codec_context.height
    if width * height > MAX_SOURCE_PIXELS:
      raise errors.InputError(
        f'{self._path}: frames of {width} x {height} pixels; make it smaller'
      )
    return picture

  def _name_codec(self, picture: av.VideoStream) -> str:
    """Returns the name that a file gives a codec without a decoder."""
    pattern = _CODEC_NAME.get(self._container.format.name.split(',')[0])
    if pattern is not None:
      with mmap.mmap(
        self._stream.fileno(), 0, access=mmap.ACCESS_READ
      ) as content:
        found = re.search(pattern, content, re.DOTALL)
        if found:
          return ascii(found[1].decode('latin-1'))
    return 'which has no name'

  def _packets(self) -> Iterator[av.Packet]:
    """Yields the picture's packets, the last of which flushes the decoder."""
    packets = self._container.demux()
    while True:
      try:
        packet = next(packets)
      except StopIteration:
        return
      except av.FFmpegError:
        self.num_errors += 1
        packet = av.Packet()
        packet.stream = self._picture
        yield packet
        return
      end = _seconds(packet.pts, packet)
      if end is not None:
        end += _seconds(packet.duration, packet) or 0
        self._end_of_all = max(self._end_of_all, end)
      if packet.stream.index == self._picture.index:
        yield packet

  def _decode_packet(self, packet: av.Packet) -> list[av.VideoFrame]:
    if packet.size == 0 and packet.dts is not None:
      return []  # It says that the picture stays as it is.
    try:
      return self._picture.codec_context.decode(packet)
    except av.FFmpegError:
      self.num_errors += 1
      return []

  def _best_ticks(self, frame: av.VideoFrame) -> int | None:
    """Chooses between a frame's time of presentation and that of decoding."""
    if self._container.format.name == 'avi':
      # AVI stores no times of presentation. Those that FFmpeg makes up for
      # video with B-frames are not in order.
      return frame.dts
    return frame.dts if frame.pts is None else frame.pts

  def _length_of_picture(self) -> Fraction:
    """Returns how many seconds the file says that the picture lasts, or 0."""
    length = _seconds(self._picture.duration, self._picture) or Fraction(0)
    if self._container.format.name == 'avi':
      # If the index is missing, FFmpeg takes the duration of what is there.
      told = self._picture.frames / self.frames_per_second
      length = max(length, told)
    return length


@contextlib.contextmanager
def open_video(
  path: files.PathLike, inside: files.PathLike | None = None
) -> Iterator[VideoFile]:
  """Opens a regular file for decoding in one thread.

  Args:
    path: a file of one of the `FORMATS`.
    inside: a folder that no link may lead out of, or None.

  Yields:
    The open file.

  Raises:
    InputError: the file cannot be read, or see `VideoFile`.
  """
  with files.open_to_read(path, inside) as stream:
    video = VideoFile(path, stream)
    try:
      yield video
    finally:
      video.close()


def _preference(picture: av.VideoStream) -> int:
  """Returns a number that is largest for the picture that FFmpeg shows.

  This is the rule of the program ffmpeg for files of several pictures
  (map_auto_video in ffmpeg_mux_init.c).
  """
  if _is_cover(picture) or picture.codec_context is None:
    return 1
  is_default = bool(picture.disposition & av.stream.Disposition.default)
  context = picture.codec_context
  return context.width * context.height + 5_000_000 * is_default


def _is_cover(picture: av.VideoStream) -> bool:
  return bool(picture.disposition & av.stream.Disposition.attached_pic)


def _seconds(
  ticks: int | None, of: av.VideoFrame | av.Packet | av.VideoStream
) -> Fraction | None:
  """Converts a time in units of the stream's time base to seconds."""
  if ticks is None or of.time_base is None:
    return None
  return ticks * of.time_base


def _parse_clock(text: str) -> Fraction:
  """Parses 'HH:MM:SS.fraction'; returns seconds, 0 if it is something else."""
  try:
    hours, minutes, seconds = text.split(':')
    return Fraction(seconds) + 60 * int(minutes) + 3600 * int(hours)
  except (ValueError, ZeroDivisionError):
    return Fraction(0)
