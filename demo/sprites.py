"""Painting polygons into sprites, and drawing sprites into frames."""

from typing import NamedTuple

import cv2
import numpy as np

from demo import objects, textures

RESOLUTION = 80  # painted pixels a unit of an object's box
HAND_RESOLUTION = 40
RIM = 0.12  # units over which a part darkens towards its edge
RIM_TONE = 0.55
SHADOW_STRENGTH = 0.45
SUBPIXEL_BITS = 4


class Pose(NamedTuple):
  """Where a sprite is; lengths in frame heights, from the frame's centre.

  x grows to the right, y downwards, angle clockwise in radians. `size` is the
  side of the polygons' [-1, 1] x [-1, 1] box.
  """

  x: float
  y: float
  size: float
  angle: float = 0.0


class Sprite(NamedTuple):
  """A painted picture with transparency.

  Attributes:
    levels: uint8 RGBA pictures, colour premultiplied by alpha, each half as
      large as the one before.
    resolution: pixels of the first level a unit of the polygons' box.
    anchor: (x, y) in the first level of the polygons' origin, pixels.
    top: distance from the origin up to the highest point, in `Pose.size`s.
    bottom: distance from the origin down to the lowest point, likewise.
  """

  levels: list
  resolution: int
  anchor: tuple
  top: float
  bottom: float


def paint(parts, surface, resolution=RESOLUTION):
  """Paints parts (see objects.py) back to front.

  Args:
    parts: list of (polygon, paint).
    surface: float32 RGB, repeated where the parts reach beyond it.
    resolution: pixels a unit of the polygons' box.

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


def paint_part(rgba, surface, polygon, tone, resolution):
  """Paints one polygon (in pixels) over `rgba`, in place."""
  left, top = np.floor(polygon.min(axis=0)).astype(int) - 2
  right, bottom = np.ceil(polygon.max(axis=0)).astype(int) + 3
  mask = np.zeros((bottom - top, right - left), np.uint8)
  points = (polygon - (left, top)) * 2**SUBPIXEL_BITS
  cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
  depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3) / (RIM * resolution)
  shade = RIM_TONE + (1 - RIM_TONE) * np.minimum(depth, 1)[..., None]
  window = np.s_[top:bottom, left:right]
  flat = np.float32(tone) if np.ndim(tone) else surface[window] * tone
  coverage = mask[..., None] / np.float32(255)
  rgba[window][..., :3] += coverage * (flat * shade - rgba[window][..., :3])
  np.maximum(rgba[window][..., 3], mask, out=rgba[window][..., 3])


def pyramid(picture):
  """The picture at 1, 1/2, 1/4 and 1/8 of its size."""
  levels = [picture]
  for _ in range(3):
    size = [max(1, side // 2) for side in levels[-1].shape[1::-1]]
    levels.append(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA))
  return levels


def shadow(sprite):
  """The soft dark shape that a sprite throws on the surface behind it."""
  levels = []
  for level in sprite.levels:
    alpha = cv2.GaussianBlur(level[..., 3], (0, 0), 0.04 * len(level))
    levels.append(np.zeros_like(level))
    levels[-1][..., 3] = alpha * SHADOW_STRENGTH
  return sprite._replace(levels=levels)


def draw(frame, sprite, pose):
  """Draws a sprite over a uint8 RGB frame, in place, at subpixel precision."""
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


def painted(rng, kind, pattern, colour):
  """The sprite of an object."""
  parts = objects.CLOTH if kind == 'cloth' else objects.KINDS[kind]
  return paint(
    parts, textures.surface(rng, colour, pattern, int(2.5 * RESOLUTION))
  )


def still(rng, kind, size=224):
  """A photograph of one training object, for pre-training on still images.

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


def lit(frame, light):
  """The frame under a light of `textures.light`."""
  return cv2.multiply(frame, light, dtype=cv2.CV_8U)
