"""The loops of TV-L1 over all pixels, which are compiled.

Several threads can run them at the same time, each with its own arrays.

The names are those of tvl1.py, which explains the method. Fields, such as each
component of the flow, are arrays with a padding of zeros, see `fields`.
"""

import numpy as np

from two_stream.video import bicubic, compiled

# Defaults of OpenCV's DualTVL1OpticalFlow. They are compiled into the loops.
TAU = 0.25
LAMBDA = 0.15
THETA = 0.3
INNER_ITERATIONS = 30

_TINY = np.finfo(np.float32).eps  # A squared gradient below this is none.
_CACHE_LINE = 16  # The number of float32 values in a line of the cache.
_BOUND = np.float32(LAMBDA * THETA)
_TAU = np.float32(TAU)
_TAU_THETA = np.float32(TAU / THETA)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
# Padding at the left of each row. One zero is needed there; a whole cache line
# keeps the row aligned.
LEFT = _CACHE_LINE
# Zeros around an image that is sampled. A 4x4 patch fits outside the image.
BORDER = 4


def fields(count: int, height: int, width: int) -> np.ndarray:
  """Makes padded fields of zeros, in which each row has its own cache lines.

  Rows are padded to a multiple of the cache line. So loops over whole vectors
  cover a row, and need no code for remaining pixels.

  Args:
    count: number of fields.
    height: rows of the image.
    width: columns of the image.

  Returns:
    float32 [count, height + 2, padded width].
  """
  lines = -(-width // _CACHE_LINE)
  row = LEFT + lines * _CACHE_LINE + _CACHE_LINE
  size = count * (height + 2) * row
  memory = np.zeros(size + _CACHE_LINE, np.float32)
  start = -memory.ctypes.data // memory.itemsize % _CACHE_LINE
  return memory[start : start + size].reshape(count, height + 2, row)


@compiled.kernel
def set_image(image: np.ndarray, bordered: np.ndarray) -> None:
  """Writes an image and its gradient into the middle of `bordered`.

  Args:
    image: float32 [H, W].
    bordered: float32 [H + 2 * BORDER, W + 2 * BORDER, 4]. Channel 0 is set to
      the image, and channels 1 and 2 to its central differences in x and y.
  """
  height, width = image.shape
  for y in range(height):
    above, below = max(y - 1, 0), min(y + 1, height - 1)
    for x in range(width):
      left, right = max(x - 1, 0), min(x + 1, width - 1)
      pixel = bordered[y + BORDER, x + BORDER]
      pixel[0] = image[y, x]
      pixel[1] = _HALF * (image[y, right] - image[y, left])
      pixel[2] = _HALF * (image[below, x] - image[above, x])


@compiled.kernel
def linearize(
  image: np.ndarray,
  frame: np.ndarray,
  u1: np.ndarray,
  u2: np.ndarray,
  image_x: np.ndarray,
  image_y: np.ndarray,
  rho: np.ndarray,
) -> None:
  """Linearizes the difference of the frames around the flow.

  Args:
    image: the next frame and its gradient, flat, as `set_image` writes them.
    frame: float32 [H, W], the frame.
    u1: the flow in x, a padded field.
    u2: the flow in y.
    image_x: set to the gradient in x of the next frame at x + u.
    image_y: set to the gradient in y.
    rho: set to what rho is for a flow of zero.
  """
  compiled.widest_vectors()
  height, width = frame.shape
  row = np.uint64((width + 2 * BORDER) * 4)
  outside = np.float32(1 - BORDER)
  corner = np.int32(BORDER - 1)
  for y in range(height):
    z = np.uint32(y) + 1
    for x in range(width):
      c = x + LEFT
      old1, old2 = u1[z, c], u2[z, c]
      to_x = min(max(np.float32(x) + old1, outside), np.float32(width + 1))
      to_y = min(max(np.float32(y) + old2, outside), np.float32(height + 1))
      left, top = np.floor(to_x), np.floor(to_y)
      first = np.uint64(np.uint32(np.int32(top) + corner)) * row
      first += np.uint64(np.uint32(np.int32(left) + corner)) * np.uint64(4)
      value, dx, dy, _ = bicubic.sample(
        image, first, row, to_x - left, to_y - top
      )
      image_x[z, c], image_y[z, c] = dx, dy
      rho[z, c] = value - dx * old1 - dy * old2 - frame[y, x]


@compiled.part
def _update_rows(
  u1: np.ndarray,
  u2: np.ndarray,
  p11: np.ndarray,
  p12: np.ndarray,
  p21: np.ndarray,
  p22: np.ndarray,
  image_x: np.ndarray,
  image_y: np.ndarray,
  rho: np.ndarray,
  has_right: np.ndarray,
  y: np.uint32,
  width: int,
) -> np.float32:
  """Updates u in row y + 1 and p in row y of the fields.

  The other arguments are those of `inner_loop`, but the width is rounded up to
  whole cache lines.

  Returns:
    The sum of the squared changes of u.
  """
  change = np.float32(0)
  z = y + 1
  for x in range(width):
    c = x + LEFT
    old1, old2 = u1[z, c], u2[z, c]
    dx, dy = image_x[z, c], image_y[z, c]
    f = -(rho[z, c] + dx * old1 + dy * old2) / max(dx * dx + dy * dy, _TINY)
    f = min(max(f, -_BOUND), _BOUND)
    above1, above2 = p12[y, c], p22[y, c]
    d1 = f * dx + (p11[z, c] - p11[z, c - 1] + p12[z, c] - above1)
    d2 = f * dy + (p21[z, c] - p21[z, c - 1] + p22[z, c] - above2)
    new1, new2 = old1 + d1, old2 + d2
    u1[z, c], u2[z, c] = new1, new2
    change += d1 * d1 + d2 * d2

    u1_x = (u1[y, c + 1] - u1[y, c]) * has_right[c]
    u2_x = (u2[y, c + 1] - u2[y, c]) * has_right[c]
    u1_y, u2_y = new1 - u1[y, c], new2 - u2[y, c]
    norm1 = _ONE + _TAU_THETA * np.sqrt(u1_x * u1_x + u1_y * u1_y)
    norm2 = _ONE + _TAU_THETA * np.sqrt(u2_x * u2_x + u2_y * u2_y)
    p11[y, c] = (p11[y, c] + _TAU * u1_x) / norm1
    p12[y, c] = (above1 + _TAU * u1_y) / norm1
    p21[y, c] = (p21[y, c] + _TAU * u2_x) / norm2
    p22[y, c] = (above2 + _TAU * u2_y) / norm2
  return change


@compiled.kernel
def inner_loop(
  u1: np.ndarray,
  u2: np.ndarray,
  p11: np.ndarray,
  p12: np.ndarray,
  p21: np.ndarray,
  p22: np.ndarray,
  image_x: np.ndarray,
  image_y: np.ndarray,
  rho: np.ndarray,
  has_right: np.ndarray,
  width: int,
  enough: float,
) -> tuple[int, float]:
  """Updates u and p up to INNER_ITERATIONS times.

  The p of a row needs the new u of the row below. So a pass over the image
  updates u in row y + 1 and p in row y together, while both are in the cache.

  Args:
    u1: the flow in x, a padded field, which is updated.
    u2: the flow in y, which is updated.
    p11: theta times the dual variable of u1 in x, which is updated.
    p12: the same of u1 in y.
    p21: the same of u2 in x.
    p22: the same of u2 in y.
    image_x: gradient in x of the next frame.
    image_y: gradient in y of the next frame.
    rho: what rho is for a flow of zero.
    has_right: 1 for columns that have a right neighbour, 0 for others.
    width: columns of the image.
    enough: the loop ends if the sum of the squared changes of u is not larger.

  Returns:
    (number of iterations, sum of the squared changes of u in the last one).
  """
  compiled.widest_vectors()
  height = u1.shape[0] - 2
  lines = (width + _CACHE_LINE - 1) // _CACHE_LINE
  change = 0.0
  for iteration in range(INNER_ITERATIONS):
    change = 0.0
    for y in range(height + 1):
      if y == height:  # There is no gradient across the lower edge.
        u1[height + 1] = u1[height]
        u2[height + 1] = u2[height]
      change += _update_rows(
        u1,
        u2,
        p11,
        p12,
        p21,
        p22,
        image_x,
        image_y,
        rho,
        has_right,
        np.uint32(y),
        lines * _CACHE_LINE,
      )
      if y == 0:  # p is zero above the image.
        p12[0] = 0
        p22[0] = 0
    if change <= enough:
      return iteration + 1, change
  return INNER_ITERATIONS, change
