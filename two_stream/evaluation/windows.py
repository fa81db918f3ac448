"""Windows of time that slide over a video of any length.

Only the frames of one window are in memory. A window is what the network would
see of the whole clip between two of its frames: the last frame of a clip has no
flow and is left out, and where a frame is repeated the flow is zero, as in
records/schema.py.

With padding there is a window around every frame, or around every second one
and so on. The first and the last frame are repeated as often as needed, so that
the flow of the padding is zero.
"""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from two_stream import errors
from two_stream.preprocessing import shown_frames


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowPlan:
  """Which windows there are.

  Attributes:
    num_frames: the length of a window.
    stride: how many frames later the next window begins.
    is_padded: whether there is a window around frames 0, stride, 2 stride and
      so on, up to the last frame of the clip. The frame is the one at position
      num_frames // 2 of its window. Otherwise the first window begins with the
      clip, and no window goes beyond its end.
    min_frames: a shorter clip than a window gives one window of all that it
      has, if that is not fewer frames than this. With padding there is no such
      window.
    frames_per_second: of the clip; None if it has the frames of the video.
  """

  num_frames: int
  stride: int
  is_padded: bool = False
  min_frames: int = 1
  frames_per_second: int | None = None


class Window(NamedTuple):
  """A window of a clip.

  Attributes:
    start: the number of its first frame in the clip, from 0. A window with
      padding before the clip has a negative number.
    seconds: the time of the first frame of the clip that it shows, from the
      first moment of the file.
    last_seconds: the time of the last one.
    rgb: uint8 [T, H, W, 3].
    flow: float32 [T, H, W, 2] in [-1, 1]; None if there is no flow.
  """

  start: int
  seconds: float
  last_seconds: float
  rgb: np.ndarray
  flow: np.ndarray | None


class _Step(NamedTuple):
  """One time step of a clip; `flow` is None where nothing moves."""

  rgb: np.ndarray
  flow: np.ndarray | None
  seconds: float


def slide(
  frames: Iterable[shown_frames.ShownFrame],
  plan: WindowPlan,
  has_flow: bool,
  name: object,
) -> Iterator[Window]:
  """Cuts a clip into windows.

  Args:
    frames: what the clip shows.
    plan: which windows are wanted.
    has_flow: whether the windows are to have flow.
    name: what to call the clip in messages, such as its path.

  Yields:
    The windows, in the order of time.

  Raises:
    InputError: the clip is too short.
  """
  steps = _steps(frames, plan)
  half = plan.num_frames // 2 if plan.is_padded else 0
  if plan.is_padded:
    steps = _pad(steps, half, plan.num_frames - half - 1)
  start = num_steps = 0
  kept: collections.deque[_Step] = collections.deque(maxlen=plan.num_frames)
  for step in steps:
    kept.append(step)
    num_steps += 1
    if num_steps == start + plan.num_frames:
      yield _window(kept, start - half, has_flow)
      start += plan.stride
  if start:
    return
  if num_steps < plan.min_frames:
    raise errors.InputError(
      f'{name}: has {num_steps} frames before the last one; a window needs at '
      f'least {plan.min_frames}'
    )
  yield _window(kept, 0, has_flow)


def _steps(
  frames: Iterable[shown_frames.ShownFrame], plan: WindowPlan
) -> Iterator[_Step]:
  """Yields each time step of a clip, of which a padded clip has one more."""
  rate = plan.frames_per_second
  number = 0
  first = 0.0
  endless = itertools.chain(frames, [None])
  for frame, following in itertools.pairwise(endless):
    assert frame is not None
    if not number:
      first = frame.seconds
    is_last = following is None
    num_ticks = frame.num_ticks - (is_last and not plan.is_padded)
    for tick in range(num_ticks):
      moves = tick == frame.num_ticks - 1 and not is_last
      seconds = frame.seconds if rate is None else first + number / rate
      yield _Step(frame.rgb, frame.flow if moves else None, seconds)
      number += 1


def _pad(steps: Iterator[_Step], before: int, after: int) -> Iterator[_Step]:
  """Repeats the first and the last step, without motion."""
  last: _Step | None = None
  for step in steps:
    if last is None:
      yield from itertools.repeat(step._replace(flow=None), before)
    yield step
    last = step
  if last is not None:
    yield from itertools.repeat(last._replace(flow=None), after)


def _window(
  kept: collections.deque[_Step], start: int, has_flow: bool
) -> Window:
  rgb = np.stack([step.rgb for step in kept])
  flow = None
  if has_flow:
    flow = np.zeros((*rgb.shape[:-1], 2), np.float32)
    for position, step in enumerate(kept):
      if step.flow is not None:
        flow[position] = step.flow
  return Window(start, kept[0].seconds, kept[-1].seconds, rgb, flow)
