"""From the pixels of a frame to the values that the network sees.

The steps are DeepMind's (README of google-deepmind/kinetics-i3d): the smaller
side is resized to 256 pixels by bilinear interpolation, a crop of 224 x 224
pixels is cut out, and its values are mapped to [-1, 1].

Clips are stored in uint8. An RGB value is stored as it is. A displacement of
the flow is stored as a code: 128 is zero exactly, 1 is -20 pixels and 255 is
+20 pixels. `unit_range` maps both kinds of uint8 to [-1, 1]. It consists of
arithmetic that NumPy and TensorFlow have in common, so both use this one
function.
"""

from typing import Any

import cv2
import numpy as np

SHORT_SIDE = 256
CROP_SIZE = 224

FLOW_BOUND = 20.0  # Pixels. Larger displacements are clipped to this.
FLOW_ZERO = 128  # The code of no displacement.
FLOW_STEPS = 127  # The number of codes from zero to the bound.
_RGB_HALF_RANGE = 127.5

# The most memory that the frames of one clip may take: 512 MiB are a minute of
# 25 frames a second of 16:9 video at the size above.
MAX_CLIP_BYTES = 512 * 2**20
# The most frames of a clip that the network gets: as many as fill that memory.
MAX_FRAMES = MAX_CLIP_BYTES // (CROP_SIZE * CROP_SIZE * 3)


def resized(height: int, width: int, short_side: int) -> tuple[int, int]:
  """Computes (height, width) of a frame whose smaller side is `short_side`."""
  scale = short_side / min(height, width)
  return (
    max(short_side, round(height * scale)),
    max(short_side, round(width * scale)),
  )


def resize_into(frame: np.ndarray, result: np.ndarray) -> None:
  """Resizes a frame bilinearly, up or down.

  Args:
    frame: uint8 [H, W, 3].
    result: uint8 [H', W', 3], contiguous, which is overwritten.
  """
  size = result.shape[1::-1]
  cv2.resize(frame, size, dst=result, interpolation=cv2.INTER_LINEAR)


def center_corner(height: Any, width: Any) -> tuple[Any, Any]:
  """Gives (top, left) of the centre crop of an image.

  Args:
    height: an int or an integer tensor.
    width: the same.
  """
  return (height - CROP_SIZE) // 2, (width - CROP_SIZE) // 2


def center_crop(images: np.ndarray) -> np.ndarray:
  """Cuts the middle 224 x 224 pixels out of [..., H, W, channels]."""
  top, left = center_corner(*images.shape[-3:-1])
  return images[..., top : top + CROP_SIZE, left : left + CROP_SIZE, :]


def unit_range(values: Any, stream: str) -> Any:
  """Maps the values of a stored clip to [-1, 1].

  Args:
    values: float32, an array or a tensor of any shape: RGB values from 0 to
      255, or flow codes from 1 to 255.
    stream: 'rgb' or 'flow'.

  Returns:
    float32 of the same kind and shape.
  """
  if stream == 'rgb':
    return values / _RGB_HALF_RANGE - 1
  return (values - FLOW_ZERO) / FLOW_STEPS


def scale_rgb(frames: np.ndarray) -> np.ndarray:
  """Maps uint8 RGB values, 0 to 255, to float32 in [-1, 1]."""
  return unit_range(frames.astype(np.float32), 'rgb')


def unscale_rgb(frames: np.ndarray) -> np.ndarray:
  """Maps float32 in [-1, 1], clipped to it, to the nearest uint8 RGB values."""
  return np.rint((np.clip(frames, -1, 1) + 1) * _RGB_HALF_RANGE).astype(
    np.uint8
  )


def scale_flow(flow: np.ndarray) -> np.ndarray:
  """Clips pixels to [-20, 20] and maps them to float32 in [-1, 1]."""
  bound = np.float32(FLOW_BOUND)
  return np.clip(flow, -bound, bound).astype(np.float32) / bound


def flow_codes(flow: np.ndarray) -> np.ndarray:
  """Turns displacements in pixels, float32, into codes, uint8 from 1 to 255.

  Displacements beyond 20 pixels are clipped. The others are rounded by at most
  half a step, 0.079 pixels.
  """
  codes = np.rint(scale_flow(flow) * FLOW_STEPS) + FLOW_ZERO
  return codes.astype(np.uint8)
