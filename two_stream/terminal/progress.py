"""Progress bars on stderr: often on a terminal, seldom in a log file."""

import sys
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import tqdm

_bars: weakref.WeakSet['_Bar'] = weakref.WeakSet()


def bar(iterable: Iterable[Any] | None = None, **options: Any) -> tqdm.tqdm:
  """Makes a bar.

  Args:
    iterable: the bar counts its elements as they are taken; None to count by
      hand.
    **options: those of `tqdm.tqdm`.

  Returns:
    The bar. In a log file it writes a line for each of its states.
  """
  terminal = sys.stderr.isatty()
  made = _Bar(
    iterable,
    file=sys.stderr if terminal else _Log(),
    mininterval=0.5 if terminal else 30,
    # Otherwise tqdm would look at the clock only after several elements.
    miniters=1,
    **options,
  )
  _bars.add(made)
  return made


def make_room() -> None:
  """Takes the bars off the terminal before a line is printed there.

  Each bar appears again when it counts its next element.
  """
  if sys.stderr.isatty():
    for shown in list(_bars):
      shown.clear()


class _Bar(tqdm.tqdm):
  """A bar that uses the monotonic clock.

  tqdm uses the wall clock. If that clock is set back by an hour, tqdm's bar
  stands still for an hour.
  """

  @property
  def _time(self) -> Callable[[], float]:
    return time.monotonic

  @_time.setter
  def _time(self, clock: Callable[[], float]) -> None:
    """Ignores the clock that tqdm sets."""


class _Log:
  """Writes each state of a bar as a line of stderr."""

  @property
  def encoding(self) -> str:
    """By this tqdm decides whether it draws with blocks or in ASCII."""
    return sys.stderr.encoding

  def write(self, text: str) -> None:
    """Writes a state; ignores the blanks that are to wipe out a state."""
    state = text.strip()
    if state:
      sys.stderr.write(f'{state}\n')

  def flush(self) -> None:
    """Passes on what was written."""
    sys.stderr.flush()
