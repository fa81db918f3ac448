"""Gives up a job whose other tasks do not come.

TensorFlow waits for the other tasks of a job without an end and without a word.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from two_stream.cluster import cluster_task

_POLL_SECONDS = 1.0
_NOTICE_SECONDS = 10.0  # After so long the user learns what is waited for.


@contextlib.contextmanager
def waiting(
  task: cluster_task.ClusterTask,
  seconds: float,
  give_up: Callable[[str], None],
) -> Iterator[None]:
  """Looks, while the block runs, whether all other tasks of the job answer.

  A task answers when its port accepts connections.

  Args:
    task: this task.
    seconds: how long each of the others may take until its first answer.
    give_up: a function that is called in another thread, with the reason, if a
      task takes longer.
  """
  stop = threading.Event()
  thread = threading.Thread(
    target=_look, args=(task, seconds, give_up, stop), daemon=True
  )
  thread.start()
  try:
    yield
  finally:
    stop.set()
    thread.join()


def _look(
  task: cluster_task.ClusterTask,
  seconds: float,
  give_up: Callable[[str], None],
  stop: threading.Event,
) -> None:
  """Asks all tasks until each has answered once."""
  start = time.monotonic()
  have_answered: set[str] = set()
  has_told = False
  while not stop.is_set():
    missing = cluster_task.missing_tasks(task)
    have_answered |= cluster_task.names(task).keys() - set(missing)
    late = [name for name in missing if name not in have_answered]
    waited = time.monotonic() - start
    if not late:
      return
    if waited >= seconds:
      give_up(f'no answer from {", ".join(late)} for {waited:.0f} s')
      return
    if waited >= _NOTICE_SECONDS and not has_told:
      has_told = True
      logging.info('waiting for %s', ', '.join(late))
    stop.wait(_POLL_SECONDS)
