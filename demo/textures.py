"""Colours, patterns, backgrounds and light, all made from random numbers."""

from collections.abc import Sequence

import cv2
import numpy as np

COLOURS = {
  'red': (206, 44, 42),
  'orange': (238, 128, 28),
  'yellow': (242, 208, 48),
  'green': (48, 148, 66),
  'turquoise': (36, 180, 182),
  'blue': (42, 88, 200),
  'purple': (128, 62, 168),
  'pink': (238, 122, 172),
  'brown': (126, 78, 44),
}
PATTERNS = ('plain', 'striped', 'checked', 'dotted', 'marbled')

# Objects have to stand out from backgrounds. A background therefore has at most
# this saturation, and a texture with this standard deviation in grey levels,
# which is about a third of an object's.
MAX_SATURATION = 0.15
BACKGROUND_CONTRAST = 11.0
# How much brightness and tint vary between clips, as a share of the largest
# variation. Networks trained from scratch on few clips did better with CALM
# backgrounds; other settings were changed at the same time, so that the cause
# is not certain.
CALM, VARIED = 0.35, 1.0
GRAIN = 5.0  # Standard deviation of an object's fine texture, in grey levels.


def noise(
  rng: np.random.Generator, shape: Sequence[int], scale: Sequence[float]
) -> np.ndarray:
  """Returns smooth random values whose variance is about 1.

  Args:
    rng: a `np.random.Generator`.
    shape: (height, width) in pixels.
    scale: (vertical, horizontal) distance between independent values, pixels.

  Returns:
    float32 [height, width].
  """
  grid = [int(np.ceil(side / step)) + 2 for side, step in zip(shape, scale)]
  values = rng.standard_normal(grid, dtype=np.float32)
  size = [round(cells * step) for cells, step in zip(grid, scale)]
  # Cubic interpolation of white noise keeps about half of its variance.
  smooth = 1.4 * cv2.resize(values, size[::-1], interpolation=cv2.INTER_CUBIC)
  top, left = (size[0] - shape[0]) // 2, (size[1] - shape[1]) // 2
  return smooth[top : top + shape[0], left : left + shape[1]]


def pattern(rng: np.random.Generator, name: str, size: int) -> np.ndarray:
  """Returns how strongly each point of an object shows its second colour.

  Args:
    rng: decides on the pitch, phase and direction of the pattern.
    name: one of `PATTERNS`.
    size: side of the square in pixels.

  Returns:
    float32 [size, size] in [0, 1].
  """
  if name == 'plain':
    return np.clip(0.2 + 0.1 * noise(rng, (size, size), (24, 24)), 0, 1)
  if name == 'marbled':
    veins = noise(rng, (size, size), (size / 7, size / 7))
    return np.clip(0.5 + 1.5 * veins, 0, 1)
  angle = rng.uniform(0, np.pi)
  pitch = size / rng.uniform(5, 7)
  y, x = np.mgrid[:size, :size].astype(np.float32) + rng.uniform(0, size)
  u = np.sin(2 * np.pi / pitch * (x * np.cos(angle) + y * np.sin(angle)))
  v = np.sin(2 * np.pi / pitch * (y * np.cos(angle) - x * np.sin(angle)))
  waves = {'striped': u, 'checked': 2 * u * v, 'dotted': u + v - 1}[name]
  return np.clip(0.5 + 3 * waves, 0, 1)  # 3: edges a few pixels wide


def surface(
  rng: np.random.Generator, colour: str, name: str, size: int
) -> np.ndarray:
  """Returns the painted surface of an object.

  Args:
    rng: a `np.random.Generator`.
    colour: a key of `COLOURS`, the first colour.
    name: one of `PATTERNS`; the second colour is a near white or a near black.
    size: side of the square in pixels.

  Returns:
    float32 RGB [size, size, 3], about [0, 255].
  """
  first = np.asarray(COLOURS[colour], np.float32) * rng.uniform(0.88, 1.1)
  second = rng.choice([(246, 240, 226), (34, 32, 42)]).astype(np.float32)
  weight = pattern(rng, name, size)[..., None]
  grain = GRAIN * noise(rng, (size, size), (4, 4))
  return first + (second - first) * weight + grain[..., None]


def muted_colour(
  rng: np.random.Generator, luminance: float, variety: float
) -> np.ndarray:
  """Returns a greyish RGB colour, float32 [3] in [0, 255]."""
  tint = variety * MAX_SATURATION * rng.uniform(-1, 1, size=3)
  return (luminance * (1 + tint - tint.mean())).astype(np.float32)


def background(
  rng: np.random.Generator,
  height: int,
  width: int,
  variety: float = CALM,
  contrast: float = 1.0,
) -> np.ndarray:
  """Returns a picture of a wall above a table, each with its own grain.

  Args:
    rng: a `np.random.Generator`.
    height: pixels.
    width: pixels.
    variety: how much brightness and tint vary, in [0, 1].
    contrast: factor on `BACKGROUND_CONTRAST`.

  Returns:
    uint8 RGB [height, width, 3].
  """
  horizon = int(height * rng.uniform(0.0, 0.45))
  luminance = 125 + 40 * variety * rng.uniform(-1, 1)
  table = 1 + 0.25 * variety * rng.uniform(-1, 1)
  canvas = np.empty((height, width, 3), np.float32)
  for top, bottom, tone in ((0, horizon, 1), (horizon, height, table)):
    canvas[top:bottom] = muted_colour(rng, luminance * tone, variety)
    stretch = rng.choice([1, 1, 3])  # 3: the long grain of wood
    shape = (bottom - top, width)
    coarse = noise(rng, shape, (22, 22 * stretch))
    fine = noise(rng, shape, (6, 6 * stretch))
    texture = contrast * BACKGROUND_CONTRAST * (0.8 * coarse + 0.5 * fine)
    canvas[top:bottom] += texture[..., None]
  return np.clip(canvas, 0, 255).astype(np.uint8)


def light(
  rng: np.random.Generator, height: int, width: int, variety: float = CALM
) -> np.ndarray:
  """Returns factors by which a light brightens or darkens every pixel.

  The light has a strength and a tint, and becomes weaker towards one side.

  Args:
    rng: a `np.random.Generator`.
    height: pixels.
    width: pixels.
    variety: how much strength, tint and slope vary, in [0, 1].

  Returns:
    float32 [height, width, 3], about [0.6, 1.2].
  """
  y, x = np.mgrid[:height, :width].astype(np.float32) / height - 0.5
  angle = rng.uniform(0, 2 * np.pi)
  slope = (
    0.25 * variety * rng.uniform() * (x * np.cos(angle) + y * np.sin(angle))
  )
  strength = 1 + variety * rng.uniform(-0.2, 0.1)
  tint = strength * (1 + 0.05 * variety * rng.uniform(-1, 1, size=3))
  return ((1 + slope)[..., None] * tint).astype(np.float32)
