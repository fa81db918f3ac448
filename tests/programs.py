"""Runs programs for tests, waits for them, and tells whether processes live.

A test that starts a program needs the marker `process`.
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Programs that take the place of train.py or of a scheduler's commands. The
# first lines of each say what it stands for.
STAND_INS = ROOT / 'tests' / 'stand_ins'
# With these environment variables, a Python program that starts anywhere can
# import the modules of this checkout and the helpers beside this file.
IMPORTABLE = {'PYTHONPATH': os.pathsep.join([str(ROOT), str(ROOT / 'tests')])}

_Command = Sequence[str | os.PathLike[str]]
_Environment = Mapping[str, str] | None


def run(
  command: _Command, env: _Environment = None, **options: Any
) -> subprocess.CompletedProcess:
  """Runs a program to its end and captures what it prints as text.

  Args:
    command: the program and its arguments.
    env: environment variables that are set in addition to those of the tests.
    **options: further options of `subprocess.run`. They replace the defaults
      text=True and check=False; with `stdout` or `stderr` among them, nothing
      else is captured.

  Returns:
    The `subprocess.CompletedProcess`.
  """
  is_redirected = 'stdout' in options or 'stderr' in options
  options = {'text': True, 'capture_output': not is_redirected, **options}
  check = options.pop('check', False)
  return subprocess.run(command, env=_environment(env), check=check, **options)


def run_script(
  path: str | os.PathLike[str],
  *arguments: str | os.PathLike[str],
  **options: Any,
) -> subprocess.CompletedProcess:
  """Runs a Python script of this checkout; see `run`.

  Args:
    path: of the script, relative to the checkout.
    *arguments: the script's command line.
    **options: as for `run`.

  Returns:
    The `subprocess.CompletedProcess`.
  """
  return run([sys.executable, ROOT / path, *arguments], **options)


def run_code(
  code: str,
  *arguments: str | os.PathLike[str],
  env: _Environment = None,
  **options: Any,
) -> subprocess.CompletedProcess:
  """Runs Python code that may import from the checkout; see `run`.

  Args:
    code: the text of the program.
    *arguments: its command line, `sys.argv[1:]`.
    env: environment variables to set in addition to those of the tests.
    **options: as for `run`.

  Returns:
    The `subprocess.CompletedProcess`.
  """
  command = [sys.executable, '-c', code, *arguments]
  return run(command, env={**IMPORTABLE, **(env or {})}, **options)


@contextlib.contextmanager
def started(
  command: _Command, env: _Environment = None, **options: Any
) -> Iterator[subprocess.Popen]:
  """Starts a program, which is killed after the block if it still runs.

  Args:
    command: the program and its arguments.
    env: environment variables that are set in addition to those of the tests.
    **options: further options of `subprocess.Popen`.

  Yields:
    The `subprocess.Popen`.
  """
  with (
    subprocess.Popen(command, env=_environment(env), **options) as process,
    killed_at_last([process]),
  ):
    yield process


def started_code(
  code: str,
  *arguments: str | os.PathLike[str],
  env: _Environment = None,
  **options: Any,
) -> contextlib.AbstractContextManager[subprocess.Popen]:
  """Starts Python code that may import from the checkout; see `started`."""
  command = [sys.executable, '-c', code, *arguments]
  return started(command, env={**IMPORTABLE, **(env or {})}, **options)


@contextlib.contextmanager
def killed_at_last(processes: Iterable[subprocess.Popen]) -> Iterator[None]:
  """Kills, after the block, those of the processes that still run.

  Args:
    processes: a container, which may change during the block.
  """
  try:
    yield
  finally:
    for process in processes:
      process.kill()
      process.wait()


def wait_until(
  condition: Callable[[], Any],
  seconds: float = 60,
  explain: Callable[[], Any] = lambda: 'the condition was never met',
) -> None:
  """Waits until a condition holds; fails the test if it never does.

  Args:
    condition: a function that returns a true value once there is no more to
      wait for.
    seconds: how long to wait.
    explain: a function that returns what to show if the time is over.
  """
  deadline = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < deadline, explain()
    time.sleep(0.01)


def is_running(pid: int) -> bool:
  """Returns whether a process exists and is no zombie."""
  try:
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
  except OSError:
    return False
  return stat.rpartition(')')[2].split()[0] != 'Z'


def free_ports(count: int) -> list[int]:
  """Returns so many ports of this machine that nobody uses at the moment."""
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for each in sockets:
      each.bind(('127.0.0.1', 0))
    return [each.getsockname()[1] for each in sockets]


def _environment(added: _Environment) -> dict[str, str]:
  return {**os.environ, **(added or {})}
