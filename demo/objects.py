"""What is filmed: everyday objects, a cloth and hands, all made of polygons.

An object is a triple (kind, pattern, colour), for instance a 'red striped mug'.
Every such combination belongs to one split, so that the objects of the
validation and test splits are new to a network trained on the others.

An object consists of parts, which are listed from back to front. A part is a
pair (polygon, paint). Polygons lie in the box [-1, 1] x [-1, 1], with x to the
right and y downwards; a paint is an RGB colour, or a factor by which the
object's own surface is multiplied.
"""

from collections.abc import Sequence

import numpy as np

from demo import textures

Rgb = tuple[int, int, int]
Part = tuple[np.ndarray, float | Rgb]


def ellipse(
  x: float,
  y: float,
  rx: float,
  ry: float,
  start: float = 0,
  stop: float = 360,
) -> np.ndarray:
  """Returns the polygon of an elliptic arc; angles in degrees, clockwise."""
  angle = np.radians(np.linspace(start, stop, 49))
  return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=-1)


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
  """Returns the polygon of an upright rectangle."""
  return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def bar(
  x0: float, y0: float, x1: float, y1: float, radius: float
) -> np.ndarray:
  """Returns the polygon of a thick line with round ends."""
  direction = np.degrees(np.arctan2(y1 - y0, x1 - x0))
  return np.concatenate(
    [
      ellipse(x0, y0, radius, radius, direction + 90, direction + 270),
      ellipse(x1, y1, radius, radius, direction - 90, direction + 90),
    ]
  )


def arc(
  x: float, y: float, radius: float, width: float, start: float, stop: float
) -> np.ndarray:
  """Returns the polygon of a part of a ring; angles in degrees, clockwise."""
  outer = ellipse(x, y, radius + width / 2, radius + width / 2, start, stop)
  inner = ellipse(x, y, radius - width / 2, radius - width / 2, start, stop)
  return np.concatenate([outer, inner[::-1]])


def star(points: int, inner: float) -> np.ndarray:
  """Returns the polygon of a star, given the radius of its inner corners."""
  angle = np.pi * (np.arange(2 * points) / points - 0.5)
  radius = np.where(np.arange(2 * points) % 2, inner, 0.98)
  return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def round_fruit(radius: float, y: float, dent: float) -> np.ndarray:
  """Returns the polygon of a round object with a dent on top."""
  angle = np.radians(np.linspace(-90, 270, 97))
  upwards = np.maximum(-np.sin(angle), 0)
  r = radius * (1 - dent * upwards**6)
  return np.stack([r * np.cos(angle), y + 0.9 * r * np.sin(angle)], axis=-1)


DARK, WHITE, STEEL = (38, 34, 40), (244, 240, 232), (176, 182, 192)
LEAF, BEAK, PAPER = (52, 128, 48), (246, 150, 30), (240, 234, 214)

KINDS: dict[str, list[Part]] = {
  'ball': [
    (ellipse(0, 0, 0.9, 0.9), 1),
    (ellipse(-0.3, -0.35, 0.2, 0.15), 1.3),
  ],
  'box': [
    (np.array([(-0.8, -0.3), (-0.4, -0.75), (0.9, -0.75), (0.5, -0.3)]), 1.25),
    (np.array([(0.5, -0.3), (0.9, -0.75), (0.9, 0.35), (0.5, 0.8)]), 0.7),
    (box(-0.8, -0.3, 0.5, 0.8), 1),
  ],
  'mug': [
    (arc(0.45, 0.05, 0.38, 0.16, -90, 90), 0.85),
    (box(-0.65, -0.65, 0.5, 0.7), 1),
    (ellipse(-0.075, 0.7, 0.575, 0.18, 0, 180), 0.9),
    (ellipse(-0.075, -0.65, 0.575, 0.18), 1.2),
    (ellipse(-0.075, -0.63, 0.47, 0.12), DARK),
  ],
  'bottle': [
    (box(-0.16, -0.8, 0.16, -0.2), 0.9),
    (np.array([(-0.16, -0.4), (0.16, -0.4), (0.42, 0), (-0.42, 0)]), 1),
    (box(-0.42, -0.02, 0.42, 0.95), 1),
    (box(-0.42, 0.2, 0.42, 0.6), PAPER),
    (box(-0.2, -0.98, 0.2, -0.78), DARK),
  ],
  'book': [
    (box(-0.62, -0.8, 0.74, 0.9), PAPER),
    (box(-0.74, -0.88, 0.64, 0.82), 1),
    (box(-0.74, -0.88, -0.56, 0.82), 0.6),
    (box(-0.3, -0.55, 0.4, -0.2), PAPER),
  ],
  'plate': [
    (ellipse(0, 0, 0.97, 0.62), 1),
    (ellipse(0, -0.02, 0.62, 0.38), 1.15),
    (ellipse(0, -0.02, 0.5, 0.3), WHITE),
  ],
  'apple': [
    (round_fruit(0.86, 0.18, 0.25), 1),
    (bar(0, -0.3, 0.08, -0.85, 0.06), DARK),
    (ellipse(0.32, -0.68, 0.28, 0.13), LEAF),
  ],
  'banana': [
    (
      np.concatenate(
        [
          ellipse(0, -0.75, 1.0, 1.3, 20, 160),
          ellipse(0, -0.75, 0.9, 0.72, 160, 20),
        ]
      ),
      1,
    ),
    (bar(0.86, -0.42, 0.9, -0.62, 0.08), DARK),
    (bar(-0.9, -0.4, -0.92, -0.45, 0.07), DARK),
  ],
  'star': [(star(5, 0.45), 1)],
  'can': [
    (box(-0.5, -0.7, 0.5, 0.75), 1),
    (ellipse(0, 0.75, 0.5, 0.16, 0, 180), 0.85),
    (ellipse(0, -0.7, 0.5, 0.18), STEEL),
    (ellipse(0.1, -0.7, 0.18, 0.06), DARK),
  ],
  'key': [
    (arc(0, -0.5, 0.3, 0.24, 0, 360), 1),
    (box(-0.12, -0.15, 0.12, 0.95), 1),
    (box(0.1, 0.4, 0.45, 0.58), 1),
    (box(0.1, 0.72, 0.36, 0.9), 1),
  ],
  'spoon': [
    (bar(0, -0.1, 0, 0.88, 0.11), 1),
    (ellipse(0, -0.52, 0.36, 0.46), 1),
    (ellipse(0, -0.52, 0.22, 0.3), 0.7),
  ],
  'toy car': [
    (
      np.array([(-0.5, 0), (-0.3, -0.5), (0.3, -0.5), (0.55, 0)]),
      0.8,
    ),
    (np.array([(-0.36, -0.02), (-0.23, -0.38), (0, -0.38), (0, -0.02)]), WHITE),
    (box(-0.95, -0.05, 0.95, 0.42), 1),
    (ellipse(-0.52, 0.45, 0.24, 0.24), DARK),
    (ellipse(0.52, 0.45, 0.24, 0.24), DARK),
    (ellipse(-0.52, 0.45, 0.1, 0.1), STEEL),
    (ellipse(0.52, 0.45, 0.1, 0.1), STEEL),
  ],
  'rubber duck': [
    (np.array([(0.4, 0.1), (0.98, -0.2), (0.8, 0.5)]), 0.9),
    (ellipse(0.1, 0.4, 0.8, 0.5), 1),
    (ellipse(-0.35, -0.35, 0.48, 0.48), 1),
    (np.array([(-0.72, -0.42), (-0.99, -0.22), (-0.7, -0.1)]), BEAK),
    (ellipse(-0.48, -0.42, 0.08, 0.1), DARK),
    (ellipse(0.25, 0.35, 0.36, 0.2), 0.75),
  ],
  'toy fish': [
    (np.array([(0.4, 0), (0.97, -0.55), (0.85, 0), (0.97, 0.55)]), 0.8),
    (np.array([(-0.3, -0.3), (0.1, -0.8), (0.35, -0.2)]), 0.8),
    (ellipse(-0.2, 0, 0.78, 0.48), 1),
    (ellipse(-0.6, -0.12, 0.11, 0.11), WHITE),
    (ellipse(-0.62, -0.12, 0.05, 0.05), DARK),
  ],
  'hat': [
    (ellipse(0, 0.45, 0.98, 0.3), 0.8),
    (
      np.concatenate(
        [ellipse(0, -0.1, 0.55, 0.6, 180, 360), [(0.6, 0.45), (-0.6, 0.45)]]
      ),
      1,
    ),
    (box(-0.6, 0.18, 0.6, 0.42), DARK),
  ],
}
CLOTH: list[Part] = [
  (
    np.array(
      [(-0.95, -0.9), (-0.3, -0.97), (0.3, -0.9), (0.95, -0.95)]
      + [(0.9, -0.3), (0.97, 0.3), (0.9, 0.93)]
      + [(0.3, 0.86), (-0.3, 0.96), (-0.95, 0.9)]
      + [(-0.9, 0.3), (-0.97, -0.3)]
    ),
    1,
  ),
  (bar(-0.5, -0.7, -0.4, 0.7, 0.05), 0.8),
  (bar(0.1, -0.7, 0.05, 0.75, 0.05), 0.85),
  (bar(0.55, -0.65, 0.6, 0.7, 0.05), 0.8),
]

KINDS_AND_CLOTH = (*KINDS, 'cloth')

SKINS: Sequence[Rgb] = (
  (246, 208, 180),
  (226, 176, 140),
  (188, 132, 96),
  (134, 88, 62),
)
SLEEVES: Sequence[Rgb] = (
  (44, 52, 78),
  (92, 92, 98),
  (70, 34, 42),
  (208, 204, 196),
)
# Length of the arm below the palm: it ends outside every frame.
ARM = 20.0


def hand(sleeve: Rgb, is_open: bool) -> list[Part]:
  """Returns the parts of an arm from below, whose hand is at (0, 0).

  Args:
    sleeve: RGB colour.
    is_open: whether the fingers are spread, or closed around an object.
  """
  tips = (-0.85, -0.98, -0.95, -0.7) if is_open else (-0.3, -0.36, -0.34, -0.26)
  spread = 1.5 if is_open else 1.0
  roots = (-0.48, -0.16, 0.16, 0.48)
  fingers: list[Part] = [
    (bar(spread * x, tip, x, 0.4, 0.17), 1) for x, tip in zip(roots, tips)
  ]
  thumb = bar(-0.6, 0.75, -0.9 if is_open else -0.25, 0.35, 0.18)
  return [
    (box(-0.4, 0.8, 0.4, 2.4), 0.95),
    (box(-0.56, 1.9, 0.56, ARM), sleeve),
    (ellipse(0, 0.65, 0.66, 0.56), 0.95),
    *fingers,
    (thumb, 1.05),
  ]


FOLDS = 7  # Five for training, one for validation, one for testing.


def split_of(kind: str, pattern: str, colour: str) -> str:
  """Returns the split in which an object occurs, which is only one.

  The diagonals of the cube (kind, pattern, colour) are assigned to the splits
  in turn, so that every split has every kind, every pattern and every colour.
  """
  fold = (
    KINDS_AND_CLOTH.index(kind)
    + 2 * textures.PATTERNS.index(pattern)
    + 3 * list(textures.COLOURS).index(colour)
  ) % FOLDS
  return {0: 'validation', 1: 'test'}.get(fold, 'train')


def choose(
  rng: np.random.Generator, split: str, kind: str | None = None
) -> tuple[str, str, str]:
  """Returns a random object of a split: (kind, pattern, colour)."""
  while True:
    found = (
      kind or str(rng.choice(list(KINDS))),
      str(rng.choice(textures.PATTERNS)),
      str(rng.choice(list(textures.COLOURS))),
    )
    if split_of(*found) == split:
      return found


def name(kind: str, pattern: str, colour: str) -> str:
  """Returns what a person would call an object, such as 'red striped mug'."""
  return ' '.join([colour, *[pattern] * (pattern != 'plain'), kind])
