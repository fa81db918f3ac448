"""A part has the frames from its start on and before its end."""

from fractions import Fraction

import pytest

from two_stream import errors
from two_stream.video import time_range


def part(start, end, zero=0, unit=Fraction(1, 12800)):
  result = time_range.TimeRange('a.mp4', start, end)
  result.set_clock(Fraction(zero), unit)
  return result


def kept(part_of_video, times):
  return [
    time
    for time in times
    if part_of_video.has_begun(time) and not part_of_video.has_ended(time)
  ]


TIMES = range(0, 1_000_000, 40_000)


def test_the_start_belongs_to_the_part_and_the_end_does_not():
  assert kept(part(0.08, 0.2), TIMES) == [80_000, 120_000, 160_000]
  assert kept(part(0.09, 0.21), TIMES) == [120_000, 160_000, 200_000]
  assert kept(part(None, 0.05), TIMES) == [0, 40_000]
  assert kept(part(0.95, None), TIMES) == [960_000]
  assert kept(part(None, None), [-5, 0, 5]) == [-5, 0, 5]


def test_seconds_count_from_the_first_moment_of_the_file():
  assert kept(part(0.08, 0.2, zero=0.04), TIMES) == [120_000, 160_000, 200_000]


def test_times_that_were_rounded_are_met():
  """The second frame of three a second, in a file of milliseconds."""
  times = [0, 333_000, 667_000]
  for start in (0.333, 0.3333, 1 / 3):
    assert kept(part(start, None, unit=Fraction(1, 1000)), times) == times[1:]
  # ... and what is later than the frame is later, however coarse the unit is.
  assert kept(part(0.334, None, unit=Fraction(1, 3)), times) == times[2:]
  assert kept(part(0.666667, None), [666_667]) == [666_667]


def test_neighbouring_parts_share_no_frame_and_lose_none():
  for unit in (Fraction(1, 1000), Fraction(1, 25), Fraction(1, 90000)):
    for border in (0.0799, 0.0801, 0.08, 0.4):
      assert [
        *kept(part(None, border, unit=unit), TIMES),
        *kept(part(border, None, unit=unit), TIMES),
      ] == [*TIMES]


@pytest.mark.parametrize(
  ('start', 'end'),
  [
    (-1, None),
    (3, 2),
    (2, 2),
    (None, 0),
    (float('nan'), None),
    (1, float('nan')),
    (float('inf'), None),
    (0, 1e300),
  ],
)
def test_parts_that_cannot_be_are_refused(start, end):
  with pytest.raises(errors.InputError, match=r'a\.mp4: a part from'):
    time_range.TimeRange('a.mp4', start, end)


def test_an_end_a_little_beyond_the_video_is_normal():
  assert not part(0, 10).ends_early(Fraction(997, 100))
  assert part(0, 10).ends_early(Fraction(94, 10))
  assert not part(0, 10, zero=-1).ends_early(Fraction(9))
  assert not part(5, None).ends_early(Fraction(6))


def test_a_part_without_frames_tells_how_long_the_video_is():
  assert str(part(20, 30).has_no_frame(Fraction(51, 5))) == (
    'a.mp4: has no frame from 20 to 30 seconds; it is 10.20 seconds long'
  )
  assert str(part(20.5, None).has_no_frame(None)) == (
    'a.mp4: has no frame from 20.5 seconds'
  )
