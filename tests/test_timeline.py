"""Every frame of a video gets one time, where the file's times fail, too."""

from fractions import Fraction

import pytest

from two_stream.video import timeline


def place(times, frames_per_second=25):
  """Places frames whose times are milliseconds or None."""
  line = timeline.Timeline(Fraction(frames_per_second))
  placed = [
    line.place(None if time is None else Fraction(time, 1000)) for time in times
  ]
  return placed, line.notes


def test_good_times_stay_to_the_microsecond():
  line = timeline.Timeline(Fraction(30000, 1001))
  ticks = [3003, 6006, 9010]
  assert [line.place(Fraction(t, 90000)) for t in ticks] == [
    33367,  # 33366.67
    66733,  # 66733.33
    100111,
  ]
  assert line.notes == []


def test_times_may_begin_before_zero():
  assert place([-80, -40, 0]) == ([-80_000, -40_000, 0], [])


@pytest.mark.parametrize(
  ('times', 'expected'),
  [
    ([None, None, None], [0, 40_000, 80_000]),  # Raw H.264.
    ([80, 120, None, None], [80_000, 120_000, 160_000, 200_000]),  # AVI.
    ([80, None, 200], [80_000, 120_000, 200_000]),
  ],
)
def test_frames_without_a_time_go_on_at_the_average_rate(times, expected):
  assert place(times) == (expected, [timeline.NO_TIMES])


def test_many_frames_without_a_time_do_not_drift():
  placed, _ = place([None] * 3001, Fraction(30000, 1001))
  assert placed[-1] == 100_100_000  # 3000 * 1001 / 30000 seconds.


def test_after_a_jump_back_the_video_goes_on():
  """Two recordings in one file."""
  times = [1480, 1520, 1560, 1480 - 900, 1520 - 900, 1560 - 900]
  placed, notes = place(times)
  assert placed == [
    1_480_000, 1_520_000, 1_560_000, 1_600_000, 1_640_000, 1_680_000,
  ]  # fmt: skip
  assert notes == [timeline.JUMPS_BACK]


def test_single_times_that_do_not_increase_are_dropped():
  """MediaPipe's resampler drops such frames."""
  placed, notes = place([0, 83, 83, 40, 167], 12)
  assert placed == [0, 83_000, None, None, 167_000]
  assert notes == [timeline.DROPPED]


def test_at_a_low_rate_two_frames_are_no_new_beginning():
  placed, _ = place([0, 1000, 2000, 1000, 3000], 1)
  assert placed == [0, 1_000_000, 2_000_000, None, 3_000_000]


def test_times_in_the_same_microsecond_are_not_told_apart():
  line = timeline.Timeline(Fraction(25))
  assert line.place(Fraction(1)) == 1_000_000
  assert line.place(Fraction(1) + Fraction(1, 10**7)) is None
