"""Finds the key frame from which a part of a video has to be decoded.

A decoder can begin at a key frame alone. FFmpeg finds one near a given time,
but not always the right one: it may lie after that time, and what it shows
first may refer to frames before it, which were not decoded (an "open" group of
pictures). So video_file.py tries what is found here, and looks farther back
until the first good frame is not later than the part.

Only formats that have an index of key frames, and a time for every frame, are
entered in the middle. Of all others (MPEG-TS, whose times may begin again; AVI,
which has no times) the packets are read from the first one on, but not decoded.

Some files name their encoder in their first packet alone, and FFmpeg decodes
what certain encoders wrote in another way than the standard says. So the
decoder gets that packet in any case.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import av.container

# FFmpeg's names of these formats begin so.
_INDEXED = ('mov', 'matroska')
# How many seconds before the part a key frame is looked for, one after the
# other. Groups of pictures are rarely longer than 10 seconds.
_SECONDS_BACK = (0, 1, 4, 16, 64)
# FFmpeg's names of the codecs whose encoder counts: old versions of x264 and of
# DivX, Xvid and others (workaround_bugs in libavcodec).
_TELL_ENCODER = ('h264', 'mpeg4')
# The most bytes of packets that are kept in memory.
_MOST_BYTES = 64 * 2**20
_MAX_INT64 = 2**63 - 1


class TimesFailError(Exception):
  """The times of the packets do not tell where a part begins."""


def targets(start: Fraction) -> Iterator[Fraction]:
  """Yields the times at which a key frame is to be looked for, in seconds."""
  for seconds in _SECONDS_BACK:
    yield start - seconds


def is_indexed(container: av.container.InputContainer) -> bool:
  """Returns whether the format can be entered in the middle."""
  return container.format.name.startswith(_INDEXED)


def seek(
  container: av.container.InputContainer,
  picture: av.VideoStream,
  target: int,
) -> bool:
  """Goes to a key frame that is not later than `target`, or near that.

  Args:
    container: the file.
    picture: its picture.
    target: a time, in units of the picture's time base.

  Returns:
    Whether it succeeded. Otherwise the container may stand anywhere.
  """
  if abs(target) > _MAX_INT64:
    return False
  try:
    container.seek(target, stream=picture, backward=True)
  except (av.FFmpegError, OverflowError):
    return False
  return True


def learn(
  packets: Iterator[av.Packet], picture: av.VideoStream
) -> Iterator[av.Packet]:
  """Shows the decoder the first packet, for what it says about the encoder.

  The decoder keeps that, and forgets the frame.

  Args:
    packets: of the picture, from the beginning of the file on.
    picture: the picture, nothing of which was decoded.

  Returns:
    The same packets, the first one included.
  """
  context = picture.codec_context
  if context.name not in _TELL_ENCODER:
    return packets
  first = list(itertools.islice(packets, 1))
  for packet in first:
    with contextlib.suppress(av.FFmpegError):
      context.decode(packet)
  context.flush_buffers()
  return itertools.chain(first, packets)


def skip(
  packets: Iterator[av.Packet],
  target: int,
  time_of: Callable[[av.Packet], int | None],
) -> Iterator[av.Packet] | None:
  """Leaves out packets before the last key frame that is not after `target`.

  Args:
    packets: of the picture, in the order of decoding.
    target: a time, in units of the picture's time base. Whole numbers are
      compared, because a film has hundreds of thousands of packets.
    time_of: gives the time at which the frame of a packet is shown.

  Returns:
    The packets from that key frame on; None if no key frame is early enough.

  Raises:
    TimesFailError: times are missing or jump back.
  """
  kept: list[av.Packet] = []
  num_bytes = 0
  latest: int | None = None
  for packet in packets:
    time = time_of(packet)
    if time is not None:
      if packet.is_keyframe and latest is not None and time < latest:
        raise TimesFailError
      latest = time if latest is None else max(latest, time)
      if packet.is_keyframe and time <= target:
        kept, num_bytes = [], 0
      elif not kept and time > target:
        return None
    if kept or (packet.is_keyframe and time is not None):
      kept.append(packet)
      num_bytes += packet.size
      # Every later frame is shown after the time at which this one is decoded.
      decoded = time if packet.dts is None else packet.dts
      is_after = decoded is not None and decoded > target
      if is_after or num_bytes > _MOST_BYTES:
        return itertools.chain(kept, packets)
  if kept:
    return iter(kept)
  raise TimesFailError
