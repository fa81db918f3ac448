"""A confusion matrix as a picture.

A row is a class, a column what its clips were taken for; the darker a square,
the larger its share of the row. A perfect network leaves the diagonal black.
"""

import cv2
import numpy as np

_CELL = 22  # Pixels; a count of two digits fits.
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SCALE = 0.4
_TITLE_SCALE = 0.6
_MARGIN = 10
_MOST_LETTERS = 60
_INK = np.array([96, 48, 8])  # BGR of a full square: dark blue.
_GRID = (225, 225, 225)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def draw(counts, class_names, title):
  """Draws.

  Args:
    counts: int [classes, classes], as `accuracy.confusion` gives them.
    class_names: in the order of the indices.
    title: a line of text.

  Returns:
    The bytes of a PNG file.
  """
  names = [_shorten(name) for name in class_names]
  texts = [_text(name) for name in names]
  margin = max(text.shape[1] for text in texts) + 2 * _MARGIN
  side = _CELL * len(names)
  heading = _text(f'{title} (row: label, column: answer)', _TITLE_SCALE)
  top = 5 * _MARGIN
  width = _MARGIN + max(margin + side, _MARGIN + heading.shape[1])
  picture = np.full((top + side + margin, width, 3), 255, np.uint8)
  _put(picture, heading, _MARGIN, _MARGIN)
  _fill(picture[top : top + side, margin : margin + side], counts)
  for i, text in enumerate(texts):
    middle = i * _CELL + (_CELL - text.shape[0]) // 2
    _put(picture, text, top + middle, margin - _MARGIN - text.shape[1])
    rotated = cv2.rotate(text, cv2.ROTATE_90_COUNTERCLOCKWISE)
    _put(picture, rotated, top + side + _MARGIN, margin + middle)
  _, encoded = cv2.imencode('.png', picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
  return encoded.tobytes()


def _fill(square, counts):
  """Draws the matrix itself."""
  shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
  for row, column in np.ndindex(*counts.shape):
    cell = square[row * _CELL :, column * _CELL :][:_CELL, :_CELL]
    share = shares[row, column]
    cell[:] = 255 + share * (_INK - 255)
    cell[-1, :] = cell[:, -1] = _GRID
    if counts[row, column]:
      colour = _WHITE if share > 0.5 else _BLACK
      _centre(cell, str(counts[row, column]), colour)


def _centre(cell, text, colour):
  (width, height), _ = cv2.getTextSize(text, _FONT, _SCALE, 1)
  origin = (_CELL - width) // 2, (_CELL + height) // 2
  cv2.putText(cell, text, origin, _FONT, _SCALE, colour, 1, cv2.LINE_AA)


def _text(text, scale=_SCALE):
  """Writes black on white; returns uint8 [H, W, 3]."""
  (width, height), below = cv2.getTextSize(text, _FONT, scale, 1)
  image = np.full((height + 2 * below, width + 1, 3), 255, np.uint8)
  origin = 0, height + below // 2
  cv2.putText(image, text, origin, _FONT, scale, _BLACK, 1, cv2.LINE_AA)
  return image


def _put(picture, image, top, left):
  picture[top : top + image.shape[0], left : left + image.shape[1]] = image


def _shorten(name):
  """Cuts a long name in the middle, where names of pairs are alike."""
  if len(name) <= _MOST_LETTERS:
    return name
  half = _MOST_LETTERS // 2 - 2
  return f'{name[:half]}...{name[-half:]}'
