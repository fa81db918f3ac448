"""Clips to look at: looping animations, with flow in colours.

The hue of a colour is the direction of the flow, its saturation is the length.
White does not move. `flow_wheel` draws the colours of all directions.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from two_stream.video import pixels

# A GIF is several times larger than a WebP, but every program shows it. For
# OpenCV, quality 8 means 256 colours for each frame, and dither 3 means none;
# dithered frames would flicker.
_SETTINGS = {
  '.webp': [cv2.IMWRITE_WEBP_QUALITY, 80],
  '.gif': [cv2.IMWRITE_GIF_QUALITY, 8, cv2.IMWRITE_GIF_DITHER, 3],
}
_WHEEL_SIZE = 96  # Pixels.


def encode(
  frames: np.ndarray | Sequence[np.ndarray],
  frames_per_second: float,
  ending: str,
) -> bytes:
  """Encodes an animation that repeats for ever.

  Args:
    frames: uint8 [T, H, W, 3], RGB.
    frames_per_second: how fast the animation plays.
    ending: the file format, '.webp' or '.gif'.

  Returns:
    The bytes of the file.
  """
  animation = cv2.Animation()
  animation.frames = [
    np.ascontiguousarray(frame[..., ::-1]) for frame in frames
  ]
  animation.durations = [round(1000 / frames_per_second)] * len(frames)
  animation.loop_count = 0  # The animation repeats for ever.
  _, encoded = cv2.imencodeanimation(ending, animation, _SETTINGS[ending])
  return encoded.tobytes()


def rgb_frames(clip: np.ndarray) -> np.ndarray:
  """Returns frames uint8 [T, H, W, 3] of an RGB clip with values in [-1, 1]."""
  return pixels.unscale_rgb(clip)


def flow_frames(clip: np.ndarray) -> tuple[np.ndarray, float]:
  """Draws a flow clip.

  Args:
    clip: float32 [T, H, W, 2], values in [-1, 1].

  Returns:
    (frames, RGB, uint8 [T, H, W, 3]; the length of flow, in pixels per frame,
    from which on the colour is full).
  """
  flow = clip * pixels.FLOW_BOUND
  # The longest 0.5 % of vectors do not count, because a few wrong ones would
  # make all others pale. At least 1 pixel is full, so that noise stays pale.
  longest = max(1.0, float(np.percentile(np.linalg.norm(flow, axis=-1), 99.5)))
  return np.stack([colour_flow(frame / longest) for frame in flow]), longest


def colour_flow(flow: np.ndarray) -> np.ndarray:
  """Turns vectors into colours, which are full from length 1 on.

  Args:
    flow: float32 [H, W, 2], (x, y).

  Returns:
    The colours, RGB, uint8 [H, W, 3].
  """
  length, degrees = cv2.cartToPolar(
    flow[..., 0], flow[..., 1], angleInDegrees=True
  )
  # OpenCV counts hues in steps of two degrees, 0 to 179.
  hsv = np.stack(
    [degrees / 2 % 180, 255 * np.minimum(length, 1), np.full_like(length, 255)],
    axis=-1,
  )
  return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)


def flow_wheel() -> bytes:
  """Returns a PNG file that shows the colours of all directions and lengths."""
  axis = np.linspace(-1, 1, _WHEEL_SIZE, dtype=np.float32)
  flow = np.stack(np.meshgrid(axis, axis), axis=-1)
  picture = colour_flow(flow)
  picture[np.linalg.norm(flow, axis=-1) > 1] = 255
  return cv2.imencode('.png', picture[..., ::-1])[1].tobytes()
