"""Frames are picked by the rule of MediaPipe's resampler."""

import math
from fractions import Fraction

import hypothesis
import numpy as np
from hypothesis import strategies as st

from two_stream.video import resampling


def reference_resample(timestamps, frames_per_second):
  """The rule tick by tick, in words: period, nearest, later, most recent.

  Exact fractions; tick k lies k / frames_per_second after the first frame.
  """
  first = timestamps[0]
  ticks = [
    Fraction(timestamp - first, 10**6) * frames_per_second
    for timestamp in timestamps
  ]
  period = [math.floor(tick + Fraction(1, 2)) for tick in ticks]
  shown = []
  for k in range(period[-1] + 1):
    inside = [i for i in range(len(ticks)) if period[i] == k]
    if inside:
      smallest = min(abs(ticks[i] - k) for i in inside)
      shown.append(max(i for i in inside if abs(ticks[i] - k) == smallest))
    else:
      shown.append(max(i for i in range(len(ticks)) if period[i] < k))
  return shown


def gaps_around(values):
  """Microseconds between frames; exact halves of periods are frequent."""
  return st.one_of(
    st.sampled_from(values),
    st.integers(min_value=1, max_value=150_000),
    st.integers(min_value=1, max_value=15).map(lambda n: n * 20_000),
  )


@hypothesis.settings(max_examples=2000, deadline=None, derandomize=True)
@hypothesis.given(
  first=st.one_of(st.just(0), st.integers(0, 200_000)),
  gaps=st.lists(gaps_around([83_333, 83_000, 40_000, 16_683]), max_size=20),
  frames_per_second=st.sampled_from([25, 25, 25, 12, 30]),
)
def test_resampling_equals_the_rule_word_by_word(
  first, gaps, frames_per_second
):
  timestamps = np.cumsum([first, *gaps])
  shown = resampling.resample(timestamps, frames_per_second)
  expected = reference_resample(timestamps.tolist(), frames_per_second)
  assert shown.tolist() == expected


@hypothesis.settings(max_examples=500, deadline=None, derandomize=True)
@hypothesis.given(
  first=st.one_of(st.just(0), st.integers(0, 200_000)),
  gaps=st.lists(gaps_around([83_333, 83_000, 40_000, 16_683]), max_size=20),
  frames_per_second=st.sampled_from([25, 25, 25, 12, 30]),
)
def test_frames_that_come_one_by_one_are_resampled_by_the_same_rule(
  first, gaps, frames_per_second
):
  timestamps = np.cumsum([first, *gaps]).tolist()
  stream = resampling.resample_stream(enumerate(timestamps), frames_per_second)
  rows = list(stream)
  shown = [frame for frame, _, num_ticks in rows for _ in range(num_ticks)]
  assert shown == reference_resample(timestamps, frames_per_second)
  assert all(timestamps[frame] == time for frame, time, _ in rows)
  assert len({frame for frame, _, _ in rows}) == len(rows)


def test_ticks_begin_at_the_first_frame():
  """The video begins at 66.667 ms, which is no multiple of 40 ms."""
  timestamps = [66_667, 100_000, 133_333, 166_667, 200_000, 233_333]
  shown = resampling.resample(np.array(timestamps))
  assert shown.tolist() == [0, 1, 2, 4, 5]
  early = resampling.resample(np.array(timestamps) - 200_000)
  assert early.tolist() == [0, 1, 2, 4, 5]


def test_twelve_frames_a_second_repeat_every_frame_about_twice():
  timestamps = np.round(np.arange(48) * 1e6 / 12).astype(np.int64)
  shown = resampling.resample(timestamps)
  assert len(shown) == round(25 * 47 / 12) + 1
  assert shown[:10].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
  assert set(np.diff(shown)) == {0, 1}
  assert 0.45 < np.mean(np.diff(shown) == 0) < 0.55
