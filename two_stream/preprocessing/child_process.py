"""A process for one function: its start, its end, and what it leaves.

The process is spawned, not forked, and ends with its parent.
"""

import multiprocessing
import multiprocessing.process
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from two_stream import errors, files


def start(
  function: Callable[..., None], *arguments: Any
) -> tuple[multiprocessing.process.BaseProcess, Connection]:
  """Starts a process that calls `function(connection, *arguments)`.

  Ctrl-C, which reaches all processes of a terminal, does not end the process.
  It ends when its parent ends, even if the parent is killed.

  Args:
    function: a function that the process imports by its name. Its first
      argument is the process's end of a pipe.
    *arguments: what else it takes.

  Returns:
    (the process, this process's end of the pipe).
  """
  spawn = multiprocessing.get_context('spawn')
  connection, its_connection = spawn.Pipe()
  process = spawn.Process(
    target=_run, args=(function, its_connection, *arguments), daemon=True
  )
  # The process inherits the mask, so that Ctrl-C does not end it before it can
  # ignore the signal. Starting the tracker of multiprocessing clears the mask.
  resource_tracker.ensure_running()
  old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
  try:
    process.start()
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
  its_connection.close()
  return process, connection


def how_it_ended(process: multiprocessing.process.BaseProcess) -> str:
  """Waits for the end of a process.

  Returns:
    How it ended, such as 'ended with status 1' or 'was ended by SIGSEGV'.
  """
  process.join()
  status = process.exitcode
  assert status is not None
  if status >= 0:
    return f'ended with status {status}'
  name = signal.Signals(-status).name
  return f'was ended by {name}' + ' (out of memory?)' * (name == 'SIGKILL')


def reason(path: files.PathLike, error: Exception) -> errors.InputError:
  """Makes one line of an exception, and prints the traceback of a bug.

  Args:
    path: what the process was busy with.
    error: the exception, which is being handled. If the system refuses memory,
      a file or a part of one, no traceback is printed.
  """
  if isinstance(error, OSError | MemoryError):
    words = str(error) or 'the system gives no memory'
  else:
    print_traceback()
    words = f'{type(error).__name__}: {error}'
  return errors.InputError(f'{path}: {" ".join(words.split())}')


def print_traceback() -> None:
  """Prints the traceback of the present exception, with nothing to obey."""
  for line in traceback.format_exc().splitlines():
    print(errors.printable(line), file=sys.stderr)


def _run(
  function: Callable[..., None], connection: Connection, *arguments: Any
) -> None:
  """Runs in the process."""
  # Ctrl-C ends the parent process, which then ends this one.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  threading.Thread(target=_end_with_parent, daemon=True).start()
  function(connection, *arguments)


def _end_with_parent() -> None:
  """Ends this process when the parent dies, even if it is killed with -9."""
  parent = multiprocessing.parent_process()
  assert parent is not None
  parent.join()
  os._exit(1)
