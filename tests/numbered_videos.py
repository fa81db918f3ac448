"""Writes videos whose frames carry their number, for tests of parts.

A frame shows the bits of its number as light and dark squares above a moving
texture. So a test can tell which frame it got, and whether its pixels are good.
"""

import pathlib
from fractions import Fraction

import av
import made_videos
import numpy as np
import small_videos

_BITS = 8
_SQUARE = 8  # Pixels.
PERIOD = 120  # The texture repeats itself after so many frames.


def frames(num_frames: int) -> np.ndarray:
  """Renders numbered frames, uint8 RGB [N, 48, 64, 3], of at most 256."""
  texture = small_videos.textured_frames(PERIOD)
  result = texture[np.arange(num_frames) % PERIOD]
  for number, frame in enumerate(result):
    for bit in range(_BITS):
      columns = slice(_SQUARE * bit, _SQUARE * (bit + 1))
      frame[:_SQUARE, columns] = 235 if number >> bit & 1 else 20
  return result


def number(frame: np.ndarray) -> int:
  """Reads the number of a decoded frame off its pixels."""
  middle = frame[_SQUARE // 2, _SQUARE // 2 : _SQUARE * _BITS : _SQUARE]
  return sum(1 << bit for bit in range(_BITS) if middle[bit].mean() > 127)


def decode(path: pathlib.Path) -> list[tuple[Fraction, np.ndarray]]:
  """Decodes a file from its first frame on, with PyAV alone.

  Returns:
    The time of each frame in seconds, and uint8 RGB [H, W, 3].
  """
  with av.open(str(path)) as container:
    return [
      (
        (frame.dts if frame.pts is None else frame.pts) * frame.time_base,
        frame.to_ndarray(format='rgb24', interpolation='BICUBIC'),
      )
      for frame in container.decode(video=0)
    ]


def write(
  path: pathlib.Path, num_frames: int = 200, **options: object
) -> pathlib.Path:
  """Writes numbered frames; see `made_videos.write` for the options."""
  return made_videos.write(path, frames(num_frames), **options)
