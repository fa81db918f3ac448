"""Runs the tasks of a job as processes of this machine, and restarts the dead.

    worker, evaluator   A restart concerns this task alone; the others go on.
    chief, ps           All workers and ps are restarted from the last
                        checkpoint. The variables, gradients and tokens on the
                        ps belong together, and a part of them is of no use.

In a job without ps, no worker can go on without the others. If one dies, the
others are told to save and to stop, and then all are restarted. Such a death
counts for all of them, because those who lost a worker end as well.

The job is over when the chief has ended well and the other tasks have ended
too. The job fails if a task dies too often, or of a mistake that a restart does
not mend. The evaluator is an exception: training goes on without it.

Deaths count for 12 hours, because a task that dies once a day is able to run.
No process outlives the job or this process, even if this process is killed.
"""

import asyncio
import collections
import signal
from collections.abc import Iterable, Mapping, Sequence

from two_stream.cluster import task_process

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RESTART_SECONDS = 1  # The pause before a restart.
_SAVE_SECONDS = 60  # The time to save a checkpoint, from SIGTERM to SIGKILL.
# The same before a restart of workers without ps. One of them may hang.
_LEAVE_SECONDS = 30
_WINDOW_SECONDS = 12 * 3600  # How long a death counts. We chose it.
# How long the other tasks may run on when the chief is done. A ps waits 60 s
# for its workers, see training/ps_servers.py.
_FINISH_SECONDS = 90


def run(
  command: Sequence[str],
  environments: Mapping[task_process.TaskName, Mapping[str, str]],
  max_restarts: int,
) -> int:
  """Runs a job to its end.

  What the tasks print appears on stdout and stderr, each line behind the name
  of its task.

  Args:
    command: the program and its arguments, which are the same for every task.
      If it ends with status 1 and a line `error: ...` on stderr, a restart
      would not help; see `cli.run`.
    environments: the environment variables of each task.
    max_restarts: how often a task may be restarted within 12 hours.

  Returns:
    The exit status. It is 0 if the job was done, the status of a task that
    failed, or 128 + the number of the signal that ended that task or the job.
  """
  return asyncio.run(_Supervisor(command, environments, max_restarts).run())


class _Supervisor:
  """The processes of a job, and what has happened to them."""

  def __init__(
    self,
    command: Sequence[str],
    environments: Mapping[task_process.TaskName, Mapping[str, str]],
    max_restarts: int,
  ):
    self._command = command
    self._environments = environments
    self._has_ps = any(task.job == 'ps' for task in environments)
    self._max_restarts = max_restarts
    # Name of a task, or 'workers' -> the times, on the event loop's clock, at
    # which it died, or one of them.
    self._deaths: dict[str, list[float]] = collections.defaultdict(list)
    self._running: dict[task_process.TaskName, task_process.Process] = {}
    self._deadline: float | None = None  # On the event loop's clock.
    self._chief_is_done = False

  async def run(self) -> int:
    """Runs the job to its end and returns the exit status."""
    self._loop = asyncio.get_running_loop()
    self._events: asyncio.Queue[task_process.Event] = asyncio.Queue()
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

  async def _next_event(self) -> task_process.Event | None:
    """Waits for an event; returns None if the deadline comes first."""
    patience = self._deadline and self._deadline - self._loop.time()
    try:
      return await asyncio.wait_for(self._events.get(), patience)
    except asyncio.TimeoutError:
      return None

  async def _handle(self, event: task_process.Event | None) -> int | None:
    """Reacts to an event, or to the deadline if there is none.

    Returns:
      The exit status of the job if the event ends the job, else None.
    """
    if isinstance(event, signal.Signals):
      return _status_of_signal(event)
    status = None
    if event is None:
      self._deadline = None
      if late := self._running_tasks('worker', 'ps'):
        task_process.log(
          f'the chief is done; ending {", ".join(map(str, late))}'
        )
        await self._kill(late)
    elif self._remove(event):
      status = await self._judge(event)
    if self._chief_is_done and not self._running:
      return status or 0
    return status

  async def _judge(self, process: task_process.Process) -> int | None:
    """Decides what follows from the end of a process.

    Returns:
      The exit status of the job if the job fails, else None.
    """
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
      task_process.log(
        f'{task} {process.end}: restart {count} of {self._max_restarts}'
      )
      return await self._restart(task)
    if task.job == 'evaluator':
      task_process.log(f'{task} {process.end}: the job goes on without it')
      return None
    task_process.log(f'{task} {process.end}: the job ends')
    return process.status

  def _count_death(self, task: task_process.TaskName) -> int:
    """Remembers a death; returns how many there were within 12 hours.

    They are those of this task, or of all workers if there are no ps.
    """
    is_shared = not self._has_ps and task.job != 'evaluator'
    deaths = self._deaths['workers' if is_shared else str(task)]
    now = self._loop.time()
    deaths[:] = [time for time in deaths if now - time <= _WINDOW_SECONDS]
    deaths.append(now)
    return len(deaths)

  async def _restart(self, task: task_process.TaskName) -> int | None:
    """Restarts a task, and all that train if they cannot go on without it.

    Returns:
      The exit status of the job if something ends the job meanwhile, else None.
    """
    tasks = [task]
    if task.job in {'chief', 'ps'} or (
      task.job == 'worker' and not self._has_ps
    ):
      tasks = [name for name in self._environments if name.job != 'evaluator']
      jobs = 'workers and ps' if self._has_ps else 'workers'
      task_process.log(f'all {jobs} go back to the last checkpoint')
      if not self._has_ps:
        status = await self._end(tasks, _LEAVE_SECONDS)
        if status is not None:
          return status
    await self._kill(tasks)
    await asyncio.sleep(_RESTART_SECONDS)
    await self._start(tasks)
    return None

  async def _start(self, tasks: Iterable[task_process.TaskName]) -> None:
    for task in tasks:
      self._running[task] = await task_process.Process.start(
        task, self._command, self._environments[task], self._events
      )

  async def _stop(self) -> None:
    """Ends all tasks. The ps are last, because the chief saves what they keep.

    A second signal ends all of them by SIGKILL.
    """
    for jobs in (('chief', 'worker', 'evaluator'), ('ps',)):
      await self._end(self._running_tasks(*jobs), _SAVE_SECONDS, status=0)

  async def _end(
    self,
    tasks: Iterable[task_process.TaskName],
    seconds: float,
    status: int | None = None,
  ) -> int | None:
    """Ends tasks by SIGTERM, so that they save.

    Those that do not end in time are ended by SIGKILL.

    Args:
      tasks: names of tasks. Some may have ended already.
      seconds: how long they may take.
      status: the exit status of the job if it is to end, else None. If it is, a
        signal ends the tasks by SIGKILL.

    Returns:
      `status`, or the exit status with which the job has to end because of a
      signal, or because a task found a mistake of the user.
    """
    for task in tasks:
      if task in self._running:
        self._running[task].send(signal.SIGTERM)
    self._deadline = self._loop.time() + seconds
    of_others = []
    while any(task in self._running for task in tasks):
      event = await self._next_event()
      if isinstance(event, signal.Signals) and status is None:
        status = _status_of_signal(event)
      elif not isinstance(event, task_process.Process):
        await self._kill(tasks)
      elif event.task not in tasks:
        of_others.append(event)
      elif self._remove(event) and event.has_told_why and status is None:
        status = event.status
    self._deadline = None
    for event in of_others:
      self._events.put_nowait(event)
    return status

  async def _kill(self, tasks: Iterable[task_process.TaskName]) -> None:
    """Ends, by SIGKILL, those of the tasks that run."""
    processes = [
      self._running.pop(task) for task in tasks if task in self._running
    ]
    for process in processes:
      process.send(signal.SIGKILL)
    for process in processes:
      await process.following

  def _remove(self, process: task_process.Process) -> bool:
    """Takes a process that has ended from those that run.

    Returns:
      Whether it was among them. It was not if this object has killed it.
    """
    is_known = self._running.get(process.task) is process
    if is_known:
      del self._running[process.task]
    return is_known

  def _running_tasks(self, *jobs: str) -> list[task_process.TaskName]:
    return [task for task in self._running if task.job in jobs]


def _status_of_signal(number: signal.Signals) -> int:
  """Says that the job ends by a signal; returns its exit status."""
  task_process.log(
    f'{number.name}: saving and stopping; once more to stop at once'
  )
  return 128 + number
