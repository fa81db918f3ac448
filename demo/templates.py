"""The classes: templates of Something-Something v2, each with a scene to film.

Most templates come in pairs, of which one is the other played backwards, so
that no single frame can tell the two apart.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from demo import scenes, sprites, textures

# Frame rate and height in pixels are those of Something-Something v2.
FPS = 12
HEIGHT = 240
# The widest videos of Something-Something v2 have 427 pixels; the encoder needs
# an even number.
WIDTHS = (320, 320, 320, 426)
# The share of hard clips: the camera shakes, the background has more contrast,
# and the light varies more. They are few because small networks learn from few
# clips here.
HARD_SHARE = 0.1
HARD_CONTRAST = 2.0  # Factor on the background's contrast.
SHAKE = 0.015  # Amplitude of a shaking camera, in frame heights.


def class_name(text: str) -> str:
  """Returns the class name of a template: its text without the brackets."""
  return text.replace('[', '').replace(']', '')


class Template(NamedTuple):
  """A class of Something-Something v2 and how to film it.

  Attributes:
    text: the template with its brackets, as in Something-Something's JSON.
    scene: the function of scenes.py that sets up the scene.
    backwards: whether the scene is played backwards.
    has_side: whether the mirror image of the class is another class.
  """

  text: str
  scene: Callable[[np.random.Generator, scenes.Cast], scenes.Scene]
  backwards: bool = False
  has_side: bool = False

  @property
  def name(self) -> str:
    """The name of the class, as in labels.json."""
    return class_name(self.text)

  def caption(self, names: Sequence[str]) -> tuple[list[str], str]:
    """Returns (placeholders, label) of a clip that shows these objects."""
    blanks = re.findall(r'\[[^]]*\]', self.text)
    caption = self.text
    for blank, name in zip(blanks, names):
      caption = caption.replace(blank, name, 1)
    return list(names[: len(blanks)]), caption[0].lower() + caption[1:]


TEMPLATES = (
  Template('Covering [something] with [something]', scenes.cover),
  Template('Uncovering [something]', scenes.cover, backwards=True),
  Template('Dropping [something] onto [something]', scenes.drop),
  Template('Holding [something]', scenes.hold),
  Template('Lifting [something] with [something] on it', scenes.lift_stack),
  Template(
    'Moving [something] and [something] closer to each other', scenes.meet
  ),
  Template(
    'Moving [something] and [something] away from each other',
    scenes.meet,
    backwards=True,
  ),
  Template('Moving [something] towards the camera', scenes.approach),
  Template(
    'Moving [something] away from the camera', scenes.approach, backwards=True
  ),
  Template('Moving [something] up', scenes.raise_up),
  Template('Moving [something] down', scenes.raise_up, backwards=True),
  Template(
    'Pushing [something] from left to right', scenes.push, has_side=True
  ),
  Template(
    'Pushing [something] from right to left',
    scenes.push,
    backwards=True,
    has_side=True,
  ),
  Template(
    'Putting [something similar to other things that are already on the table]',
    scenes.add_similar,
  ),
  Template('Spinning [something] so it continues spinning', scenes.spin),
  Template(
    'Turning the camera right while filming [something]',
    scenes.turn_right,
    has_side=True,
  ),
  Template(
    'Turning the camera left while filming [something]',
    scenes.turn_right,
    backwards=True,
    has_side=True,
  ),
)


def shaking(rng: np.random.Generator) -> Callable[[float], np.ndarray]:
  """Returns the path of a camera in an unsteady hand.

  The path is a function of the time that returns float [2]: the sum of two
  waves in each direction.
  """
  cycles = rng.uniform(2, 6, size=(2, 2))
  phases = rng.uniform(0, 2 * np.pi, size=(2, 2))
  return lambda time: SHAKE * np.sin(2 * np.pi * cycles * time + phases).sum(0)


class Take(NamedTuple):
  """A clip that is ready to be drawn: everything random about it is decided.

  Attributes:
    layers: list of scenes.Layer, back to front.
    times: float [frames], the scene's time at each frame.
    camera: float [frames, 2], where the camera looks, in frame heights.
    background: uint8 RGB, larger than a frame by the camera's reach.
    light: float32 [height, width, 3].
    mirrored: whether left and right are swapped.
    names: the objects' names, in the order of the template's placeholders.
  """

  layers: list[scenes.Layer]
  times: np.ndarray
  camera: np.ndarray
  background: np.ndarray
  light: np.ndarray
  mirrored: bool
  names: list[str]


def set_up(
  template: Template,
  rng: np.random.Generator,
  split: str,
  min_seconds: float = 2.0,
  max_seconds: float = 4.0,
) -> Take:
  """Decides everything about a clip.

  Args:
    template: the class of the clip.
    rng: a `np.random.Generator`. With the same state, the templates of one
      scene give the same frames, each in its own order.
    split: of the objects; 'train', 'validation' or 'test'.
    min_seconds: shortest duration.
    max_seconds: longest duration.

  Returns:
    A Take.
  """
  frames = round(rng.uniform(min_seconds, max_seconds) * FPS)
  width = int(rng.choice(WIDTHS))
  is_hard, is_mirrored = rng.random() < HARD_SHARE, rng.random() < 0.5
  cast = scenes.Cast(rng, split)
  layers, aim = template.scene(rng, cast)
  times = np.linspace(0, 1, frames)
  # Half of all clips are mirrored. Where a class has a side, its mirrored clips
  # are played in the other direction: without mirroring, the handle of a mug or
  # the side of a shadow would tell left from right.
  if template.backwards != (template.has_side and is_mirrored):
    times = times[::-1]
  camera = np.array([aim(time) for time in times])
  shake = shaking(rng)
  if is_hard:
    camera = camera + [shake(time) for time in times]
  margin = np.ceil(np.abs(camera).max(axis=0) * HEIGHT).astype(int) + 1
  size = HEIGHT + 2 * margin[1], width + 2 * margin[0]
  variety = textures.VARIED if is_hard else textures.CALM
  contrast = HARD_CONTRAST if is_hard else 1.0
  return Take(
    layers,
    times,
    camera,
    textures.background(rng, *size, variety, contrast),
    textures.light(rng, HEIGHT, width, variety),
    is_mirrored,
    cast.names,
  )


def film(take: Take) -> Iterator[np.ndarray]:
  """Draws a clip and yields its frames, uint8 RGB [HEIGHT, width, 3]."""
  height, width = take.light.shape[:2]
  margin = (np.array(take.background.shape[1::-1]) - (width, height)) / 2
  for time, (x, y) in zip(take.times, take.camera):
    shift = -margin - np.array([x, y]) * HEIGHT
    frame = cv2.warpAffine(
      take.background, np.column_stack([np.eye(2), shift]), (width, height)
    )
    for sprite, path in take.layers:
      pose = path(time)
      if pose is not None:
        sprites.draw(frame, sprite, pose._replace(x=pose.x - x, y=pose.y - y))
    frame = sprites.lit(frame, take.light)
    yield cv2.flip(frame, 1) if take.mirrored else frame
