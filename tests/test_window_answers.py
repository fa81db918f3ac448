"""Each window of a long video has an answer."""

import types

import numpy as np
import pytest

from two_stream.evaluation import window_answers, windows
from two_stream.preprocessing import shown_frames


def frames(num_frames, damage='', notes=()):
  class Frames(types.SimpleNamespace):
    def __iter__(self):
      for number in range(num_frames):
        yield shown_frames.ShownFrame(
          np.full((2, 2, 3), number, np.uint8),
          np.full((2, 2, 2), 0.5, np.float32),
          number / 20,
          1,
        )

  return Frames(damage=damage, notes=notes)


def rgb(clip):
  """Class 0 is as probable as the first frame is dark."""
  first = (clip[0, 0, 0, 0, 0] + 1) * 127.5
  return np.array([[-first, 0, -9]], np.float32)


def flow(clip):
  return np.array([[0, 2 * clip[0, 0, 0, 0, 0], 0]], np.float32)


def answers(num_frames, networks, rate=20, **options):
  plan = windows.WindowPlan(
    num_frames=4, stride=3, frames_per_second=rate, min_frames=2
  )
  made = window_answers.Answers(
    'a.mp4', frames(num_frames, **options), plan, networks
  )
  return made, list(made)


@pytest.mark.parametrize('rate', [20, None])
def test_windows_have_their_seconds_and_probabilities(rate):
  _, found = answers(9, {'rgb': rgb, 'flow': flow}, rate)
  assert [each.start for each in found] == pytest.approx([0, 0.15])
  assert [each.end for each in found] == pytest.approx([0.2, 0.35])
  for each, first in zip(found, (0, 3)):
    logits = np.exp([-first, 1, -9])
    expected = logits / logits.sum()
    np.testing.assert_allclose(each.probabilities, expected, rtol=1e-5)


def test_a_line_names_the_top_class():
  probabilities = np.array([0.1, 0.8, 0.1], np.float32)
  answer = window_answers.Answer(0, 2.56, probabilities)
  line = window_answers.line(answer, ['one', 'two two', 'three'])
  assert line == '0.00-2.56 0.8 two two'


def test_what_is_odd_is_logged(caplog):
  answers(4, {'rgb': rgb}, damage='breaks off', notes=('odd',))
  assert caplog.messages == [
    'a.mp4: has 3 frames, which are one window',
    'a.mp4: breaks off; the rest is classified',
    'a.mp4: odd',
  ]


def test_the_pictures_are_few(monkeypatch):
  monkeypatch.setattr(window_answers, '_MOST_PICTURES', 4)
  made, found = answers(3 * 13 + 2, {'rgb': rgb})
  assert len(found) == 13
  assert made.windows_per_picture == 4
  shown = [int(picture[0, 0, 0]) for picture in made.pictures]
  assert shown == [2 + 3 * number for number in (0, 4, 8, 12)]
