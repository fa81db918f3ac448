"""Opens a file that may be hostile, and decodes the frames of its picture.

FFmpeg (through PyAV) gets the bytes of one open file and no name, so that it
cannot be led to another file. Only formats whose files hold their own frames
are read. Decoding errors do not end the reading: they are counted.
"""

import contextlib
import itertools
import os
import pathlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.container

from two_stream import errors, files
from two_stream.video import file_endings, pictures, seeking, told_length

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
  'max_pixels': str(pictures.MAX_SOURCE_PIXELS),
}

# The rate of a stream that does not tell any: FFmpeg's own default.
_DEFAULT_RATE = Fraction(25)

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
    is_entered: whether decoding began in the middle.

  Raises:
    InputError: the file is no video, has no picture, a codec that is not known,
      or frames that are too large.
  """

  def __init__(self, path: files.PathLike, stream: BinaryIO):
    self._path = path
    self._stream = stream
    self._open()
    # PyAV's versions have several types for it.
    rate: Any = self._picture.average_rate or self._picture.guessed_rate
    self.frames_per_second = Fraction(rate or _DEFAULT_RATE)

  def _forget(self) -> None:
    """Forgets what was seen of the file."""
    self.num_errors: int = 0
    self._errors_since_key: int = 0
    self.is_entered: bool = False
    # Seconds at which the picture begins and ends.
    self._begin: Fraction | None = None
    self._end: Fraction = Fraction(0)
    # Where each stream ends: unit of its times -> the latest end.
    self._ends: dict[Fraction, int] = {}

  def clock(self) -> tuple[Fraction, Fraction]:
    """Tells how the file counts time.

    Returns:
      (the time of its first moment in seconds, which is that of the earliest of
      its streams, as for the program ffmpeg; the seconds that the times of its
      frames are whole multiples of).
    """
    zero = Fraction(self._container.start_time or 0, av.time_base)
    return zero, self._picture.time_base or Fraction(1, av.time_base)

  @property
  def end(self) -> Fraction:
    """The time at which the last frame that was decoded ends, in seconds."""
    return self._end

  def told_seconds(self) -> float:
    """Returns how long the file says that it is; 0 if it does not."""
    return max(self._container.duration or 0, 0) / av.time_base

  def decode(
    self, start: Fraction | None = None
  ) -> Iterator[tuple[av.VideoFrame, Fraction | None]]:
    """Yields each frame, in the order of display, with its time in seconds.

    Args:
      start: frames before this time may be left out, all but the last of them
        where they are interlaced. They are left out without being decoded
        where the file allows it.
    """
    frames = None if start is None else self._decode_part(start)
    if frames is None:
      frames = self._decode(self._packets())
    for frame, time in frames:
      if frame.is_corrupt:
        self._count_error()
      yield frame, time

  def forget_errors_before_key_frame(self) -> None:
    """Forgets errors that cannot reach the key frame that was decoded last."""
    self.num_errors = min(self.num_errors, self._errors_since_key)

  def missing_frames(self) -> int:
    """Computes how many frames are missing at the end of the file.

    The file must have been decoded to its end. What it tells about its duration
    is compared with the time of the last frame. One frame is allowed for
    rounding.

    Returns:
      About how many frames, or 0 if none are missing or the file does not tell.
    """
    ends = [unit * end for unit, end in self._ends.items()]
    end_of_all = max(ends, default=Fraction(0))
    missing = told_length.missing_seconds(
      self._container,
      self._picture,
      told_length.Times(self._start(), self._end, end_of_all),
      self.frames_per_second,
    )
    frames = missing * self.frames_per_second
    return int(frames) if frames > 1 else 0

  def lacks_its_end(self) -> bool:
    """Returns whether the format marks the end of a file and the mark lacks."""
    return file_endings.is_missing(self._stream, self._container.format.name)

  def open_again(self) -> None:
    """Goes back to the beginning, and forgets what was seen of the file."""
    self._container.close()
    self._stream.seek(0)
    self._open()

  def close(self) -> None:
    """Releases the decoder. The open file stays open."""
    self._container.close()

  def _open(self) -> None:
    """Opens the file at its beginning, with a decoder that knows nothing."""
    suffix = pathlib.Path(self._path).suffix.lower()
    try:
      self._container = av.open(
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
    self._picture = pictures.find(self._path, self._stream, self._container)
    self._picture.codec_context.thread_count = 1
    self._picture.codec_context.options = {'max_pixels': _OPTIONS['max_pixels']}
    self._forget()

  def _decode_part(
    self, start: Fraction
  ) -> Iterator[tuple[av.VideoFrame, Fraction | None]] | None:
    """Decodes from the last good key frame before `start` on.

    Returns:
      The frames with their times; None if there is no such key frame. Then the
      file stands at its beginning.
    """
    with contextlib.suppress(seeking.TimesFailError):
      for target in seeking.targets(start):
        frames = self._decode_near(target, start)
        if frames is not None:
          return frames
        self.open_again()
    self.open_again()
    return None

  def _decode_near(
    self, target: Fraction, start: Fraction
  ) -> Iterator[tuple[av.VideoFrame, Fraction | None]] | None:
    """Decodes from a key frame near `target` on, if it is a good one.

    The file stands at its beginning.

    Args:
      target: where the key frame is looked for, in seconds.
      start: the first good frame must not be later than this, in seconds.

    Returns:
      The frames with their times; None if they begin too late.

    Raises:
      TimesFailError: times are missing or jump back.
    """
    _, unit = self.clock()
    ticks = target // unit
    packets = seeking.learn(self._packets(), self._picture)
    if seeking.is_indexed(self._container):
      if seeking.seek(self._container, self._picture, ticks):
        packets = self._packets()
      else:
        self.open_again()
        packets = seeking.learn(self._packets(), self._picture)
    self._forget()
    kept = seeking.skip(packets, ticks, self._best_ticks)
    if kept is None:
      return None
    self.is_entered = True
    self.num_errors = 0
    frames = self._decode(kept)
    for frame, time in frames:
      if time is None or time > start:
        return None
      # What comes before the key frame may refer to frames that are not there.
      if frame.key_frame:
        if frame.interlaced_frame and time > start - unit:
          return None  # Deinterlacing needs the frame before the part, too.
        return itertools.chain([(frame, time)], frames)
    return None

  def _decode(
    self, packets: Iterator[av.Packet]
  ) -> Iterator[tuple[av.VideoFrame, Fraction | None]]:
    """Yields the frames of these packets with their times in seconds."""
    longest = last = Fraction(0)
    for packet in packets:
      if packet.is_keyframe:
        self._errors_since_key = 0
      for frame in self._decode_packet(packet):
        time = told_length.seconds(self._best_ticks(frame), frame)
        if time is None:
          self._end += 1 / self.frames_per_second
        else:
          if self._begin is None:
            self._begin = time
          else:
            longest = max(longest, time - last)
          last = time
          lasts = max(
            longest, told_length.seconds(frame.duration, frame) or Fraction(0)
          )
          self._end = max(self._end, time + lasts)
        yield frame, time

  def _count_error(self) -> None:
    self.num_errors += 1
    self._errors_since_key += 1

  def _packets(self) -> Iterator[av.Packet]:
    """Yields the picture's packets, the last of which flushes the decoder."""
    packets = pictures.packets(self._container)
    while True:
      try:
        packet = next(packets)
      except StopIteration:
        return
      except av.FFmpegError:
        self._count_error()
        packet = av.Packet()
        packet.stream = self._picture
        yield packet
        return
      if packet.pts is not None and packet.time_base is not None:
        end = packet.pts + (packet.duration or 0)
        unit = packet.time_base
        self._ends[unit] = max(self._ends.get(unit, 0), end)
      if packet.stream.index == self._picture.index:
        yield packet

  def _decode_packet(self, packet: av.Packet) -> list[av.VideoFrame]:
    if packet.size == 0 and packet.dts is not None:
      return []  # It says that the picture stays as it is.
    try:
      return self._picture.codec_context.decode(packet)
    except av.FFmpegError:
      self._count_error()
      return []

  def _best_ticks(self, of: av.VideoFrame | av.Packet) -> int | None:
    """Chooses between the time of presentation and that of decoding."""
    # AVI stores no times of presentation. Those that FFmpeg makes up for video
    # with B-frames are not in order.
    is_avi = self._container.format.name == 'avi'
    return of.dts if is_avi or of.pts is None else of.pts

  def _start(self) -> Fraction:
    """Returns the time at which the picture begins, in seconds."""
    if self.is_entered:
      told = told_length.seconds(self._picture.start_time, self._picture)
      return told or Fraction(0)
    return self._begin or Fraction(0)


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
