"""Which source frame a clip of a constant frame rate shows at each tick.

DeepMind prepared Kinetics at 25 frames a second (README of
google-deepmind/kinetics-i3d) with MediaPipe's PacketResampler. This module
holds that rule, in integer arithmetic, so that nothing is rounded.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

Frame = TypeVar('Frame')

FRAMES_PER_SECOND = 25
# This value of a frame rate means: keep the frames of the source as they are.
NATIVE = 'native'
MAX_FRAMES_PER_SECOND = 1000

_SECOND = 1_000_000  # Microseconds.


def resample(
  timestamps: np.ndarray, frames_per_second: int = FRAMES_PER_SECOND
) -> np.ndarray:
  """Tells which frame each tick of a constant frame rate shows.

  The first tick lies at the first frame, as in MediaPipe, where the first
  packet's time is the base unless another one is given
  (packet_resampler_calculator.proto). Time is cut into periods, which are
  centred on the ticks. A tick shows the frame of its period that is nearest
  to the tick. Of two frames equally near, the tick shows the later one. Where
  a period has no frame, the tick repeats the most recent frame. The last tick
  is that of the last frame's period.

  Args:
    timestamps: int64 [N], microseconds, strictly increasing, N >= 1.
    frames_per_second: the new rate.

  Returns:
    int64 [K], non-decreasing: tick k shows frame `result[k]`.
  """
  timestamps = np.asarray(timestamps, np.int64)
  ticks = (timestamps - timestamps[0]) * frames_per_second
  periods = (ticks + _SECOND // 2) // _SECOND
  distances = np.abs(ticks - periods * _SECOND)
  later_first = -np.arange(len(ticks))
  order = np.lexsort((later_first, distances, periods))
  occupied, first = np.unique(periods[order], return_index=True)
  nearest = order[first]

  every_period = np.arange(periods[-1] + 1)
  most_recent = np.searchsorted(periods, every_period, side='right') - 1
  most_recent[occupied] = nearest
  return most_recent


def resample_stream(
  frames: Iterable[tuple[Frame, int]], frames_per_second: int
) -> Iterator[tuple[Frame, int, int]]:
  """Does to frames that come one by one what `resample` does to all times.

  Two frames are kept at a time. So a video may be of any length.

  Args:
    frames: anything that stands for a frame, and its time in microseconds,
      strictly increasing.
    frames_per_second: the new rate.

  Yields:
    (a frame, its time, how many ticks in a row show it), for each frame that a
    tick shows.
  """
  shown: tuple[Frame, int] | None = None
  last: tuple[Frame, int] | None = None
  first = period = nearest = 0
  for frame, time in frames:
    if shown is None or last is None:
      first = time
    ticks = (time - first) * frames_per_second
    this_period = (ticks + _SECOND // 2) // _SECOND
    distance = abs(ticks - this_period * _SECOND)
    if shown is None or last is None:
      shown, nearest = (frame, time), distance
    elif this_period == period:
      if distance <= nearest:
        shown, nearest = (frame, time), distance
    else:
      yield from _ticks(shown, last, this_period - period)
      shown, nearest = (frame, time), distance
    last, period = (frame, time), this_period
  if shown is not None:
    yield (*shown, 1)


def _ticks(
  shown: tuple[Frame, int], last: tuple[Frame, int], num_ticks: int
) -> Iterator[tuple[Frame, int, int]]:
  """Yields what a period shows, and the ticks after it that have no frame.

  Args:
    shown: the frame that is nearest to the tick of the period.
    last: the last frame of the period.
    num_ticks: how many ticks there are before the next period with a frame.
  """
  if shown[1] == last[1]:
    yield (*shown, num_ticks)
    return
  yield (*shown, 1)
  if num_ticks > 1:
    yield (*last, num_ticks - 1)
