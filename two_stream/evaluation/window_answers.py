"""What the networks say of each window of a long video.

The logits of both streams are added for each window, as they are for a clip.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from two_stream import files
from two_stream.evaluation import fusion, ranking, windows
from two_stream.preprocessing import frames_process
from two_stream.video import pixels

# More frames than this are too many to look at, and a page of megabytes.
_MOST_PICTURES = 240


class Answer(NamedTuple):
  """What the networks say of a window.

  Attributes:
    start: seconds of the video at which the window begins.
    end: seconds at which it ends.
    probabilities: float32 [classes], the softmax of the logits.
  """

  start: float
  end: float
  probabilities: np.ndarray


class Answers:
  """Classifies the windows of a video as they come.

  Args:
    sample: the path of the video, for messages.
    frames: of the video.
    plan: the windows.
    networks: stream -> a function of clips, float32 [1, T, 224, 224, channels],
      that gives logits, float32 [1, classes].

  Attributes:
    pictures: the middle frames of some windows, uint8 [224, 224, 3].
    windows_per_picture: every how many windows have a picture.
  """

  def __init__(
    self,
    sample: files.PathLike,
    frames: frames_process.TakenFrames,
    plan: windows.WindowPlan,
    networks: Mapping[str, Callable[[np.ndarray], np.ndarray]],
  ):
    self._sample = sample
    self._frames = frames
    self._plan = plan
    self._networks = networks
    self.pictures: list[np.ndarray] = []
    self.windows_per_picture = 1

  def __iter__(self) -> Iterator[Answer]:
    """Yields the answers in the order of time; logs what was odd at the end.

    Raises:
      InputError: the video cannot be used.
    """
    found = windows.slide(
      self._frames, self._plan, 'flow' in self._networks, self._sample
    )
    for number, window in enumerate(found):
      if len(window.rgb) < self._plan.num_frames:
        logging.warning(
          '%s: has %d frames, which are one window',
          self._sample,
          len(window.rgb),
        )
      self._take_picture(number, window)
      logits = fusion.add(
        {
          stream: network(_clip(window, stream))[0]
          for stream, network in self._networks.items()
        }
      )
      yield Answer(window.seconds, self._end(window), _softmax(logits))
    if self._frames.damage:
      logging.warning(
        '%s: %s; the rest is classified', self._sample, self._frames.damage
      )
    for note in self._frames.notes:
      logging.warning('%s: %s', self._sample, note)

  def _end(self, window: windows.Window) -> float:
    """Returns when the last frame of a window is over, in seconds."""
    rate, gaps = self._plan.frames_per_second, len(window.rgb) - 1
    shown = window.last_seconds - window.seconds
    lasts = 1 / rate if rate else shown / max(gaps, 1)
    return window.last_seconds + lasts

  def _take_picture(self, number: int, window: windows.Window) -> None:
    if number % self.windows_per_picture:
      return
    if len(self.pictures) == _MOST_PICTURES:
      self.pictures = self.pictures[::2]
      self.windows_per_picture *= 2
      if number % self.windows_per_picture:
        return
    self.pictures.append(window.rgb[len(window.rgb) // 2].copy())


def heading() -> str:
  """Returns the line above those of `line`."""
  return 'Seconds, probability and top class of each window'


def line(answer: Answer, class_names: Sequence[str]) -> str:
  """Writes an answer as a line of text.

  Args:
    answer: the answer.
    class_names: in the order of the logits.

  Returns:
    Such as '0.00-2.56 0.9968956 playing cricket'.
  """
  best = int(ranking.best(answer.probabilities, 1)[0])
  return (
    f'{answer.start:.2f}-{answer.end:.2f} {answer.probabilities[best]!s} '
    f'{class_names[best]}'
  )


def _clip(window: windows.Window, stream: str) -> np.ndarray:
  if stream == 'rgb':
    return pixels.scale_rgb(window.rgb)[np.newaxis]
  assert window.flow is not None
  return window.flow[np.newaxis]


def _softmax(logits: np.ndarray) -> np.ndarray:
  exponentials = np.exp(logits - logits.max())
  return exponentials / exponentials.sum()
