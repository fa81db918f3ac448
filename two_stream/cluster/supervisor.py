"""Runs the tasks of a job as processes of this machine, and restarts the dead.

    worker, evaluator   alone; the others go on.
    chief, ps           with all workers and ps, from the last checkpoint: the
                        variables, gradients and tokens on the ps belong
                        together, and a part of them is of no use.

The job is over when the chief has ended well and the others have followed. It
fails when a task dies too often, or of a mistake that a restart does not mend;
but training needs no evaluator, and goes on without one that fails so. Deaths
count for 12 hours: a task that dies once a day is no task that cannot run. No
process outlives the job or this process, not even one ended by SIGKILL.
"""

import asyncio
import collections
import contextlib
import ctypes
import functools
import os
import re
import signal
import sys
from typing import NamedTuple

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RESTART_SECONDS = 1  # Pause before a restart.
_SAVE_SECONDS = 60  # From SIGTERM to SIGKILL.
_WINDOW_SECONDS = 12 * 3600  # In which deaths count. We chose it.
_FINISH_SECONDS = (
  90  # For the others once the chief is done; a ps waits for 60.
)

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)

_LINE_END = re.compile(rb'(?<=\n)|(?<=\r)(?!\n)')


class Task(NamedTuple):
  """A task of the job.

  Attributes:
    job: 'chief', 'worker', 'ps' or 'evaluator'.
    index: its number in the job.
  """

  job: str
  index: int

  def __str__(self):
    return self.job if self.job == 'chief' else f'{self.job} {self.index}'


def run(command, environments, max_restarts):
  """Runs a job to its end.

  What the tasks print appears on stdout and stderr behind their names.

  Args:
    command: what every task runs, a list. Status 1 with a line `error: ...` on
      stderr tells that a restart would not help, see `cli.run`.
    environments: {Task: its environment variables}.
    max_restarts: how often a task may be restarted within 12 hours.

  Returns:
    The exit status: 0; or of the task that failed; or 128 + the number of the
    signal that ended that task or the job.
  """
  return asyncio.run(_Job(command, environments, max_restarts).run())


class _Job:
  """The processes of a job, and what has happened to them."""

  def __init__(self, command, environments, max_restarts):
    self._command = command
    self._environments = environments
    self._max_restarts = max_restarts
    self._deaths = collections.defaultdict(list)  # Task -> their times.
    self._running = {}  # Task -> _Process
    self._deadline = None  # On the event loop's clock.
    self._chief_is_done = False

  async def run(self):
    self._loop = asyncio.get_running_loop()
    self._events = asyncio.Queue()  # Signals and processes that ended.
    for number in _STOP_SIGNALS:
      self._loop.add_signal_handler(number, self._events.put_nowait, number)
    try:
      await self._start(self._environments)
      status = None
      while status is None:
        status = await self._handle(await self._next_event())
      await self._stop()
    finally:
      await self._kill(list(self._running))
    return status

  async def _next_event(self):
    """A signal, a process that has ended, or None when time is up."""
    patience = self._deadline and self._deadline - self._loop.time()
    try:
      return await asyncio.wait_for(self._events.get(), patience)
    except asyncio.TimeoutError:
      return None

  async def _handle(self, event):
    """Does what an event calls for; returns the job's status at its end."""
    if isinstance(event, signal.Signals):
      _log(f'{event.name}: saving and stopping; once more to stop at once')
      return 128 + event
    status = None
    if event is None:
      self._deadline = None
      if late := self._running_of('worker', 'ps'):
        _log(f'the chief is done; ending {", ".join(map(str, late))}')
        await self._kill(late)
    elif self._forget(event):
      status = await self._ended(event)
    if self._chief_is_done and not self._running:
      return status or 0
    return status

  async def _ended(self, process):
    """Judges a process that has ended; returns the job's status if it fails."""
    task = process.task
    if process.status == 0:
      if task.job == 'chief':
        self._chief_is_done = True
        self._deadline = self._loop.time() + _FINISH_SECONDS
      return None
    if self._chief_is_done and task.job != 'evaluator':
      return None
    count = self._count_death(task)
    if count <= self._max_restarts and not process.has_told_why:
      _log(f'{task} {process.end}: restart {count} of {self._max_restarts}')
      await self._restart(task)
      return None
    if task.job == 'evaluator':
      _log(f'{task} {process.end}: the job goes on without it')
      return None
    _log(f'{task} {process.end}: the job ends')
    return process.status

  def _count_death(self, task):
    """Adds one and returns how many there were of late."""
    now = self._loop.time()
    recent = [
      time for time in self._deaths[task] if now - time <= _WINDOW_SECONDS
    ]
    self._deaths[task] = [*recent, now]
    return len(self._deaths[task])

  async def _restart(self, task):
    tasks = [task]
    if task.job in {'chief', 'ps'}:
      _log('all workers and ps go back to the last checkpoint')
      tasks = [each for each in self._environments if each.job != 'evaluator']
    await self._kill(tasks)
    await asyncio.sleep(_RESTART_SECONDS)
    await self._start(tasks)

  async def _start(self, tasks):
    for task in tasks:
      self._running[task] = await _Process.start(
        task, self._command, self._environments[task], self._events
      )

  async def _stop(self):
    """Ends what runs; the ps last, as the chief saves what they hold."""
    for jobs in (('chief', 'worker', 'evaluator'), ('ps',)):
      tasks = self._running_of(*jobs)
      for task in tasks:
        self._running[task].send(signal.SIGTERM)
      self._deadline = self._loop.time() + _SAVE_SECONDS
      while self._running_of(*jobs):
        event = await self._next_event()
        if isinstance(event, _Process):
          self._forget(event)
        else:
          await self._kill(tasks)

  async def _kill(self, tasks):
    """Ends those of the tasks that run, at once."""
    processes = [
      self._running.pop(task) for task in tasks if task in self._running
    ]
    for process in processes:
      process.send(signal.SIGKILL)
    for process in processes:
      await process.following

  def _forget(self, process):
    """Whether a process that ended had not been given up before."""
    is_known = self._running.get(process.task) is process
    if is_known:
      del self._running[process.task]
    return is_known

  def _running_of(self, *jobs):
    return [task for task in self._running if task.job in jobs]


class _Process:
  """A running task.

  Attributes:
    task: its `Task`.
    following: an asyncio.Task that ends with the process.
    has_told_why: whether it ended as scripts do that only the user can mend.
  """

  @classmethod
  async def start(cls, task, command, environment, events):
    """Starts the process, which will put itself into the queue `events`."""
    process = await asyncio.create_subprocess_exec(
      *command,
      env=environment,
      stdin=asyncio.subprocess.DEVNULL,
      stdout=asyncio.subprocess.PIPE,
      stderr=asyncio.subprocess.PIPE,
      start_new_session=True,  # Ctrl-C is for this process alone.
      preexec_fn=functools.partial(_end_with_parent, os.getpid()),
    )
    return cls(task, process, events)

  def __init__(self, task, process, events):
    self.task = task
    self.has_told_why = False
    self._process = process
    self.following = asyncio.create_task(self._follow(events))

  def send(self, number):
    """Sends a signal, if the process is still there."""
    with contextlib.suppress(ProcessLookupError):
      self._process.send_signal(number)

  @property
  def status(self):
    """The exit status as a shell tells it."""
    code = self._process.returncode
    return code if code >= 0 else 128 - code

  @property
  def end(self):
    """How it ended, in words."""
    code = self._process.returncode
    if code >= 0:
      return f'ended with status {code}'
    return f'was ended by {signal.Signals(-code).name}'

  async def _follow(self, events):
    _, told_why = await asyncio.gather(
      self._copy(self._process.stdout, sys.stdout),
      self._copy(self._process.stderr, sys.stderr),
    )
    self.has_told_why = await self._process.wait() == 1 and told_why
    events.put_nowait(self)

  async def _copy(self, source, sink):
    """Copies lines behind the task's name; returns whether one is an error."""
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


def _write(sink, line):
  with contextlib.suppress(OSError):  # Nobody reads, or the disk is full.
    sink.buffer.write(line)
    sink.buffer.flush()


def _log(message):
  _write(sys.stderr, f'[launcher] {message}\n'.encode())


def _end_with_parent(parent):
  """What a new process runs first, so that SIGKILL here leaves no orphans."""
  _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
  if os.getppid() != parent:
    os._exit(1)
