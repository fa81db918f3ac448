"""The process of a task: how it starts, what it prints, and how it ends.

What a process prints is copied to the standard output or standard error of the
launcher, each line behind the name of the task.
"""

import asyncio
import contextlib
import ctypes
import dataclasses
import functools
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)

# A progress bar ends its lines by a carriage return alone.
_LINE_END = re.compile(rb'(?<=\n)|(?<=\r)(?!\n)')


@dataclasses.dataclass(frozen=True)
class TaskName:
  """The name of a task of the job.

  Attributes:
    job: 'chief', 'worker', 'ps' or 'evaluator'.
    index: the number of the task in its job.
  """

  job: str
  index: int

  def __str__(self) -> str:
    return self.job if self.job == 'chief' else f'{self.job} {self.index}'


class Process:
  """The process of a task.

  Attributes:
    task: the name of the task.
    following: an asyncio.Task that ends with the process.
    has_told_why: whether the process has ended by an error that it explained to
      the user and that a restart would not mend.
  """

  @classmethod
  async def start(
    cls,
    task: TaskName,
    command: Sequence[str],
    environment: Mapping[str, str],
    events: 'asyncio.Queue[Event]',
  ) -> 'Process':
    """Starts a process, which is put into the queue `events` when it ends."""
    process = await asyncio.create_subprocess_exec(
      *command,
      env=environment,
      stdin=asyncio.subprocess.DEVNULL,
      stdout=asyncio.subprocess.PIPE,
      stderr=asyncio.subprocess.PIPE,
      # Ctrl-C in a terminal reaches the launcher alone, which then stops the
      # tasks in order.
      start_new_session=True,
      preexec_fn=functools.partial(_end_with_parent, os.getpid()),
    )
    return cls(task, process, events)

  def __init__(
    self,
    task: TaskName,
    process: asyncio.subprocess.Process,
    events: 'asyncio.Queue[Event]',
  ):
    self.task = task
    self.has_told_why = False
    self._process = process
    self.following = asyncio.create_task(self._follow(events))

  def send(self, number: int) -> None:
    """Sends a signal if the process still exists."""
    with contextlib.suppress(ProcessLookupError):
      self._process.send_signal(number)

  @property
  def status(self) -> int:
    """The exit status, which after a signal is 128 + its number."""
    code = self._returncode
    return code if code >= 0 else 128 - code

  @property
  def end(self) -> str:
    """How the process ended, in words."""
    code = self._returncode
    if code >= 0:
      return f'ended with status {code}'
    return f'was ended by {signal.Signals(-code).name}'

  @property
  def _returncode(self) -> int:
    """As `asyncio.subprocess.Process.returncode` of a process that ended."""
    code = self._process.returncode
    assert code is not None
    return code

  async def _follow(self, events: 'asyncio.Queue[Event]') -> None:
    """Copies what the process prints, and waits for its end."""
    stdout, stderr = self._process.stdout, self._process.stderr
    assert stdout is not None and stderr is not None
    _, told_why = await asyncio.gather(
      self._copy(stdout, sys.stdout), self._copy(stderr, sys.stderr)
    )
    self.has_told_why = await self._process.wait() == 1 and told_why
    events.put_nowait(self)

  async def _copy(self, source: asyncio.StreamReader, sink: TextIO) -> bool:
    """Copies lines and puts the name of the task before each.

    Returns:
      Whether one of the lines begins with `error: `.
    """
    name = f'[{self.task}] '.encode()
    told_why = False
    rest = b''
    while chunk := await source.read(1 << 16):
      *lines, rest = _LINE_END.split(rest + chunk)
      for line in lines:
        told_why |= line.startswith(b'error: ')
        _write(sink, name + line)
    if rest:
      _write(sink, name + rest + b'\n')
    return told_why


# What a launcher waits for: a signal to itself, or the end of a process.
Event = signal.Signals | Process


def _write(sink: TextIO, line: bytes) -> None:
  with contextlib.suppress(OSError):  # Nobody reads, or the disk is full.
    sink.buffer.write(line)
    sink.buffer.flush()


def log(message: str) -> None:
  """Prints a message of the launcher itself on standard error."""
  _write(sys.stderr, f'[launcher] {message}\n'.encode())


def _end_with_parent(parent: int) -> None:
  """Makes the kernel kill this process when the launcher dies.

  A new process runs this first.

  Args:
    parent: process id of the launcher.
  """
  _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
  if os.getppid() != parent:
    os._exit(1)
