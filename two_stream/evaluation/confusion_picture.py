"""A confusion matrix as a picture.

Each row is a label, each column is the class that the network gave. The darker
a square, the larger its share of the row. A network without mistakes colours
only the diagonal. With many classes the squares are small and have no numbers,
so that the picture can still be opened; {split}_logits.npz has them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np


class _Size(NamedTuple):
  """How large squares and names are.

  Attributes:
    cell: the side of a square, in pixels.
    scale: of the font, for names and numbers.
    has_numbers: whether each square shows its number of clips.
  """

  cell: int
  scale: float
  has_numbers: bool


_LARGE = _Size(22, 0.4, True)  # A number of two digits fits in.
_SMALL = _Size(11, 0.3, False)  # A name still fits beside its row.
# A picture of 250 classes has 6000 pixels a side, and so has one of 500 classes
# in small squares.
_MOST_LARGE = 250
MOST_CLASSES = 1000  # 11,000 pixels a side.
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TITLE_SCALE = 0.6
_MARGIN = 10
_MOST_LETTERS = 60
_INK = np.array([96, 48, 8])  # BGR of a square of 100 %: dark blue.
_GRID = (225, 225, 225)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def draw(counts: np.ndarray, class_names: Sequence[str], title: str) -> bytes:
  """Draws a confusion matrix.

  Args:
    counts: int [classes, classes], what `accuracy.confusion` returns.
    class_names: the class names, in the order of the rows and columns.
    title: a line of text to stand above the matrix.

  Returns:
    The bytes of a PNG file.
  """
  size = _LARGE if len(class_names) <= _MOST_LARGE else _SMALL
  texts = [_text(_shorten(name), size.scale) for name in class_names]
  margin = max(text.shape[1] for text in texts) + 2 * _MARGIN
  side = size.cell * len(texts)
  heading = _text(f'{title} (row: label, column: answer)', _TITLE_SCALE)
  top = 5 * _MARGIN
  width = _MARGIN + max(margin + side, _MARGIN + heading.shape[1])
  picture = np.full((top + side + margin, width, 3), 255, np.uint8)
  _put(picture, heading, _MARGIN, _MARGIN)
  _fill(picture[top : top + side, margin : margin + side], counts, size)
  for i, text in enumerate(texts):
    middle = i * size.cell + (size.cell - text.shape[0]) // 2
    _put(picture, text, top + middle, margin - _MARGIN - text.shape[1])
    rotated = cv2.rotate(text, cv2.ROTATE_90_COUNTERCLOCKWISE)
    _put(picture, rotated, top + side + _MARGIN, margin + middle)
  _, encoded = cv2.imencode('.png', picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
  return encoded.tobytes()


def _fill(square: np.ndarray, counts: np.ndarray, size: _Size) -> None:
  """Draws the matrix into a square of pixels."""
  shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
  colours = (255 + shares[..., np.newaxis] * (_INK - 255)).astype(np.uint8)
  side = size.cell
  square[:] = colours.repeat(side, axis=0).repeat(side, axis=1)
  square[side - 1 :: side] = square[:, side - 1 :: side] = _GRID
  if not size.has_numbers:
    return
  for row, column in np.argwhere(counts):
    cell = square[row * side :, column * side :][:side, :side]
    colour = _WHITE if shares[row, column] > 0.5 else _BLACK
    _centre(cell, str(counts[row, column]), colour, size)


def _centre(
  cell: np.ndarray, text: str, colour: tuple[int, ...], size: _Size
) -> None:
  """Writes a text into the middle of a cell."""
  (width, height), _ = cv2.getTextSize(text, _FONT, size.scale, 1)
  origin = (size.cell - width) // 2, (size.cell + height) // 2
  cv2.putText(cell, text, origin, _FONT, size.scale, colour, 1, cv2.LINE_AA)


def _text(text: str, scale: float) -> np.ndarray:
  """Returns a picture of a text, black on white, uint8 [H, W, 3]."""
  (width, height), below = cv2.getTextSize(text, _FONT, scale, 1)
  image = np.full((height + 2 * below, width + 1, 3), 255, np.uint8)
  origin = 0, height + below // 2
  cv2.putText(image, text, origin, _FONT, scale, _BLACK, 1, cv2.LINE_AA)
  return image


def _put(picture: np.ndarray, image: np.ndarray, top: int, left: int) -> None:
  """Copies an image into a picture."""
  picture[top : top + image.shape[0], left : left + image.shape[1]] = image


def _shorten(name: str) -> str:
  """Shortens a long name in its middle.

  Many classes form pairs, whose names differ at the start or at the end.
  """
  if len(name) <= _MOST_LETTERS:
    return name
  half = _MOST_LETTERS // 2 - 2
  return f'{name[:half]}...{name[-half:]}'
