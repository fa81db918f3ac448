"""Frames are picked by the rule of MediaPipe's resampler."""

import hypothesis
import numpy as np
from hypothesis import strategies as st

from two_stream.video import resampling


def reference_resample(timestamps, frames_per_second):
  """The rule tick by tick, in words: period, nearest, later, most recent."""
  second = 10**6

  def period(timestamp):
    return (2 * timestamp * frames_per_second + second) // (2 * second)

  shown = []
  for tick in range(period(timestamps[0]), period(timestamps[-1]) + 1):
    best = None
    for i, timestamp in enumerate(timestamps):
      if period(timestamp) != tick:
        continue
      distance = abs(timestamp * frames_per_second - tick * second)
      if best is None or distance <= best[0]:
        best = (distance, i)
    if best is None:
      best = max(
        (timestamp, i)
        for i, timestamp in enumerate(timestamps)
        if period(timestamp) < tick
      )
    shown.append(best[1])
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


def test_twelve_frames_a_second_repeat_every_frame_about_twice():
  timestamps = np.round(np.arange(48) * 1e6 / 12).astype(np.int64)
  shown = resampling.resample(timestamps)
  assert len(shown) == round(25 * 47 / 12) + 1
  assert shown[:10].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
  assert set(np.diff(shown)) == {0, 1}
  assert 0.45 < np.mean(np.diff(shown) == 0) < 0.55
