"""A thread beside training: signals and standstills.

TensorFlow's calls do not return while a replica waits for the others, and
Python's signal handlers do not run before they do. So a second thread listens.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import threading
import time

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_POLL_SECONDS = 1.0
# Schedulers send SIGKILL 30 s after SIGTERM.
_PATIENCE_SECONDS = 10


class Watch:
  """What the thread and training tell each other.

  Attributes:
    signalled: threading.Event; set when the process is asked to stop.
    signal_number: by which signal.
    save: None, or what saves a checkpoint from outside of the training loop.
  """

  def __init__(self, stall_seconds=None, explain=None):
    """Makes the watch.

    Args:
      stall_seconds: after how long without progress to log; None: never.
      explain: function: seconds -> what to log.
    """
    self.signalled = threading.Event()
    self.signal_number = None
    self.save = None
    self._stall_seconds = stall_seconds
    self._explain = explain
    self.progress()

  def progress(self):
    """Tells that something went on."""
    self._last = self._last_told = time.monotonic()

  @contextlib.contextmanager
  def running(self):
    """Listens while the block runs; call it in the main thread."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    old_descriptor = signal.set_wakeup_fd(sender.fileno())
    old_handlers = [signal.signal(each, lambda *_: None) for each in _SIGNALS]
    stop = threading.Event()
    thread = threading.Thread(
      target=self._listen, args=(receiver, stop), daemon=True
    )
    thread.start()
    try:
      yield self
    finally:
      stop.set()
      thread.join()
      for each, handler in zip(_SIGNALS, old_handlers):
        signal.signal(each, handler)
      signal.set_wakeup_fd(old_descriptor)
      receiver.close()
      sender.close()

  def _listen(self, receiver, stop):
    while not stop.is_set():
      if select.select([receiver], [], [], _POLL_SECONDS)[0]:
        self.signal_number = receiver.recv(1)[0]
        self.signalled.set()
        logging.warning(
          '%s: saving and stopping', signal.Signals(self.signal_number).name
        )
        if not stop.wait(_PATIENCE_SECONDS):
          self._leave()
        return
      self._look()

  def _look(self):
    now = time.monotonic()
    if self._stall_seconds and now - self._last_told > self._stall_seconds:
      self._last_told = now
      logging.warning('%s', self._explain(now - self._last))

  def _leave(self):
    """Saves and ends the process, whose main thread waits for others."""
    if self.save is not None:
      try:
        self.save()
      except Exception:
        logging.exception('the last checkpoint was not saved')
    os._exit(128 + self.signal_number)
