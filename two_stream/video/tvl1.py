"""TV-L1 optical flow: how far every pixel moved from one frame to the next.

Zach, Pock & Bischof, "A Duality Based Approach for Realtime TV-L1 Optical
Flow", DAGM 2007 ("paper"), with the discretization, the defaults and the median
filter of OpenCV's DualTVL1OpticalFlow, which made the flow that I3D was trained
on; opencv-python does not have it.

The flow u = (u1, u2) of frames I0, I1 minimizes (paper, equation 3)

    E(u) = integral of |grad u1| + |grad u2| + lambda |I1(x + u) - I0(x)|.

Around a known flow u0 the difference of the frames is linear in u,

    rho(u) = I1(x + u0) + grad I1(x + u0) . (u - u0) - I0(x),

and a second variable v, tied to u by |u - v|^2 / (2 theta), splits the problem
into two that are solved in turn:

    v   pixel by pixel (paper, equation 12):  v = u + f grad I1,
        f = -rho / |grad I1|^2, clipped to +- lambda theta;
    u   by the dual variable p of each component (paper, equations 9 to 11):
        u = v + theta div p,
        p = (p + tau/theta grad u) / (1 + tau/theta |grad u|).

Around this inner iteration: the flow is linearized anew (a "warp") 5 times at
each of 5 scales, from coarse to fine. An inner loop ends after 30 iterations,
or when the mean squared change of u falls to epsilon^2; up to 10 inner loops
make a warp, each starting from u's 5x5 median. I1(x + u0) and its gradient are
sampled bicubically.
"""

import threading

import cv2
import numpy as np

from two_stream.video import bicubic, compiled

TAU = 0.25
LAMBDA = 0.15
THETA = 0.3
NUM_SCALES = 5
SCALE_STEP = 0.8
NUM_WARPS = 5
OUTER_ITERATIONS = 10
INNER_ITERATIONS = 30
EPSILON = 0.01
MEDIAN_SIZE = 5

_MIN_SIZE = 16  # Pixels of the smallest scale's smaller side.
_TINY = np.finfo(np.float32).eps  # A squared gradient that counts as zero.
_CACHE_LINE = 16  # In float32.
_BOUND = np.float32(LAMBDA * THETA)
_TAU = np.float32(TAU)
_TAU_THETA = np.float32(TAU / THETA)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
# Pixels left of a row: one is needed, for a zero.
_LEFT = _CACHE_LINE
_BORDER = 4  # Zeros around a sampled image: a 4x4 patch fits outside it.


def optical_flow(frame: np.ndarray, next_frame: np.ndarray) -> np.ndarray:
  """Computes the TV-L1 flow between two frames, in one thread.

  Args:
    frame: uint8 [H, W], gray.
    next_frame: the same.

  Returns:
    float32 [H, W, 2]: x and y of each pixel's displacement, in pixels.

  Raises:
    ValueError: these are not two gray images of the same size.
  """
  for image in (frame, next_frame):
    if image.ndim != 2 or image.dtype != np.uint8 or not image.size:
      raise ValueError(
        f'flow is computed of gray images [H, W] of uint8, not of '
        f'{list(image.shape)} of {image.dtype}'
      )
  if frame.shape != next_frame.shape:
    raise ValueError(
      f'the frames have different sizes, {frame.shape} and {next_frame.shape}'
    )
  return _solver(*frame.shape).solve(frame, next_frame)


class Solver:
  """TV-L1 for frames of one size, in buffers that are used for every pair.

  Attributes:
    updates: how many pixels all inner iterations have updated so far. A
      benchmark reads this.
  """

  def __init__(self, height: int, width: int):
    """Makes the buffers of every scale."""
    self.updates = 0
    self._scales = [_Scale(height, width)]
    while len(self._scales) < NUM_SCALES:
      height, width = round(height * SCALE_STEP), round(width * SCALE_STEP)
      if min(height, width) < _MIN_SIZE:
        break
      self._scales.append(_Scale(height, width))

  def solve(self, frame: np.ndarray, next_frame: np.ndarray) -> np.ndarray:
    """Does what `optical_flow` does, for frames of this solver's size."""
    frames: tuple[np.ndarray, ...] = (
      frame.astype(np.float32),
      next_frame.astype(np.float32),
    )
    for scale in self._scales:
      if scale is not self._scales[0]:
        # Given the factor and not the size, OpenCV steps by SCALE_STEP exactly.
        frames = tuple(
          cv2.resize(image, None, fx=SCALE_STEP, fy=SCALE_STEP)
          for image in frames
        )
      scale.set_frames(*frames)
    flow: np.ndarray = np.zeros((2, *self._scales[-1].shape), np.float32)
    for scale in reversed(self._scales):
      if flow.shape[1:] != scale.shape:
        flow = np.stack([cv2.resize(u, scale.size) / SCALE_STEP for u in flow])
      scale.flow[:] = flow
      self.updates += scale.refine()
      flow = scale.flow
    return np.ascontiguousarray(np.moveaxis(flow, 0, -1))


class _Scale:
  """One level of the pyramid. Image row y is row y + 1 of the padded fields."""

  def __init__(self, height: int, width: int):
    self.shape = height, width
    self.size = width, height
    # u1, u2; and another pair, to receive their median.
    self._u, self._other_u = _fields(2, *self.shape), _fields(2, *self.shape)
    # p11, p12, p21, p22, each theta times the dual variable.
    self._p = _fields(4, *self.shape)
    # I1_x, I1_y, rho at u = 0.
    self._linear = _fields(3, *self.shape)
    # I1, I1_x, I1_y and an unused channel: four make a vector.
    self._next = np.zeros(
      (height + 2 * _BORDER, width + 2 * _BORDER, 4), np.float32
    )
    # 1 where a pixel has a right neighbour, 0 elsewhere.
    self._has_right = np.zeros(self._u.shape[-1], np.float32)
    self._has_right[_LEFT : _LEFT + width - 1] = 1

  @property
  def flow(self) -> np.ndarray:
    """The flow, float32 [2, H, W], which may be written to."""
    return self._inside(self._u)

  def _inside(self, fields):
    height, width = self.shape
    return fields[:, 1 : height + 1, _LEFT : _LEFT + width]

  def set_frames(self, frame: np.ndarray, next_frame: np.ndarray) -> None:
    """Takes float32 [H, W] frames."""
    self._frame = frame
    _set_image(next_frame, self._next)

  def refine(self) -> int:
    """Improves `flow`; returns how many pixels were updated."""
    iterations = 0
    self._p[:] = 0
    for _ in range(NUM_WARPS):
      _linearize(self._next.reshape(-1), self._frame, *self._u, *self._linear)
      iterations += self._iterate()
    height, width = self.shape
    return iterations * height * width

  def _iterate(self):
    """Solves the linearized problem; returns the number of iterations."""
    height, width = self.shape
    enough = EPSILON**2 * height * width
    iterations = 0
    for _ in range(OUTER_ITERATIONS):
      for u, median in zip(self.flow, self._inside(self._other_u)):
        cv2.medianBlur(u, MEDIAN_SIZE, dst=median)
      self._u, self._other_u = self._other_u, self._u
      done, change = _inner_loop(
        *self._u, *self._p, *self._linear, self._has_right, width, enough
      )
      iterations += done
      if change <= enough:
        break
    return iterations


def _fields(count, height, width):
  """Zeros for `count` fields, each row on cache lines of its own.

  A row is padded to whole vectors, which then need no remainder. In the padding
  the fields stay 0.
  """
  lines = -(-width // _CACHE_LINE)
  row = _LEFT + lines * _CACHE_LINE + _CACHE_LINE
  size = count * (height + 2) * row
  memory = np.zeros(size + _CACHE_LINE, np.float32)
  start = -memory.ctypes.data // memory.itemsize % _CACHE_LINE
  return memory[start : start + size].reshape(count, height + 2, row)


_local = threading.local()


def _solver(height, width):
  """This thread's solver; the buffers of the last size are kept."""
  if getattr(_local, 'size', None) != (height, width):
    _local.size, _local.solver = (height, width), Solver(height, width)
  return _local.solver


@compiled.kernel
def _set_image(image, bordered):
  """Sets an image [H, W] and its central differences, in a border of zeros."""
  height, width = image.shape
  for y in range(height):
    above, below = max(y - 1, 0), min(y + 1, height - 1)
    for x in range(width):
      left, right = max(x - 1, 0), min(x + 1, width - 1)
      pixel = bordered[y + _BORDER, x + _BORDER]
      pixel[0] = image[y, x]
      pixel[1] = _HALF * (image[y, right] - image[y, left])
      pixel[2] = _HALF * (image[below, x] - image[above, x])


@compiled.kernel
def _linearize(image, frame, u1, u2, image_x, image_y, rho):
  """Sets the linear fields for the flow u."""
  compiled.widest_vectors()
  height, width = frame.shape
  row = np.uint64((width + 2 * _BORDER) * 4)
  outside = np.float32(1 - _BORDER)
  corner = np.int32(_BORDER - 1)
  for y in range(height):
    z = np.uint32(y) + 1
    for x in range(width):
      c = x + _LEFT
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
  u1, u2, p11, p12, p21, p22, image_x, image_y, rho, has_right, y, width
):
  """Updates u in row y + 1 and p in row y; returns u's squared change."""
  change = np.float32(0)
  z = y + 1
  for x in range(width):
    c = x + _LEFT
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
def _inner_loop(
  u1, u2, p11, p12, p21, p22, image_x, image_y, rho, has_right, width, enough
):
  """Iterates; returns (iterations, sum of squared changes in the last one).

  A row's p needs the new u of the row below it. So a pass over the image
  updates u in row y + 1 and p in row y together, while both are in the cache.
  """
  compiled.widest_vectors()
  height = u1.shape[0] - 2
  lines = (width + _CACHE_LINE - 1) // _CACHE_LINE
  change = 0.0
  for iteration in range(INNER_ITERATIONS):
    change = 0.0
    for y in range(height + 1):
      if y == height:  # No gradient across the lower edge.
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
