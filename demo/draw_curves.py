r"""Draws the validation accuracy of several trainings against their steps.

    python demo/draw_curves.py --output=docs/fine_tuning.png \
      --train_dirs='from Kinetics=ft_kinetics,from scratch=ft_scratch'

It reads what an evaluator wrote into the folder `eval` of each --train_dir, and
prints the figures too.
"""

import pathlib
import sys
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf
from absl import flags
from tensorflow.compat import v1

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from two_stream import cli, errors, files

_TRAIN_DIRS = flags.DEFINE_list(
  'train_dirs', None, 'NAME=FOLDER of each training.', required=True
)
_OUTPUT = cli.define_path('output', None, 'A PNG file to write.', required=True)

WIDTH, HEIGHT, MARGIN = 640, 360, 48
COLORS = ((160, 80, 16), (32, 96, 208), (64, 144, 48), (0, 0, 0))  # BGR.
_TAG = 'validation/top_1'

# Step -> accuracy, a share from 0 to 1.
Curve = Mapping[int, float]


def read(train_dir: files.PathLike) -> dict[int, float]:
  """Reads the curve that an evaluator wrote.

  Args:
    train_dir: the folder of a training.

  Raises:
    InputError: there is none.
  """
  curve = {}
  for path in sorted(pathlib.Path(train_dir, 'eval').glob('events.*')):
    for serialized in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
      event = v1.Event.FromString(serialized)
      for value in event.summary.value:
        if value.tag == _TAG:
          curve[event.step] = value.simple_value
  if not curve:
    raise errors.InputError(f'{train_dir}: no evaluator wrote {_TAG} there')
  return dict(sorted(curve.items()))


def draw(curves: Mapping[str, Curve]) -> np.ndarray:
  """Draws curves; returns an image, uint8 [height, width, 3], BGR."""
  image = np.full((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN, 3), 255, np.uint8)
  last = max(max(curve) for curve in curves.values())

  def point(step: int, accuracy: float) -> tuple[int, int]:
    return (
      MARGIN + round(WIDTH * step / last),
      MARGIN + round(HEIGHT * (1 - accuracy)),
    )

  for percent in range(0, 101, 10):
    left, right = point(0, percent / 100), point(last, percent / 100)
    cv2.line(image, left, right, (224, 224, 224), 1)
    _write(image, f'{percent}', (8, left[1] + 4))
  for step in range(0, last + 1, 50):
    _write(image, f'{step}', (point(step, 0)[0] - 8, HEIGHT + MARGIN + 18))
  _write(image, 'validation top-1, %', (8, 24))
  _write(image, 'steps', (MARGIN + WIDTH // 2, HEIGHT + MARGIN + 36))
  for (name, curve), color in zip(curves.items(), COLORS):
    _draw_curve(image, [point(*each) for each in curve.items()], color)
    step, accuracy = list(curve.items())[-1]
    x, y = point(step, accuracy)
    _write(image, name, (x - 10 * len(name), y - 12), color)
  return image


def _draw_curve(
  image: np.ndarray,
  points: Sequence[tuple[int, int]],
  color: tuple[int, int, int],
) -> None:
  cv2.polylines(image, [np.array(points)], False, color, 2, cv2.LINE_AA)
  for each in points:
    cv2.circle(image, each, 4, color, cv2.FILLED, cv2.LINE_AA)


def _write(
  image: np.ndarray,
  text: str,
  corner: tuple[int, int],
  color: tuple[int, int, int] = (0, 0, 0),
) -> None:
  font = cv2.FONT_HERSHEY_SIMPLEX
  cv2.putText(image, text, corner, font, 0.5, color, 1, cv2.LINE_AA)


def main() -> None:
  """Reads, prints and draws the curves."""
  curves = {}
  for item in _TRAIN_DIRS.value:
    name, separator, folder = item.partition('=')
    if not separator:
      raise errors.InputError(f'--train_dirs: {item!r} is not NAME=FOLDER')
    curves[name] = read(folder)
    figures = ', '.join(
      f'{100 * accuracy:.1f} at step {step}'
      for step, accuracy in curves[name].items()
    )
    print(f'{name}: {figures}')
  _, encoded = cv2.imencode('.png', draw(curves))
  with files.atomic_open(_OUTPUT.value) as stream:
    stream.write(encoded.tobytes())


if __name__ == '__main__':
  cli.run(main)
