"""The workers of a job meet before TensorFlow joins them, or give up in time.

TensorFlow waits for the other tasks of a job without an end, without a word,
and without letting Python do anything else. So the tasks first meet without
TensorFlow: each listens on its port and asks for all the others.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator

from two_stream import errors
from two_stream.cluster import cluster_task

_POLL_SECONDS = 0.2
_NOTICE_SECONDS = 10.0  # After so long the user learns what is waited for.
# How long a task stays where the others can find it, once it has found them.
# They ask every `_POLL_SECONDS`.
_STAY_SECONDS = 1.0


class MissingTasksError(Exception):
  """Tasks of the job did not come in time. The message names them."""


def meet(task: cluster_task.ClusterTask, seconds: float) -> None:
  """Waits until all other tasks of the job have answered.

  Args:
    task: this task, a worker.
    seconds: how long to wait at most.

  Raises:
    InputError: the port of this task cannot be used.
    MissingTasksError: a task did not answer in that time.
  """
  own = task.worker_hosts[task.task_index]
  start = time.monotonic()
  missing = {
    name for name, host in cluster_task.names(task).items() if host != own
  }
  has_told = False
  with _answering(own):
    while True:
      missing &= set(cluster_task.missing_tasks(task))
      waited = time.monotonic() - start
      if not missing:
        break
      names = ', '.join(sorted(missing))
      if waited >= seconds:
        raise MissingTasksError(f'no answer from {names} for {waited:.0f} s')
      if waited >= _NOTICE_SECONDS and not has_told:
        has_told = True
        logging.info('waiting for %s', names)
      time.sleep(_POLL_SECONDS)
    time.sleep(_STAY_SECONDS)


@contextlib.contextmanager
def _answering(address: str) -> Iterator[None]:
  """Accepts connections at `host:port` while the block runs."""
  port = int(address.rpartition(':')[2])
  server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
  try:
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
  except OSError:  # There is no IPv6 on this machine.
    server.close()
    server = socket.socket()
  with server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # launch/local.py keeps the port for this task by a socket that has it too.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
      server.bind(('', port))
      server.listen(socket.SOMAXCONN)
    except OSError as error:
      raise errors.InputError(
        f'{address}: this task cannot serve there: {error.strerror}'
      ) from error
    server.settimeout(_POLL_SECONDS)
    stop = threading.Event()
    thread = threading.Thread(target=_accept, args=(server, stop), daemon=True)
    thread.start()
    try:
      yield
    finally:
      stop.set()
      thread.join()


def _accept(server: socket.socket, stop: threading.Event) -> None:
  """Takes connections and closes them, which is an answer."""
  while not stop.is_set():
    with contextlib.suppress(OSError):
      server.accept()[0].close()
