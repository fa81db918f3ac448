"""Pairs of frames with known motion, rendered from formulas.

A texture is a sum of waves, so it can be looked up between pixels and a moved
one is exact.
"""

from typing import NamedTuple

import numpy as np

_WAVES = 60


class Motion(NamedTuple):
  """From one frame to the next, about a centre."""

  x: float = 0.0
  y: float = 0.0
  degrees: float = 0.0
  zoom: float = 1.0


class Scene(NamedTuple):
  """A textured background and a textured disk before it, each moving.

  Attributes:
    seed: of the textures.
    height: pixels.
    width: pixels.
    background: its `Motion`.
    disk: its `Motion`, None for no disk.
  """

  seed: int
  height: int
  width: int
  background: Motion
  disk: Motion | None = None


# Motions of several pixels on frames of the size that the videos are.
SCENES = {
  'translation': Scene(0, 256, 340, Motion(x=3.4, y=-1.7)),
  'rotation': Scene(1, 256, 340, Motion(degrees=2.0)),
  'zoom': Scene(2, 256, 340, Motion(zoom=1.03)),
  'disk': Scene(3, 256, 340, Motion(), Motion(x=6.0, y=3.0)),
  'all': Scene(4, 256, 340, Motion(-2, 1, 1, 0.98), Motion(4, 2, 4, 1.05)),
  'small': Scene(5, 61, 83, Motion(x=1.2, y=0.6)),
}


def render(scene):
  """Returns both frames, uint8 [H, W]."""
  return [_frame(scene, moved) for moved in (False, True)]


def _frame(scene, moved):
  y, x = np.mgrid[: scene.height, : scene.width].astype(float)
  centre = scene.width / 2, scene.height / 2
  image = _texture(scene.seed, *_source(x, y, centre, scene.background, moved))
  if scene.disk is not None:
    disk_x, disk_y = _source(x, y, centre, scene.disk, moved)
    inside = np.hypot(disk_x - centre[0], disk_y - centre[1]) < 60
    image = np.where(inside, _texture(scene.seed + 100, disk_x, disk_y), image)
  return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _source(x, y, centre, motion, moved):
  """Where the points of a frame were before they moved."""
  if not moved:
    return x, y
  angle = np.radians(motion.degrees)
  x, y = x - centre[0] - motion.x, y - centre[1] - motion.y
  return (
    (np.cos(angle) * x + np.sin(angle) * y) / motion.zoom + centre[0],
    (np.cos(angle) * y - np.sin(angle) * x) / motion.zoom + centre[1],
  )


def _texture(seed, x, y):
  """Gray values around 128: waves of periods from 5 to 80 pixels."""
  rng = np.random.RandomState(seed)
  image = np.full(x.shape, 128.0)
  for _ in range(_WAVES):
    period, direction, phase = (
      np.exp(rng.uniform(np.log(5), np.log(80))),
      *(rng.uniform(0, 2 * np.pi, 2)),
    )
    along = np.cos(direction) * x + np.sin(direction) * y
    image += 1.2 * np.sqrt(period) * np.sin(2 * np.pi * along / period + phase)
  return image
