"""Paints polygons into sprites, and draws sprites into frames."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from demo import objects, textures

# Pixels of a sprite for each unit of the polygons' box [-1, 1] x [-1, 1].
RESOLUTION = 80
HAND_RESOLUTION = 40
RIM = 0.12  # A part becomes darker over this distance from its edge, in units.
RIM_TONE = 0.55  # The factor on brightness at the edge itself.
SHADOW_STRENGTH = 0.45  # Opacity of shadows.
SUBPIXEL_BITS = 4  # Binary digits of a pixel's fraction in cv2.fillPoly.


class Pose(NamedTuple):
  """The place, size and angle of a sprite in a frame.

  Lengths are in frame heights.

  Attributes:
    x: distance to the right of the frame's centre.
    y: distance below the frame's centre.
    size: side of the square that is the polygons' box [-1, 1] x [-1, 1].
    angle: clockwise, in radians.
  """

  x: float
  y: float
  size: float
  angle: float = 0.0


class Sprite(NamedTuple):
  """A painted picture with transparency.

  Attributes:
    levels: uint8 RGBA pictures, each half as large as the one before. Colours
      are multiplied by alpha already.
    resolution: pixels of the first level for each unit of the polygons' box.
    anchor: (x, y) of the polygons' origin in the first level, in pixels.
    top: distance from the origin up to the highest point, as a multiple of
      `Pose.size`.
    bottom: distance from the origin down to the lowest point, likewise.
  """

  levels: list[np.ndarray]
  resolution: int
  anchor: tuple[float, ...]
  top: float
  bottom: float


def paint(
  parts: Sequence[objects.Part],
  surface: np.ndarray,
  resolution: int = RESOLUTION,
) -> Sprite:
  """Paints the parts of an object from back to front.

  Args:
    parts: pairs (polygon, paint), see objects.py.
    surface: float32 RGB [height, width, 3]. It is repeated where the parts
      reach beyond it.
    resolution: pixels for each unit of the polygons' box.

  Returns:
    A Sprite.
  """
  points = np.concatenate([polygon for polygon, _ in parts])
  # A margin of a quarter unit keeps the edges soft at every level.
  low, high = points.min(axis=0) - 0.25, points.max(axis=0) + 0.25
  width, height = np.ceil((high - low) * resolution).astype(int)
  repeat = -(-height // len(surface)), -(-width // len(surface)), 1
  surface = np.tile(surface, repeat)[:height, :width]
  rgba = np.zeros((height, width, 4), np.float32)
  for polygon, tone in parts:
    paint_part(rgba, surface, (polygon - low) * resolution, tone, resolution)
  rgba[..., :3] *= rgba[..., 3:] / 255
  return Sprite(
    levels=pyramid(np.clip(rgba, 0, 255).astype(np.uint8)),
    resolution=resolution,
    anchor=tuple(-low * resolution),
    top=-points[:, 1].min() / 2,
    bottom=points[:, 1].max() / 2,
  )


def paint_part(
  rgba: np.ndarray,
  surface: np.ndarray,
  polygon: np.ndarray,
  tone: float | objects.Rgb,
  resolution: int,
) -> None:
  """Paints one polygon, given in pixels, over `rgba` in place."""
  left, top = np.floor(polygon.min(axis=0)).astype(int) - 2
  right, bottom = np.ceil(polygon.max(axis=0)).astype(int) + 3
  mask = np.zeros((bottom - top, right - left), np.uint8)
  points = (polygon - (left, top)) * 2**SUBPIXEL_BITS
  cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
  depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3) / (RIM * resolution)
  shade = RIM_TONE + (1 - RIM_TONE) * np.minimum(depth, 1)[..., None]
  window = np.s_[top:bottom, left:right]
  flat = (
    np.asarray(tone, np.float32) if np.ndim(tone) else surface[window] * tone
  )
  coverage = mask[..., None] / np.float32(255)
  rgba[window][..., :3] += coverage * (flat * shade - rgba[window][..., :3])
  np.maximum(rgba[window][..., 3], mask, out=rgba[window][..., 3])


def pyramid(picture: np.ndarray) -> list[np.ndarray]:
  """Returns a picture at 1, 1/2, 1/4 and 1/8 of its size."""
  levels = [picture]
  for _ in range(3):
    size = [max(1, side // 2) for side in levels[-1].shape[1::-1]]
    levels.append(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA))
  return levels


def shadow(sprite: Sprite) -> Sprite:
  """Returns the soft dark shadow that a sprite casts on the surface behind."""
  levels = []
  for level in sprite.levels:
    alpha = cv2.GaussianBlur(level[..., 3], (0, 0), 0.04 * len(level))
    levels.append(np.zeros_like(level))
    levels[-1][..., 3] = alpha * SHADOW_STRENGTH
  return sprite._replace(levels=levels)


def draw(frame: np.ndarray, sprite: Sprite, pose: Pose) -> None:
  """Draws a sprite over a uint8 RGB frame, in place and between pixels."""
  height = frame.shape[0]
  scale = pose.size * height / (2 * sprite.resolution)
  level = int(np.clip(np.floor(-np.log2(scale)), 0, len(sprite.levels) - 1))
  picture = sprite.levels[level]
  # Halving maps the centre of pixel i to (i + 0.5) / 2 - 0.5.
  anchor = (np.array(sprite.anchor) + 0.5) / 2**level - 0.5
  scale *= 2**level
  cos, sin = scale * np.cos(pose.angle), scale * np.sin(pose.angle)
  turn = np.array([[cos, -sin], [sin, cos]])
  centre = np.array([frame.shape[1] / 2, height / 2]) - 0.5
  shift = centre + height * np.array([pose.x, pose.y]) - turn @ anchor

  corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) * picture.shape[1::-1]
  corners = corners @ turn.T + shift
  left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
  right, bottom = np.minimum(
    np.ceil(corners.max(axis=0)).astype(int) + 1, frame.shape[1::-1]
  )
  if left >= right or top >= bottom:
    return
  matrix = np.column_stack([turn, shift - (left, top)])
  patch = cv2.warpAffine(picture, matrix, (right - left, bottom - top))
  target = frame[top:bottom, left:right]
  behind = target.astype(np.uint16) * (255 - patch[..., 3:])
  target[:] = np.minimum(patch[..., :3] + behind // 255, 255)


def painted(
  rng: np.random.Generator, kind: str, pattern: str, colour: str
) -> Sprite:
  """Returns the sprite of an object."""
  parts = objects.CLOTH if kind == 'cloth' else objects.KINDS[kind]
  return paint(
    parts, textures.surface(rng, colour, pattern, int(2.5 * RESOLUTION))
  )


def still(rng: np.random.Generator, kind: str, size: int = 224) -> np.ndarray:
  """Returns a photograph of one training object, for pre-training on images.

  Args:
    rng: a `np.random.Generator`.
    kind: a key of `objects.KINDS`.
    size: side in pixels.

  Returns:
    uint8 RGB [size, size, 3].
  """
  sprite = painted(rng, *objects.choose(rng, 'train', kind))
  frame = textures.background(rng, size, size)
  x, y = rng.uniform(-0.15, 0.15, size=2)
  pose = Pose(x, y, rng.uniform(0.4, 0.8), rng.uniform(-0.6, 0.6))
  draw(frame, shadow(sprite), pose._replace(x=x + 0.03, y=y + 0.04))
  draw(frame, sprite, pose)
  return lit(frame, textures.light(rng, size, size))


def lit(frame: np.ndarray, light: np.ndarray) -> np.ndarray:
  """Returns a uint8 frame under a light, see `textures.light`."""
  return cv2.multiply(frame, light, dtype=cv2.CV_8U)
