"""Bilinear resizing as TensorFlow 1 did it, which the FVD is defined with.

This is `tf.compat.v1.image.resize_bilinear` with its defaults, `align_corners`
and `half_pixel_centers` both false: pixel i of the result lies at i * (old size
/ new size) of the source, so that the first pixels coincide and the last ones
do not. There is no smoothing before an image becomes smaller.
"""

import numpy as np


def resize(image: np.ndarray, size: int) -> np.ndarray:
  """Resizes an image to a square.

  Args:
    image: [H, W, channels], integers or floats.
    size: pixels of each side of the result.

  Returns:
    float32 [size, size, channels]. Values are not rounded.
  """
  top, bottom, down = _places(image.shape[0], size)
  left, right, across = _places(image.shape[1], size)
  down, across = down[:, np.newaxis, np.newaxis], across[:, np.newaxis]
  above, below = (
    _between(
      image[rows][:, left].astype(np.float32),
      image[rows][:, right].astype(np.float32),
      across,
    )
    for rows in (top, bottom)
  )
  return _between(above, below, down)


def _places(
  old_size: int, new_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Tells what each pixel of the result is made of, along one side.

  Returns:
    (the pixel before it; the pixel after it; float32, how near it is to the
    latter, 0 to 1).
  """
  scale = np.float32(old_size) / np.float32(new_size)
  place = np.arange(new_size, dtype=np.float32) * scale
  before = np.floor(place).astype(np.int64)
  after = np.minimum(before + 1, old_size - 1)
  return before, after, place - before.astype(np.float32)


def _between(
  first: np.ndarray, second: np.ndarray, share: np.ndarray
) -> np.ndarray:
  """Interpolates between two images."""
  return first + (second - first) * share
