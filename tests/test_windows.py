"""Windows slide over a clip whose frames come one by one."""

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import windows
from two_stream.preprocessing import shown_frames

# A clip of nine frames: number 1 is shown three times, number 4 twice.
TICKS = (1, 3, 1, 1, 2, 1)
SHOWN = [0, 1, 1, 1, 2, 3, 4, 4, 5]


def frames(ticks=TICKS):
  """Frame n has the value n, its flow the value n + 1."""
  last = len(ticks) - 1
  for number, num_ticks in enumerate(ticks):
    flow = np.full((2, 2, 2), number + 1, np.float32)
    yield shown_frames.ShownFrame(
      rgb=np.full((2, 2, 3), number, np.uint8),
      flow=None if number == last else flow,
      seconds=10 + number,
      num_ticks=num_ticks,
    )


def slide(ticks=TICKS, has_flow=True, **plan):
  plan = windows.WindowPlan(**{'frames_per_second': 25, **plan})
  return list(windows.slide(frames(ticks), plan, has_flow, 'a.mp4'))


def values(window):
  rgb, flow = window.rgb[:, 0, 0, 0].tolist(), window.flow[:, 0, 0, 0].tolist()
  return rgb, flow


def test_windows_have_the_frames_and_flows_of_the_whole_clip():
  rgb, flow = SHOWN[:-1], [1, 0, 0, 2, 3, 4, 0, 5]
  found = slide(num_frames=3, stride=2)
  assert [window.start for window in found] == [0, 2, 4]
  for window in found:
    part = slice(window.start, window.start + 3)
    assert values(window) == (rgb[part], flow[part])
    assert window.rgb.dtype == np.uint8
    assert window.flow.dtype == np.float32


def test_the_whole_clip_is_one_window():
  (window,) = slide(num_frames=8, stride=1)
  assert values(window)[0] == SHOWN[:-1]


def test_windows_may_leave_frames_out():
  found = slide(num_frames=2, stride=5)
  assert [window.start for window in found] == [0, 5]
  assert values(found[1])[0] == [3, 4]


def test_the_rest_of_a_clip_gives_no_window():
  assert len(slide(num_frames=3, stride=3)) == 2


@pytest.mark.parametrize('num_frames', [1, 3, 4, 21])
def test_with_padding_every_frame_has_a_window_around_it(num_frames):
  found = slide(num_frames=num_frames, stride=1, is_padded=True)
  assert len(found) == len(SHOWN)
  half = num_frames // 2
  for number, window in enumerate(found):
    assert window.start == number - half
    numbers = np.arange(window.start, window.start + num_frames)
    rgb, flow = values(window)
    shown = np.array(SHOWN)[np.clip(numbers, 0, 8)]
    assert rgb == shown.tolist()
    inside = (numbers >= 0) & (numbers < 8)
    moves = np.append(np.diff(SHOWN), 0)[np.clip(numbers, 0, 8)] * inside
    assert flow == (moves * (shown + 1)).tolist()


def test_with_padding_there_is_a_window_at_every_stride():
  found = slide(num_frames=4, stride=4, is_padded=True)
  assert [window.start + 2 for window in found] == [0, 4, 8]


def test_seconds_are_those_of_the_first_frame_that_is_shown():
  at_rate = slide(num_frames=4, stride=4, is_padded=True)
  assert [window.seconds for window in at_rate] == [10, 10.08, 10.24]
  assert [window.last_seconds for window in at_rate] == [10.04, 10.2, 10.32]
  native = slide((1,) * 6, num_frames=2, stride=2, frames_per_second=None)
  assert [window.seconds for window in native] == [10, 12]


def test_a_clip_shorter_than_a_window_gives_one_window():
  (window,) = slide(num_frames=64, stride=16, min_frames=8)
  assert values(window)[0] == SHOWN[:-1]
  with pytest.raises(errors.InputError, match=r'a\.mp4: has 8 frames .* 9'):
    slide(num_frames=64, stride=16, min_frames=9)


def test_there_is_no_flow_where_none_is_wanted():
  assert slide(num_frames=3, stride=3, has_flow=False)[0].flow is None
