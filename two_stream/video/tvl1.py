"""TV-L1 optical flow: how far every pixel moved from one frame to the next.

The method is that of Zach, Pock & Bischof, "A Duality Based Approach for
Realtime TV-L1 Optical Flow", DAGM 2007 ("paper"). Discretization, defaults and
the median filter are those of OpenCV's DualTVL1OpticalFlow, which made the flow
that I3D was trained on. The package opencv-python does not contain that class.

The flow u = (u1, u2) of frames I0, I1 minimizes (paper, equation 3)

    E(u) = integral of |grad u1| + |grad u2| + lambda |I1(x + u) - I0(x)|.

Around a known flow u0, the difference of the frames is nearly linear in u:

    rho(u) = I1(x + u0) + grad I1(x + u0) . (u - u0) - I0(x).

A second variable v, which the term |u - v|^2 / (2 theta) keeps near u, splits
the problem into two that are solved in turn:

    v   pixel by pixel (paper, equation 12):  v = u + f grad I1,
        f = -rho / |grad I1|^2, clipped to +- lambda theta;
    u   by the dual variable p of each component (paper, equations 9 to 11):
        u = v + theta div p,
        p = (p + tau/theta grad u) / (1 + tau/theta |grad u|).

These two steps are one iteration. An inner loop repeats them 30 times, or until
the mean squared change of u is at most epsilon^2. A warp linearizes rho around
the present flow, and then runs up to 10 inner loops. Each inner loop starts
from the 5x5 median of u. Each of 5 scales has 5 warps, and the scales go from
coarse to fine. I1(x + u0) and its gradient are sampled bicubically.
"""

import threading

import cv2
import numpy as np

from two_stream.video import tvl1_kernels

# The defaults of OpenCV's DualTVL1OpticalFlow; tvl1_kernels.py has the others.
NUM_SCALES = 5
SCALE_STEP = 0.8
NUM_WARPS = 5
OUTER_ITERATIONS = 10
EPSILON = 0.01
MEDIAN_SIZE = 5

_MIN_SIZE = 16  # No scale has fewer pixels on a side.


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

  def __init__(self, height: int, width: int) -> None:
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
        # If OpenCV is given the factor instead of the size, the samples are
        # exactly 1 / SCALE_STEP pixels apart.
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
  """One scale of the pyramid.

  Fields are padded, see `tvl1_kernels.fields`.
  """

  def __init__(self, height: int, width: int) -> None:
    self.shape = height, width
    self.size = width, height
    # The flow (u1, u2), and a second pair that receives its median.
    self._u, self._other_u = (
      tvl1_kernels.fields(2, *self.shape),
      tvl1_kernels.fields(2, *self.shape),
    )
    # p11, p12, p21, p22: theta times the dual variables.
    self._p = tvl1_kernels.fields(4, *self.shape)
    # The gradient of I1 in x, the same in y, and rho at u = 0.
    self._linear = tvl1_kernels.fields(3, *self.shape)
    # Channels: I1, its gradient in x and in y, and an unused one. A processor
    # reads four channels as one vector.
    self._next = np.zeros(
      (height + 2 * tvl1_kernels.BORDER, width + 2 * tvl1_kernels.BORDER, 4),
      np.float32,
    )
    # 1 for columns that have a right neighbour, 0 for others.
    self._has_right = np.zeros(self._u.shape[-1], np.float32)
    self._has_right[tvl1_kernels.LEFT : tvl1_kernels.LEFT + width - 1] = 1

  @property
  def flow(self) -> np.ndarray:
    """The flow, float32 [2, H, W], which may be written to."""
    return self._inside(self._u)

  def _inside(self, fields: np.ndarray) -> np.ndarray:
    """Returns the fields without their padding."""
    height, width = self.shape
    return fields[
      :, 1 : height + 1, tvl1_kernels.LEFT : tvl1_kernels.LEFT + width
    ]

  def set_frames(self, frame: np.ndarray, next_frame: np.ndarray) -> None:
    """Sets the two frames, float32 [H, W]."""
    self._frame = frame
    tvl1_kernels.set_image(next_frame, self._next)

  def refine(self) -> int:
    """Improves `flow`. Returns the sum of the updated pixels of all iterations.

    The frames must have been set, and `flow` must have a first estimate.
    """
    iterations = 0
    self._p[:] = 0
    for _ in range(NUM_WARPS):
      tvl1_kernels.linearize(
        self._next.reshape(-1), self._frame, *self._u, *self._linear
      )
      iterations += self._iterate()
    height, width = self.shape
    return iterations * height * width

  def _iterate(self) -> int:
    """Solves the linearized problem. Returns the number of iterations."""
    height, width = self.shape
    enough = EPSILON**2 * height * width
    iterations = 0
    for _ in range(OUTER_ITERATIONS):
      for u, median in zip(self.flow, self._inside(self._other_u)):
        cv2.medianBlur(u, MEDIAN_SIZE, dst=median)
      self._u, self._other_u = self._other_u, self._u
      done, change = tvl1_kernels.inner_loop(
        *self._u, *self._p, *self._linear, self._has_right, width, enough
      )
      iterations += done
      if change <= enough:
        break
    return iterations


_local = threading.local()


def _solver(height: int, width: int) -> Solver:
  """Returns this thread's solver, which is kept until the size changes."""
  if getattr(_local, 'size', None) != (height, width):
    _local.size, _local.solver = (height, width), Solver(height, width)
  return _local.solver
