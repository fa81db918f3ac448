"""The size of an image, read off its header, before any memory is taken.

OpenCV decodes an image at once, however large it says to be. It also decodes
an image that breaks off, and fills the rest with gray. So both are looked at
here first.
"""

import struct

# JPEG, table B.1: frame headers are C0 to CF, but for C4, C8 and CC.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that have no length behind them: TEM, RST0 to RST7 and SOI.
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD9)))
# A header has about ten.
_MOST_SEGMENTS = 10_000


def find(content: bytes) -> tuple[int, int] | None:
  """Reads the size of an image.

  Args:
    content: a file in JPEG, PNG, WebP or BMP.

  Returns:
    (width, height); None if it is no such file, or one that breaks off.
  """
  try:
    for signature, position, size in _FORMATS:
      if content[position:].startswith(signature):
        return size(content)
  except (struct.error, IndexError):  # The header is not there as a whole.
    pass
  return None


def _jpeg(content: bytes) -> tuple[int, int] | None:
  """Follows the segments to the frame header (ITU-T T.81, section B.2.2)."""
  # Inside of compressed data, a zero follows each byte FF.
  if content.rfind(b'\xff\xd9') < content.rfind(b'\xff\xda'):
    return None
  place = 2
  for _ in range(_MOST_SEGMENTS):
    if content[place] != 0xFF:
      return None
    marker = content[place + 1]
    if marker == 0xFF:  # Fill bytes may stand before a marker.
      place += 1
    elif marker in _JPEG_BARE:
      place += 2
    elif marker in _JPEG_FRAMES:
      height, width = struct.unpack_from('>HH', content, place + 5)
      return width, height
    else:
      (length,) = struct.unpack_from('>H', content, place + 2)
      place += 2 + length
  return None


def _png(content: bytes) -> tuple[int, int] | None:
  """Reads the first chunk (PNG, section 11.2.2), and looks for the last."""
  if b'IEND\xaeB`\x82' not in content[-1024:]:
    return None
  return struct.unpack_from('>II', content, 16)


def _bmp(content: bytes) -> tuple[int, int] | None:
  """Reads the header BITMAPINFOHEADER or BITMAPCOREHEADER."""
  start_of_pixels, header = struct.unpack_from('<II', content, 10)
  kind = '<HH' if header == 12 else '<ii'
  width, height = (abs(side) for side in struct.unpack_from(kind, content, 18))
  if header != 12:
    bits, compression = struct.unpack_from('<HI', content, 28)
    row = (width * bits + 31) // 32 * 4
    if compression == 0 and len(content) < start_of_pixels + row * height:
      return None
  return width, height


def _webp(content: bytes) -> tuple[int, int] | None:
  """Reads the first chunk (RFC 9649, sections 2.5 to 2.7; RFC 6386, 9.1)."""
  (length,) = struct.unpack_from('<I', content, 4)
  if len(content) < 8 + length:
    return None
  kind = content[12:16]
  if kind == b'VP8X':
    sides = (content[i : i + 3] for i in (24, 27))
    width, height = (int.from_bytes(side, 'little') + 1 for side in sides)
    return width, height
  if kind == b'VP8L':
    (bits,) = struct.unpack_from('<I', content, 21)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
  width, height = struct.unpack_from('<HH', content, 26)
  return width & 0x3FFF, height & 0x3FFF


# Where a file of a format has its signature, and how its size is read.
_FORMATS = (
  (b'\xff\xd8\xff', 0, _jpeg),
  (b'\x89PNG\r\n\x1a\n', 0, _png),
  (b'BM', 0, _bmp),
  (b'WEBP', 8, _webp),
)
