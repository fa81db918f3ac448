"""Progress on stderr: often on a terminal, seldom in a log file."""

import sys

import tqdm


def bar(iterable=None, **options):
  """Makes a bar.

  Args:
    iterable: what it counts as it goes by; None to count by hand.
    **options: of `tqdm.tqdm`.

  Returns:
    The tqdm.tqdm.
  """
  terminal = sys.stderr.isatty()
  return tqdm.tqdm(
    iterable,
    mininterval=0.5 if terminal else 30,
    maxinterval=10 if terminal else 60,
    **options,
  )
