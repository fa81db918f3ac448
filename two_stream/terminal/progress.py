"""Progress on stderr: often on a terminal, seldom in a log file."""

import sys
import time
import weakref

import tqdm

_bars = weakref.WeakSet()


def bar(iterable=None, **options):
  """Makes a bar.

  Args:
    iterable: what it counts as it goes by; None to count by hand.
    **options: of `tqdm.tqdm`.

  Returns:
    The tqdm.tqdm. In a log file each of its states is a line.
  """
  terminal = sys.stderr.isatty()
  made = _Bar(
    iterable,
    file=sys.stderr if terminal else _Log(),
    mininterval=0.5 if terminal else 30,
    miniters=1,  # Else it counts how many there are to an interval, and waits.
    **options,
  )
  _bars.add(made)
  return made


def make_room():
  """Takes the bars off the terminal, for a line that is about to be printed.

  They come back as they go on.
  """
  if sys.stderr.isatty():
    for each in list(_bars):
      each.clear()


class _Bar(tqdm.tqdm):
  """A bar that goes by the monotonic clock.

  tqdm's goes by the wall clock: where that is set back by an hour, the bar
  stands still for an hour.
  """

  @property
  def _time(self):
    return time.monotonic

  @_time.setter
  def _time(self, clock):
    """Ignores the clock that tqdm sets."""


class _Log:
  """Takes what a bar writes over its last state as lines of stderr."""

  @property
  def encoding(self):
    """Decides whether bars are drawn in blocks or in ASCII."""
    return sys.stderr.encoding

  def write(self, text):
    """Writes a state, and nothing for the blanks that wipe one out."""
    state = text.strip()
    if state:
      sys.stderr.write(f'{state}\n')

  def flush(self):
    """Shows what was written."""
    sys.stderr.flush()
