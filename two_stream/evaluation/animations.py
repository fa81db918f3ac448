"""Clips to look at: looping animations, with flow in colours.

The hue of a flow is its direction and the saturation its length, as in the
colour wheel of `flow_wheel`: white does not move.
"""

import cv2
import numpy as np

from two_stream.video import pixels

# A GIF is several times larger than a WebP, but shown everywhere. In OpenCV's
# terms 8 is 256 colours for each frame and 3 is no dither, which would flicker.
_SETTINGS = {
  '.webp': [cv2.IMWRITE_WEBP_QUALITY, 80],
  '.gif': [cv2.IMWRITE_GIF_QUALITY, 8, cv2.IMWRITE_GIF_DITHER, 3],
}
_WHEEL_SIZE = 96  # Pixels.


def encode(frames, frames_per_second, ending):
  """Makes an animation that loops.

  Args:
    frames: uint8 [T, H, W, 3], RGB.
    frames_per_second: how fast it plays.
    ending: '.webp' or '.gif'.

  Returns:
    The bytes of the file.
  """
  animation = cv2.Animation()
  animation.frames = [
    np.ascontiguousarray(frame[..., ::-1]) for frame in frames
  ]
  animation.durations = [round(1000 / frames_per_second)] * len(frames)
  animation.loop_count = 0  # Without end.
  _, encoded = cv2.imencodeanimation(ending, animation, _SETTINGS[ending])
  return encoded.tobytes()


def rgb_frames(clip):
  """Maps the network's RGB, [-1, 1], back to uint8."""
  return pixels.unscale_rgb(clip)


def flow_frames(clip):
  """Draws the network's flow.

  Args:
    clip: float32 [T, H, W, 2], values in [-1, 1].

  Returns:
    (uint8 [T, H, W, 3], RGB; pixels a frame that have the fullest colour).
  """
  flow = clip * pixels.FLOW_BOUND
  # A few wild vectors would leave the rest pale; noise is to stay pale.
  longest = max(1.0, float(np.percentile(np.linalg.norm(flow, axis=-1), 99.5)))
  return np.stack([colour_flow(frame / longest) for frame in flow]), longest


def colour_flow(flow):
  """Turns vectors into colours, fullest at length 1.

  Args:
    flow: float32 [H, W, 2], (x, y).

  Returns:
    uint8 [H, W, 3], RGB.
  """
  length, degrees = cv2.cartToPolar(
    flow[..., 0], flow[..., 1], angleInDegrees=True
  )
  # OpenCV has half degrees for hues.
  hsv = np.stack(
    [degrees / 2 % 180, 255 * np.minimum(length, 1), np.full_like(length, 255)],
    axis=-1,
  )
  return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)


def flow_wheel():
  """Draws the colours of all directions; returns the bytes of a PNG file."""
  axis = np.linspace(-1, 1, _WHEEL_SIZE, dtype=np.float32)
  flow = np.stack(np.meshgrid(axis, axis), axis=-1)
  picture = colour_flow(flow)
  picture[np.linalg.norm(flow, axis=-1) > 1] = 255
  return cv2.imencode('.png', picture[..., ::-1])[1].tobytes()
