"""The scenes: what moves, which hand moves it, and where the camera looks.

Every scene is a function of a random generator and a cast. It returns the
layers, from back to front, and the path of the camera. Time runs from 0 to 1.
Positions are relative to the frame's centre, in frame heights; all that matters
stays within 0.44 of the centre, so that the square centre crop shows it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from demo import objects, sprites, textures
from demo.sprites import Pose

HAND_SIZE = 0.17  # Width of a hand, in frame heights.

Path = Callable[[float], Pose]  # Time in [0, 1] -> where a sprite is then.
Camera = Callable[[float], tuple[float, float]]


class Layer(NamedTuple):
  """A sprite and where it is.

  Attributes:
    sprite: the picture.
    path: a function of the time in [0, 1] that returns a Pose, or None while
      the sprite is not visible.
  """

  sprite: sprites.Sprite
  path: Callable[[float], Pose | None]


Scene = tuple[list[Layer], Camera]


class Cast:
  """Chooses the objects and the hands of one scene.

  Attributes:
    names: of the objects chosen so far.
  """

  def __init__(self, rng: np.random.Generator, split: str):
    self._rng = rng
    self._split = split
    self._skin = rng.choice(objects.SKINS) * rng.uniform(0.9, 1.1)
    self._sleeve = objects.SLEEVES[int(rng.integers(len(objects.SLEEVES)))]
    self.names: list[str] = []

  def thing(self, kind: str | None = None) -> sprites.Sprite:
    """Returns a new object; its name becomes the scene's next placeholder."""
    chosen = objects.choose(self._rng, self._split, kind)
    self.names.append(objects.name(*chosen))
    return sprites.painted(self._rng, *chosen)

  def hand(self, is_open: bool = False) -> sprites.Sprite:
    """Returns a hand; all hands of a scene belong to the same person."""
    grain = textures.GRAIN * textures.noise(self._rng, (96, 96), (3, 3))
    return sprites.paint(
      objects.hand(self._sleeve, is_open),
      np.float32(self._skin) + grain[..., None],
      sprites.HAND_RESOLUTION,
    )


# Paths ---------------------------------------------------------------------


def course(rng: np.random.Generator) -> Callable[[float], float]:
  """Returns a movement from 0 to 1, as a function of the time.

  It rests, starts gently, stops gently and rests again. Start and end have the
  same distribution, so that a scene that is played backwards differs in its
  direction only.
  """
  start, stop = rng.uniform(0, 0.1), rng.uniform(0.9, 1)

  def progress(time: float) -> float:
    u = np.clip((time - start) / (stop - start), 0, 1)
    return 0.5 * u + 0.5 * u * u * (3 - 2 * u)

  return progress


def line(
  progress: Callable[[float], float],
  start: Sequence[float],
  end: Sequence[float],
) -> Path:
  """Returns the straight path between two poses, given as sequences."""
  first, last = np.array(start), np.array(end)
  return lambda time: Pose(*(first + (last - first) * progress(time)))


def resting(*pose: float) -> Path:
  """Returns the path of a sprite that does not move."""
  return lambda time: Pose(*pose)


def beside(path: Path, x: float, y: float, size: float, angle: float) -> Path:
  """Returns the path of a sprite that moves along with another one.

  Args:
    path: of the other sprite.
    x: offset to the right, as a multiple of the other sprite's size.
    y: offset downwards, likewise.
    size: as a multiple of the other sprite's size.
    angle: clockwise, in radians.
  """

  def follow(time: float) -> Pose:
    pose = path(time)
    return Pose(
      pose.x + x * pose.size, pose.y + y * pose.size, size * pose.size, angle
    )

  return follow


def between(
  path: Path, start: float, stop: float
) -> Callable[[float], Pose | None]:
  """Returns a path that is visible only at times `start` <= time < `stop`."""
  return lambda time: path(time) if start <= time < stop else None


def standing(sprite: sprites.Sprite, path: Path) -> list[Layer]:
  """Returns the layers of an object on a surface: its shadow and itself."""

  def offset(time: float) -> Pose:
    pose = path(time)
    x, y = pose.x + 0.05 * pose.size, pose.y + 0.08 * pose.size
    return pose._replace(x=x, y=y)

  return [Layer(sprites.shadow(sprite), offset), Layer(sprite, path)]


def grip(
  rng: np.random.Generator,
  cast: Cast,
  path: Path,
  angle: float | None = None,
  size: float = HAND_SIZE,
) -> Layer:
  """Returns the layer of a hand that holds an object.

  Args:
    rng: a `np.random.Generator`.
    cast: the scene's cast.
    path: of the object.
    angle: of the arm. By default the arm comes roughly from below.
    size: of the hand halfway through the scene.
  """
  if angle is None:
    angle = rng.uniform(-0.5, 0.5)
  ratio = size / path(0.5).size
  hand = beside(path, rng.uniform(-0.15, 0.15), 0.3, ratio, angle)
  return Layer(cast.hand(), hand)


# Scenes --------------------------------------------------------------------


def still_camera(time: float) -> tuple[float, float]:
  """The path of a camera that does not move."""
  del time
  return 0.0, 0.0


def push(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand slides an object to the right."""
  reach, y = rng.uniform(0.28, 0.4), rng.uniform(-0.1, 0.15)
  size, tilt = rng.uniform(0.3, 0.4), rng.uniform(-0.2, 0.2)
  rise = rng.uniform(-0.05, 0.05)
  path = line(
    course(rng), (-reach, y + rise, size, tilt), (reach, y - rise, size, tilt)
  )
  return [*standing(cast.thing(), path), grip(rng, cast, path)], still_camera


def raise_up(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand moves an object upwards."""
  reach, x = rng.uniform(0.22, 0.32), rng.uniform(-0.15, 0.15)
  size, tilt = rng.uniform(0.28, 0.38), rng.uniform(-0.2, 0.2)
  drift = rng.uniform(-0.05, 0.05)
  path = line(
    course(rng), (x + drift, reach, size, tilt), (x - drift, -reach, size, tilt)
  )
  return [Layer(cast.thing(), path), grip(rng, cast, path)], still_camera


def meet(rng: np.random.Generator, cast: Cast) -> Scene:
  """Two hands bring two objects together."""
  layers, progress = [], course(rng)
  y, far = rng.uniform(-0.1, 0.15), rng.uniform(0.36, 0.42)
  for side in (-1, 1):
    size = rng.uniform(0.24, 0.3)
    height = y + rng.uniform(-0.04, 0.04)
    path = line(
      progress, (side * far, height, size), (side * size * 0.45, height, size)
    )
    angle = -side * rng.uniform(0.3, 0.8)
    layers += standing(cast.thing(), path)
    layers.append(grip(rng, cast, path, angle, 0.15))
  return layers, still_camera


def approach(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand moves an object towards the camera."""
  far, near = rng.uniform(0.17, 0.22), rng.uniform(0.55, 0.7)
  x, y = rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.08)
  path = line(
    course(rng), (x, y, far), (x + rng.uniform(-0.08, 0.08), y + 0.06, near)
  )
  return [Layer(cast.thing(), path), grip(rng, cast, path)], still_camera


def cover(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand draws a cloth over an object."""
  x, y = rng.uniform(-0.12, 0.12), rng.uniform(-0.05, 0.15)
  size = rng.uniform(0.26, 0.34)
  thing, cloth = cast.thing(), cast.thing('cloth')
  away = rng.uniform(-0.45, 0.45), rng.uniform(-0.55, -0.45)
  wide = 1.55 * size
  path = line(course(rng), (x + away[0], y + away[1], wide), (x, y, wide))
  angle = np.pi + rng.uniform(-0.7, 0.7)
  hand = beside(path, 0, -0.4, HAND_SIZE / wide, angle)
  layers = standing(thing, resting(x, y, size))
  return [*layers, Layer(cloth, path), Layer(cast.hand(), hand)], still_camera


def spin(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand sets an object spinning and withdraws."""
  x, y = rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12)
  size, start = rng.uniform(0.36, 0.46), rng.uniform(0, 2 * np.pi)
  turns = rng.uniform(1.4, 2.6) * rng.choice([-1, 1])
  hand = line(
    lambda time: np.clip(time / 0.3, 0, 1),
    (x, y + 0.4 * size, HAND_SIZE),
    (x, y + 0.9, HAND_SIZE),
  )

  def path(time: float) -> Pose:
    return Pose(x, y, size, start + 2 * np.pi * turns * time)

  return [*standing(cast.thing(), path), Layer(cast.hand(), hand)], still_camera


def drop(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand lets go of an object, which falls onto another one."""
  falling, target = cast.thing(), cast.thing()
  size, base = rng.uniform(0.24, 0.3), rng.uniform(0.3, 0.38)
  x, floor, high = rng.uniform(-0.15, 0.15), 0.42, -0.32
  landing = floor - 0.85 * base * (target.top + target.bottom)
  low = landing - size * falling.bottom
  release, fall = rng.uniform(0.3, 0.4), rng.uniform(0.2, 0.28)

  def path(time: float) -> Pose:
    u = (time - release) / fall
    if u < 1:  # held, then falling freely
      return Pose(x, high + (low - high) * max(u, 0) ** 2, size)
    bounce = np.clip((u - 1) / 0.7, 0, 1)
    return Pose(x, low - 0.24 * bounce * (1 - bounce), size)

  angle = rng.choice([-1, 1]) * rng.uniform(1.3, 2.2)
  palm = resting(x, high, HAND_SIZE, angle)
  return [
    *standing(target, resting(x, floor - base * target.bottom, base)),
    Layer(falling, path),
    Layer(cast.hand(), between(palm, 0, release)),
    Layer(cast.hand(is_open=True), between(palm, release, 2)),
  ], still_camera


def lift_stack(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand lifts an object with another one on it."""
  carrier, rider = cast.thing(), cast.thing()
  size, small = rng.uniform(0.3, 0.36), rng.uniform(0.2, 0.26)
  x, reach = rng.uniform(-0.15, 0.15), rng.uniform(0.16, 0.22)
  path = line(course(rng), (x, reach + 0.12, size), (x, 0.12 - reach, size))
  rise = 0.9 * carrier.top + rider.bottom * small / size
  above = beside(path, 0, -rise, small / size, 0)
  layers = [Layer(rider, above), Layer(carrier, path), grip(rng, cast, path)]
  return layers, still_camera


def turn_right(rng: np.random.Generator, cast: Cast) -> Scene:
  """The camera turns to the right, so that the scene moves to the left."""
  reach, progress = rng.uniform(0.32, 0.5), course(rng)
  layers = []
  size = rng.uniform(0.32, 0.42)
  for x, scale in ((0, 1), (-0.75, 0.7), (0.75, 0.7)):
    place = x + rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.2), size * scale
    layers += standing(cast.thing(), resting(*place))
  return layers, lambda time: (reach * (2 * progress(time) - 1), 0.0)


def hold(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand holds an object as still as a hand can."""
  x, y = rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.1)
  size, phase = rng.uniform(0.32, 0.42), rng.uniform(0, 2 * np.pi, size=3)

  def path(time: float) -> Pose:
    sway = np.sin(2 * np.pi * 1.5 * time + phase)
    return Pose(x + 0.01 * sway[0], y + 0.01 * sway[1], size, 0.04 * sway[2])

  return [Layer(cast.thing(), path), grip(rng, cast, path)], still_camera


def add_similar(rng: np.random.Generator, cast: Cast) -> Scene:
  """A hand puts an object beside others of its kind, and withdraws."""
  thing = cast.thing()
  slots = rng.permutation([-0.32, 0.0, 0.32])
  y, size = rng.uniform(0.12, 0.22), rng.uniform(0.26, 0.3)
  layers = []
  for slot in slots[1:]:
    place = slot, y + rng.uniform(-0.03, 0.03), size, rng.uniform(-0.2, 0.2)
    layers += standing(thing, resting(*place))
  arrival = rng.uniform(0.6, 0.7)
  start = slots[0] + rng.uniform(-0.2, 0.2), -0.45, size
  path = line(
    lambda time: np.clip(time / arrival, 0, 1), start, (slots[0], y, size)
  )
  angle = np.pi + rng.uniform(-0.6, 0.6)
  hand = beside(path, 0, -0.3, HAND_SIZE / size, angle)
  leaving = line(
    lambda time: (time - arrival) / (1 - arrival),
    (slots[0], y - 0.3 * size, HAND_SIZE, angle),
    (slots[0], y - 0.7, HAND_SIZE, angle),
  )
  return [
    *layers,
    *standing(thing, path),
    Layer(cast.hand(), between(hand, 0, arrival)),
    Layer(cast.hand(is_open=True), between(leaving, arrival, 2)),
  ], still_camera
