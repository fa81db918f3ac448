"""Tells whether a file was cut, for formats of which FFmpeg cannot tell it.

FFmpeg plays what is there of such a file and says nothing. But the format marks
the end of a file, or consists of packets of one size, or tells its size.
"""

import os
import struct
from typing import BinaryIO

_PART = 1 << 17  # Bytes, more than the longest page of an Ogg file.
_FILE_PROPERTIES = bytes.fromhex('a1dcab8c47a9cf118ee400c00c205365')


def is_missing(stream: BinaryIO, format_name: str) -> bool:
  """Returns whether a file ends before its format says.

  Args:
    stream: the open file; it may be read at any place.
    format_name: FFmpeg's name of its format. For other formats than those of
      this module the answer is False.
  """
  ends = _ENDS.get(format_name)
  if ends is None:
    return False
  size = os.fstat(stream.fileno()).st_size
  stream.seek(0)
  head = stream.read(_PART)
  stream.seek(max(0, size - _PART))
  return not ends(head, stream.read(_PART), size)


def _gif_ends(head: bytes, tail: bytes, size: int) -> bool:
  """Returns whether the trailer is there (GIF89a, section 27).

  Some programs put a few bytes more behind it.
  """
  del head, size
  return tail.rstrip(b'\0\r\n').endswith(b';')


def _apng_ends(head: bytes, tail: bytes, size: int) -> bool:
  """Returns whether the last chunk is there (PNG, section 11.2.5)."""
  del head, size
  return b'IEND\xaeB`\x82' in tail


def _mpegts_ends(head: bytes, tail: bytes, size: int) -> bool:
  """Returns whether the last packet is whole.

  A packet has 188 bytes and begins with a G. Some devices put 4 bytes before
  it or 16 bytes behind it.
  """
  del tail
  for length, before in ((188, 0), (192, 4), (204, 0)):
    first = head.find(b'G', before)
    places = range(first, len(head), length)
    if len(places) > 4 and all(head[place] == ord('G') for place in places):
      return (size - first + before) % length == 0
  return True  # The packets are not found, so nobody can tell.


def _asf_ends(head: bytes, tail: bytes, size: int) -> bool:
  """Returns whether the file has the size that it tells.

  It stands 40 bytes after the beginning of the File Properties Object (Advanced
  Systems Format, section 3.2).
  """
  del tail
  start = head.find(_FILE_PROPERTIES)
  told = head[start + 40 : start + 48]
  return start < 0 or len(told) < 8 or size >= struct.unpack('<Q', told)[0]


def _ogg_ends(head: bytes, tail: bytes, size: int) -> bool:
  """Returns whether the last page is whole and marked as such (RFC 3533)."""
  del head, size
  start = tail.rfind(b'OggS')
  header = tail[start : start + 27]
  if start < 0 or len(header) < 27:
    return False
  is_last = bool(header[5] & 4)
  lengths = tail[start + 27 : start + 27 + header[26]]
  end = start + 27 + header[26] + sum(lengths)
  return is_last and end <= len(tail)


_ENDS = {
  'gif': _gif_ends,
  'apng': _apng_ends,
  'mpegts': _mpegts_ends,
  'asf': _asf_ends,
  'ogg': _ogg_ends,
}
