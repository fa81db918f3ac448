"""A thread beside training, which listens for signals and notices standstills.

TensorFlow's calls do not return while a replica waits for the others, and
Python runs no signal handler before they return. So a second thread listens.
"""

import contextlib
import ctypes
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

from two_stream.cluster import cluster_task

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_POLL_SECONDS = 1.0
# How long the main thread may take to stop after a signal. Then this thread
# saves a checkpoint and ends the process. Schedulers send SIGKILL 30 s after
# SIGTERM.
_PATIENCE_SECONDS = 10


# Python's own functions for the handler that the system calls.
_get_handler = ctypes.pythonapi.PyOS_getsig
_get_handler.restype = ctypes.c_void_p
_set_handler = ctypes.pythonapi.PyOS_setsig
_set_handler.argtypes = [ctypes.c_int, ctypes.c_void_p]
_set_handler.restype = ctypes.c_void_p


@contextlib.contextmanager
def keeping_handlers() -> Iterator[None]:
  """Keeps the handlers of signals as they are, whatever the block does to them.

  When a process joins others for all-reduce, TensorFlow takes SIGTERM for
  itself, and does nothing but log a line. So a SIGTERM during the block is
  lost, and there is nothing yet that could be saved.
  """
  handlers = {number: _get_handler(number) for number in _SIGNALS}
  try:
    yield
  finally:
    for number, handler in handlers.items():
      _set_handler(number, handler)


class Watchdog:
  """What the second thread and training tell each other.

  Attributes:
    signalled: an event, which is set when the process is asked to stop.
    signal_number: the number of the signal that asked; None before that.
    save_checkpoint: a function that saves a checkpoint while the main thread
      waits for others; None if this process saves none.
  """

  signal_number: int | None
  save_checkpoint: Callable[[], None] | None

  def __init__(
    self,
    stall_seconds: float | None = None,
    explain: Callable[[float], str] | None = None,
  ):
    """Makes the watchdog.

    Args:
      stall_seconds: after how many seconds without progress to log a warning;
        None if there shall be no warnings.
      explain: a function of the seconds without progress that returns the text
        of the warning.
    """
    self.signalled = threading.Event()
    self.signal_number = None
    self.save_checkpoint = None
    self._stall_seconds = stall_seconds
    self._explain = explain
    self.note_progress()

  def note_progress(self) -> None:
    """Remembers that training made progress just now."""
    self._last_progress = self._last_warning = time.monotonic()

  @contextlib.contextmanager
  def running(self) -> Iterator[None]:
    """Listens while the block runs. Only the main thread may call it."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    old_descriptor = signal.set_wakeup_fd(sender.fileno())
    # Python writes the number of a signal to the descriptor only if the signal
    # has a handler.
    old_handlers = {
      number: signal.signal(number, lambda *_: None) for number in _SIGNALS
    }
    stop = threading.Event()
    thread = threading.Thread(
      target=self._listen, args=(receiver, stop), daemon=True
    )
    thread.start()
    try:
      yield
    finally:
      stop.set()
      thread.join()
      for number, handler in old_handlers.items():
        signal.signal(number, handler)
      signal.set_wakeup_fd(old_descriptor)
      receiver.close()
      sender.close()

  def _listen(self, receiver: socket.socket, stop: threading.Event) -> None:
    """Waits for a signal, as the second thread."""
    while not stop.is_set():
      if select.select([receiver], [], [], _POLL_SECONDS)[0]:
        number = receiver.recv(1)[0]
        self.signal_number = number
        self.signalled.set()
        logging.warning('%s: saving and stopping', signal.Signals(number).name)
        if not stop.wait(_PATIENCE_SECONDS):
          self._save_and_exit(128 + number)
        return
      self._warn_of_standstill()

  def _warn_of_standstill(self) -> None:
    """Logs a warning if there was no progress for too long."""
    now = time.monotonic()
    if (
      self._stall_seconds
      and self._explain
      and now - self._last_warning > self._stall_seconds
    ):
      self._last_warning = now
      logging.warning('%s', self._explain(now - self._last_progress))

  def _save_and_exit(self, status: int) -> None:
    """Saves and ends the process, because its main thread waits for others."""
    if self.save_checkpoint is not None:
      try:
        self.save_checkpoint()
      except Exception:
        logging.exception('the last checkpoint was not saved')
    os._exit(status)


def explain_standstill(task: cluster_task.ClusterTask, seconds: float) -> str:
  """Says why there may have been no step for some time.

  Args:
    task: a task of the job.
    seconds: since when there has been no step.
  """
  missing = cluster_task.missing_tasks(task)
  if missing:
    return f'no step for {seconds:.0f} s; no answer from {", ".join(missing)}'
  return f'no step for {seconds:.0f} s, though every task answers'
