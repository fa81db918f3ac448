"""Progress on stderr: often on a terminal, seldom in a log file."""

import sys
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
  made = tqdm.tqdm(
    iterable,
    file=sys.stderr if terminal else _Log(),
    mininterval=0.5 if terminal else 30,
    maxinterval=10 if terminal else 60,
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
