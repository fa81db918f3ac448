"""Pairs of frames with known motion, rendered from formulas.

A texture is a sum of waves. Its value is known between pixels too, so that
moving it by any distance is exact.
"""

from typing import NamedTuple

import numpy as np

_WAVES = 60


class Motion(NamedTuple):
  """A motion from one frame to the next.

  Attributes:
    x: pixels to the right.
    y: pixels downwards.
    degrees: angle of a rotation about the frame's centre, clockwise.
    zoom: factor by which distances from the frame's centre grow.
  """

  x: float = 0.0
  y: float = 0.0
  degrees: float = 0.0
  zoom: float = 1.0


class Scene(NamedTuple):
  """A textured background and a textured disk before it, each moving.

  Attributes:
    seed: of the textures.
    height: of the frames, in pixels.
    width: of the frames, in pixels.
    background: motion of the background.
    disk: motion of the disk; None if there is no disk.
  """

  seed: int
  height: int
  width: int
  background: Motion
  disk: Motion | None = None


# Motions of several pixels. Most frames are as large as those of the videos.
SCENES = {
  'translation': Scene(0, 256, 340, Motion(x=3.4, y=-1.7)),
  'rotation': Scene(1, 256, 340, Motion(degrees=2.0)),
  'zoom': Scene(2, 256, 340, Motion(zoom=1.03)),
  'disk': Scene(3, 256, 340, Motion(), Motion(x=6.0, y=3.0)),
  'all': Scene(4, 256, 340, Motion(-2, 1, 1, 0.98), Motion(4, 2, 4, 1.05)),
  'small': Scene(5, 61, 83, Motion(x=1.2, y=0.6)),
}


def render(scene: Scene) -> list[np.ndarray]:
  """Returns the two frames of a scene, uint8 [height, width]."""
  return [_frame(scene, moved) for moved in (False, True)]


def _frame(scene: Scene, moved: bool) -> np.ndarray:
  y, x = np.mgrid[: scene.height, : scene.width].astype(float)
  centre = scene.width / 2, scene.height / 2
  image = _texture(scene.seed, *_source(x, y, centre, scene.background, moved))
  if scene.disk is not None:
    disk_x, disk_y = _source(x, y, centre, scene.disk, moved)
    inside = np.hypot(disk_x - centre[0], disk_y - centre[1]) < 60
    image = np.where(inside, _texture(scene.seed + 100, disk_x, disk_y), image)
  return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _source(
  x: np.ndarray,
  y: np.ndarray,
  centre: tuple[float, float],
  motion: Motion,
  moved: bool,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns where the points of a frame were before the motion."""
  if not moved:
    return x, y
  angle = np.radians(motion.degrees)
  x, y = x - centre[0] - motion.x, y - centre[1] - motion.y
  return (
    (np.cos(angle) * x + np.sin(angle) * y) / motion.zoom + centre[0],
    (np.cos(angle) * y - np.sin(angle) * x) / motion.zoom + centre[1],
  )


def _texture(seed: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """Returns gray values around 128; the waves' periods are 5 to 80 pixels."""
  rng = np.random.RandomState(seed)
  image = np.full(x.shape, 128.0)
  for _ in range(_WAVES):
    period = np.exp(rng.uniform(np.log(5), np.log(80)))
    direction, phase = rng.uniform(0, 2 * np.pi, 2)
    along = np.cos(direction) * x + np.sin(direction) * y
    image += 1.2 * np.sqrt(period) * np.sin(2 * np.pi * along / period + phase)
  return image
