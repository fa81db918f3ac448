"""Standard error without the lines of TensorFlow that are no news.

All that this process writes to its file descriptor goes through a pipe to a
process that copies it, see no_news.py. It is a process and no thread, as the
last words of one that crashes or is killed are in the pipe when it is gone.
"""

import atexit
import contextlib
import functools
import io
import os
import select
import signal
import subprocess
import sys
import threading

from absl import logging

from two_stream.terminal import no_news

_ANSWER_SECONDS = 5


@functools.cache
def leave_out_no_news():
  """Puts the other process between this one and its standard error, once.

  Python's own messages to a terminal go there directly, as bars look for a
  terminal; each waits until what was written before it is copied. Nothing is
  done without a standard error, or if no process can be started.
  """
  if sys.stderr is None:
    return
  # That process ends when nobody can write any more, and by no signal.
  old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
  try:
    copier = subprocess.Popen(  # noqa: S603 (our own program)
      [sys.executable, '-I', '-S', no_news.__file__],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      bufsize=0,
    )
  except OSError:
    return
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
  _Pipe(copier).open()


class _Pipe:
  """This process's end of the pipe."""

  def __init__(self, copier):
    self._copier = copier
    self._lock = threading.Lock()
    self._stderr = os.dup(2)

  def open(self):
    """Leads standard error into the pipe until this process ends."""
    sys.stderr.flush()
    os.dup2(self._copier.stdin.fileno(), 2)
    self._pipe = os.fstat(2)
    self._copier.stdin.close()
    if os.isatty(self._stderr):
      direct = _Direct(self._stderr, self.wait_until_copied)
      sys.stderr = io.TextIOWrapper(
        direct, sys.stderr.encoding, sys.stderr.errors, write_through=True
      )
      logging.get_absl_handler().python_handler.setStream(sys.stderr)
    atexit.register(self.close)

  def close(self):
    """Leads standard error where it led before."""
    with contextlib.suppress(OSError):
      sys.stderr.flush()
    self.wait_until_copied()
    if self._is_open():
      os.dup2(self._stderr, 2)

  def wait_until_copied(self):
    """Waits until what was written is where it should be."""
    with self._lock, contextlib.suppress(OSError):
      if not self._is_open():
        return
      os.write(2, no_news.QUESTION)
      if select.select([self._copier.stdout], [], [], _ANSWER_SECONDS)[0]:
        self._copier.stdout.read(1)

  def _is_open(self):
    """Whether standard error leads into the pipe, and nobody exchanged it."""
    try:
      return os.path.samestat(os.fstat(2), self._pipe)
    except OSError:
      return False


class _Direct(io.FileIO):
  """A file whose every write waits for something."""

  def __init__(self, descriptor, wait):
    super().__init__(descriptor, 'w', closefd=False)
    self._wait = wait

  def write(self, data):
    """Writes once the wait is over."""
    self._wait()
    return super().write(data)
