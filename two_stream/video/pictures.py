"""Chooses the picture of a file, which may have several, and sound."""

import mmap
import re
from collections.abc import Iterator
from typing import BinaryIO

import av
import av.container

from two_stream import errors, files

# Larger frames than 8K UHD are refused.
MAX_SOURCE_PIXELS = 7680 * 4320

# Where a file names the codec of its picture, by format.
_CODEC_NAME = {
  'mov': rb'vmhd.{,999}?stsd.{12}(.{4})',
  'avi': rb'strh.{4}vids(.{4})',
  'matroska': rb'(V_[A-Z0-9/_]{1,40})',
}


def find(
  path: files.PathLike, stream: BinaryIO, container: av.container.InputContainer
) -> av.VideoStream:
  """Returns the picture that FFmpeg's programs would take.

  Args:
    path: the name of the file, for messages.
    stream: the open file.
    container: the same file, opened by FFmpeg.

  Raises:
    InputError: there is no picture, its codec is not known, or its frames are
      too large.
  """
  picture = max(container.streams.video, key=_preference, default=None)
  if picture is None:
    raise errors.InputError(f'{path}: not a video: it has no picture')
  if picture.codec_context is None:
    raise errors.InputError(
      f'{path}: there is no decoder for its codec, '
      f'{_name_codec(stream, container.format.name)}; convert the file with '
      'a program that has one, such as: '
      'ffmpeg -i OLD -c:v libx264 -crf 12 NEW.mp4'
    )
  if _is_cover(picture):
    raise errors.InputError(f'{path}: not a video: its only picture is a cover')
  width, height = picture.codec_context.width, picture.codec_context.height
  refuse_too_large(path, width, height)
  return picture


def packets(container: av.container.InputContainer) -> Iterator[av.Packet]:
  """Yields the packets of all streams of which PyAV knows.

  It does not know those that began after the file was opened.

  Raises:
    FFmpegError: the file cannot be read on.
  """
  while True:
    try:
      yield from container.demux()
      return
    except IndexError:
      continue  # A packet of such a stream, which is left out.


def refuse_too_large(path: files.PathLike, width: int, height: int) -> None:
  """Raises InputError if frames are larger than `MAX_SOURCE_PIXELS`."""
  if width * height > MAX_SOURCE_PIXELS:
    raise errors.InputError(
      f'{path}: frames of {width} x {height} pixels; make it smaller'
    )


def _name_codec(stream: BinaryIO, format_name: str) -> str:
  """Returns the name that a file gives a codec without a decoder."""
  pattern = _CODEC_NAME.get(format_name.split(',', maxsplit=1)[0])
  if pattern is not None:
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
      found = re.search(pattern, content, re.DOTALL)
      if found:
        return ascii(found[1].decode('latin-1'))
  return 'which has no name'


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
