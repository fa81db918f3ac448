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
make a warp, each starting from u's 5x5 median.
"""

import functools

import cv2
import numba
import numpy as np
from numba.core import compiler

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
# Pixels left of a row: one is needed, for a zero; 16 float32 fill a cache line.
_LEFT = 16


def optical_flow(frame, next_frame):
  """Computes the TV-L1 flow between two frames, in one thread.

  Args:
    frame: uint8 [H, W], gray.
    next_frame: the same.

  Returns:
    float32 [H, W, 2]: x and y of each pixel's displacement, in pixels.

  Raises:
    ValueError: if these are not two gray images of one size.
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
  """TV-L1 for frames of one size, in buffers that are used again and again.

  Attributes:
    updates: how many pixels the inner iterations of all pairs so far have
      updated, for benchmarks.
  """

  def __init__(self, height, width):
    """Makes the buffers of every scale."""
    self.updates = 0
    self._scales = [_Scale(height, width)]
    while len(self._scales) < NUM_SCALES:
      height, width = round(height * SCALE_STEP), round(width * SCALE_STEP)
      if min(height, width) < _MIN_SIZE:
        break
      self._scales.append(_Scale(height, width))

  def solve(self, frame, next_frame):
    """As `optical_flow`, for frames of this solver's size."""
    frames = frame.astype(np.float32), next_frame.astype(np.float32)
    for scale in self._scales:
      if scale is not self._scales[0]:
        frames = [cv2.resize(image, scale.size) for image in frames]
      scale.set_frames(*frames)
    flow = np.zeros((2, *self._scales[-1].shape), np.float32)
    for scale in reversed(self._scales):
      if flow.shape[1:] != scale.shape:
        flow = [cv2.resize(u, scale.size) / SCALE_STEP for u in flow]
      scale.flow[:] = flow
      self.updates += scale.refine()
      flow = scale.flow
    return np.ascontiguousarray(np.moveaxis(flow, 0, -1))


class _Scale:
  """One level of the pyramid. Image row y is row y + 1 of the padded fields."""

  def __init__(self, height, width):
    self.shape = height, width
    self.size = width, height
    self._y, self._x = np.mgrid[:height, :width].astype(np.float32)
    # u1, u2, p11, p12, p21, p22; p is theta times the dual variable.
    self._state = np.zeros((6, height + 2, _LEFT + width + 1), np.float32)
    # I1_x, I1_y, rho at u = 0, -1 / |grad I1|^2.
    self._linear = np.zeros((4, height + 2, _LEFT + width + 1), np.float32)
    self.flow = self._state[:2, 1:-1, _LEFT:-1]

  def set_frames(self, frame, next_frame):
    """Takes float32 [H, W] frames."""
    self._frame = frame
    self._next = np.dstack([next_frame, *_gradient(next_frame)])

  def refine(self):
    """Improves `flow`; returns how many pixels were updated."""
    iterations = 0
    self._state[2:] = 0
    for _ in range(NUM_WARPS):
      u1, u2 = self.flow
      warped = cv2.remap(
        self._next,
        self._x + u1,
        self._y + u2,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
      )
      _linearize(warped, self._frame, self._state, self._linear)
      iterations += self._iterate()
    height, width = self.shape
    return iterations * height * width

  def _iterate(self):
    """Solves the linearized problem; returns the number of iterations."""
    height, width = self.shape
    enough = EPSILON**2 * height * width
    iterations = 0
    for _ in range(OUTER_ITERATIONS):
      for u in self.flow:
        u[:] = cv2.medianBlur(np.ascontiguousarray(u), MEDIAN_SIZE)
      self._state[:2, :, -1] = self._state[:2, :, -2]
      done, change = _inner_loop(*self._state, *self._linear, enough)
      iterations += done
      if change <= enough:
        break
    return iterations


_solvers = {}


def _solver(height, width):
  """The solver of a size; the buffers of the last size are kept."""
  if (height, width) not in _solvers:
    _solvers.clear()
    _solvers[height, width] = Solver(height, width)
  return _solvers[height, width]


def _gradient(image):
  """Central differences along x and y, halved one-sided ones at the edges."""
  padded = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
  x = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
  y = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
  return x, y


class _NoAlias(compiler.CompilerBase):
  """Promises that arrays do not overlap, so that loops are vectorized."""

  def define_pipelines(self):
    self.state.flags.noalias = True
    return [compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)]


def _kernel(**options):
  """Compiles a function at its first call, and keeps the result on disk."""

  def decorate(function):
    compiled = functools.partial(
      numba.njit, function, fastmath=True, error_model='numpy', **options
    )
    try:
      return compiled(cache=True)
    except RuntimeError:  # No folder of the cache can be written.
      return compiled()

  return decorate


@_kernel()
def _linearize(warped, frame, state, linear):
  """Sets the `linear` fields for the flow in `state`."""
  height, width = frame.shape
  for y in range(height):
    for x in range(width):
      z, c = y + 1, x + _LEFT
      image, image_x, image_y = warped[y, x]
      u1, u2 = state[0, z, c], state[1, z, c]
      square = image_x * image_x + image_y * image_y
      linear[0, z, c] = image_x
      linear[1, z, c] = image_y
      linear[2, z, c] = image - image_x * u1 - image_y * u2 - frame[y, x]
      linear[3, z, c] = -1 / square if square > _TINY else np.float32(0)


_BOUND = np.float32(LAMBDA * THETA)
_TAU = np.float32(TAU)
_TAU_THETA = np.float32(TAU / THETA)
_ONE = np.float32(1)


# Part of its caller's code. Compiled apart, it is optimized otherwise when it
# comes from the cache, and the flow differs in the last bits.
@numba.njit(inline='always')
def _update_rows(
  u1, u2, p11, p12, p21, p22, image_x, image_y, rho, factor, y, width
):
  """Updates u in row y + 1 and p in row y; returns u's squared change."""
  change = np.float32(0)
  z = y + 1
  for x in range(width):
    c = x + _LEFT
    old1, old2 = u1[z, c], u2[z, c]
    f = (rho[z, c] + image_x[z, c] * old1 + image_y[z, c] * old2) * factor[z, c]
    f = min(max(f, -_BOUND), _BOUND)
    above1, above2 = p12[y, c], p22[y, c]
    d1 = f * image_x[z, c] + (p11[z, c] - p11[z, c - 1] + p12[z, c] - above1)
    d2 = f * image_y[z, c] + (p21[z, c] - p21[z, c - 1] + p22[z, c] - above2)
    new1, new2 = old1 + d1, old2 + d2
    u1[z, c], u2[z, c] = new1, new2
    change += d1 * d1 + d2 * d2

    u1_x, u1_y = u1[y, c + 1] - u1[y, c], new1 - u1[y, c]
    u2_x, u2_y = u2[y, c + 1] - u2[y, c], new2 - u2[y, c]
    norm1 = _ONE + _TAU_THETA * np.sqrt(u1_x * u1_x + u1_y * u1_y)
    norm2 = _ONE + _TAU_THETA * np.sqrt(u2_x * u2_x + u2_y * u2_y)
    p11[y, c] = (p11[y, c] + _TAU * u1_x) / norm1
    p12[y, c] = (above1 + _TAU * u1_y) / norm1
    p21[y, c] = (p21[y, c] + _TAU * u2_x) / norm2
    p22[y, c] = (above2 + _TAU * u2_y) / norm2
  return change


@_kernel(pipeline_class=_NoAlias)
def _inner_loop(
  u1, u2, p11, p12, p21, p22, image_x, image_y, rho, factor, enough
):
  """Iterates; returns (iterations, sum of squared changes in the last one).

  A row's p needs the new u of the row below it. So a pass over the image
  updates u in row y + 1 and p in row y together, while both are in the cache.
  """
  height, width = u1.shape[0] - 2, u1.shape[1] - _LEFT - 1
  change = np.float32(0)
  for iteration in range(INNER_ITERATIONS):
    change = np.float32(0)
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
        factor,
        np.uint32(y),
        width,
      )
      if y == 0:  # p is zero above the image.
        p12[0] = 0
        p22[0] = 0
      # No gradient across the right edge.
      u1[y + 1, _LEFT + width] = u1[y + 1, _LEFT + width - 1]
      u2[y + 1, _LEFT + width] = u2[y + 1, _LEFT + width - 1]
    if change <= enough:
      return iteration + 1, change
  return INNER_ITERATIONS, change
