"""Standard error without those lines of TensorFlow that are no news.

All that this process writes to file descriptor 2 goes through a pipe to another
process, which copies it; see no_news.py. A thread could not do that: when this
process crashes or is killed, its last message is still in the pipe.
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
from collections.abc import Callable
from typing import IO, Any

from absl import logging

from two_stream.terminal import no_news

_ANSWER_SECONDS = 5


@functools.cache
def leave_out_no_news() -> None:
  """Puts the copying process between this process and its standard error.

  Further calls do nothing. If standard error is a terminal, Python's own
  messages still go there directly, because progress bars look for a terminal.
  Each of them waits until everything written before it is copied. If there is
  no standard error, or no process can be started, nothing changes.
  """
  if sys.stderr is None:
    return
  # The copying process ends when nobody can write to it any more. Until then
  # no signal must end it.
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
  if copier.stdin is not None and copier.stdout is not None:
    _Pipe(copier.stdin, copier.stdout).open()


class _Pipe:
  """This process's end of the pipe to the copying process."""

  def __init__(self, lines: IO[bytes], answers: IO[bytes]):
    """Takes both ends: where lines go to, and where answers come from."""
    self._lines = lines
    self._answers = answers
    self._lock = threading.Lock()
    self._stderr = os.dup(2)

  def open(self) -> None:
    """Leads standard error into the pipe until this process ends."""
    sys.stderr.flush()
    os.dup2(self._lines.fileno(), 2)
    self._pipe = os.fstat(2)
    self._lines.close()
    if os.isatty(self._stderr):
      direct = _Direct(self._stderr, self.wait_until_copied)
      sys.stderr = io.TextIOWrapper(
        direct, sys.stderr.encoding, sys.stderr.errors, write_through=True
      )
      logging.get_absl_handler().python_handler.setStream(sys.stderr)
    atexit.register(self.close)

  def close(self) -> None:
    """Leads standard error to where it led before."""
    with contextlib.suppress(OSError):
      sys.stderr.flush()
    self.wait_until_copied()
    if self._is_open():
      os.dup2(self._stderr, 2)

  def wait_until_copied(self) -> None:
    """Waits until everything that was written is copied."""
    with self._lock, contextlib.suppress(OSError):
      if not self._is_open():
        return
      os.write(2, no_news.QUESTION)
      if select.select([self._answers], [], [], _ANSWER_SECONDS)[0]:
        self._answers.read(1)

  def _is_open(self) -> bool:
    """Returns whether standard error still leads into the pipe."""
    try:
      return os.path.samestat(os.fstat(2), self._pipe)
    except OSError:
      return False


class _Direct(io.FileIO):
  """A file that calls a function before each write."""

  def __init__(self, descriptor: int, wait: Callable[[], None]):
    super().__init__(descriptor, 'w', closefd=False)
    self._wait = wait

  def write(self, data: Any) -> int:
    """Waits, then writes."""
    self._wait()
    return super().write(data)
