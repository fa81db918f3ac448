"""Processes that call one function, and that may die while they do.

A decoder may crash on a damaged file, hang, or be killed because it takes too
much memory. A pool of the standard library then breaks as a whole. Here each
worker process has its own pipe, so only the task of that worker is lost. The
result of that task is a `Failure`, and a new process takes the worker's place.
"""

import contextlib
import itertools
import math
import multiprocessing.connection
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from two_stream import errors
from two_stream.preprocessing import child_process

_TASKS_AHEAD = 8
_START_ATTEMPTS = 3


class Failure(NamedTuple):
  """Why a task has no result.

  Attributes:
    reason: one line.
    is_missing: whether the reason is that a file is missing.
  """

  reason: str
  is_missing: bool = False


@contextlib.contextmanager
def worker_pool(
  function: Callable[[Any], Any],
  num_workers: int,
  timeout: float,
  start: Callable[[], None],
  tasks_ahead: int = _TASKS_AHEAD,
) -> Iterator['WorkerPool']:
  """Starts processes that call `function(task)`; ends them after the block.

  When this process ends, they end too, even if it is killed; see
  `child_process.start`.

  Args:
    function: a function of one argument, which the processes import by its
      name.
    num_workers: the number of processes.
    timeout: seconds after which a task counts as failed.
    start: each process calls this once, before its first task.
    tasks_ahead: the oldest unfinished task may be followed by so many tasks a
      worker. Results that wait for their turn take memory.

  Yields:
    The pool.

  Raises:
    RuntimeError: workers end before they can take a task.
  """
  pool = WorkerPool(lambda: _Worker(function, timeout, start), tasks_ahead)
  try:
    pool.start(num_workers)
    yield pool
  finally:
    pool.kill()


class WorkerPool:
  """Gives tasks to workers and puts the results in order."""

  def __init__(
    self, new_worker: Callable[[], '_Worker'], tasks_ahead: int = _TASKS_AHEAD
  ):
    self._new_worker = new_worker
    self._tasks_ahead = tasks_ahead
    self._workers: list[_Worker] = []

  def start(self, num_workers: int) -> None:
    """Starts processes and waits until all can take tasks."""
    for _ in range(num_workers):
      self._workers.append(self._new_worker())
    for position in range(num_workers):
      self._make_ready(position)

  def _make_ready(self, position: int) -> None:
    """Waits until a new worker can take tasks; replaces it if it is killed."""
    for _ in range(_START_ATTEMPTS):
      if self._workers[position].wait_until_ready():
        return
      self._workers[position] = self._new_worker()
    raise RuntimeError('worker processes end before they can take a task')

  def kill(self) -> None:
    """Ends all processes, whatever they are doing."""
    for worker in self._workers:
      worker.kill()

  def map(self, tasks: Iterable[Any]) -> Iterator[Any]:
    """Yields the result of each task, or its `Failure`, in the tasks' order.

    Tasks are taken from the iterable as workers become free, and results that
    wait for earlier ones are limited in number, so memory is bounded.
    """
    queue = enumerate(tasks)
    results: dict[int, Any] = {}
    given = 0
    for turn in itertools.count():
      limit = turn + self._tasks_ahead * len(self._workers)
      given += self._give_out(queue, limit - given)
      while turn not in results:
        if turn == given:
          return
        results.update(self._collect())
        given += self._give_out(queue, limit - given)
      yield results.pop(turn)

  def _give_out(self, queue: Iterator[tuple[int, Any]], at_most: int) -> int:
    """Gives tasks to idle workers; returns how many tasks."""
    idle = [worker for worker in self._workers if worker.number is None]
    given = 0
    for worker, task in zip(idle, itertools.islice(queue, at_most)):
      worker.give(*task)
      given += 1
    return given

  def _collect(self) -> dict[int, Any]:
    """Waits for a worker; returns task number -> result or `Failure`."""
    busy = [worker for worker in self._workers if worker.number is not None]
    patience = min(worker.deadline for worker in busy) - time.monotonic()
    heard = multiprocessing.connection.wait(
      [worker.connection for worker in busy], max(patience, 0)
    )
    results = {}
    for worker in busy:
      if worker.connection in heard:
        number, results[number] = worker.receive()
      elif time.monotonic() > worker.deadline:
        number, results[number] = worker.give_up()
      else:
        continue
      if not worker.process.is_alive():
        self._replace(worker)
    return results

  def _replace(self, worker: '_Worker') -> None:
    position = self._workers.index(worker)
    self._workers[position] = self._new_worker()
    self._make_ready(position)


class _Worker:
  """One process and the pipe to it.

  Attributes:
    connection: this process's end of the pipe.
    process: the process.
    number: the number of the task that it works on; None when it is idle.
    deadline: the `time.monotonic()` at which that task counts as failed.
  """

  def __init__(
    self,
    function: Callable[[Any], Any],
    timeout: float,
    start: Callable[[], None],
  ):
    self.process, self.connection = child_process.start(_work, function, start)
    self.number: int | None = None
    self.deadline = math.inf
    self._timeout = timeout

  def wait_until_ready(self) -> bool:
    """Waits for the process; returns whether it can take tasks."""
    try:
      self.connection.recv()
    except (EOFError, OSError):
      self._end()
      return False
    return True

  def give(self, number: int, task: Any) -> None:
    self.number = number
    self.deadline = time.monotonic() + self._timeout
    with contextlib.suppress(BrokenPipeError):  # `receive` notices.
      self.connection.send((number, task))

  def receive(self) -> tuple[int, Any]:
    """Returns (task number, result or `Failure`)."""
    number = self._take_number()
    try:
      return self.connection.recv()
    except (EOFError, OSError):
      return number, Failure(f'the worker process {self._end()}')

  def give_up(self) -> tuple[int, Failure]:
    """Ends the process; returns (task number, `Failure`)."""
    number = self._take_number()
    self.kill()
    return number, Failure(f'took more than {self._timeout:g} seconds')

  def _take_number(self) -> int:
    number, self.number = self.number, None
    assert number is not None
    return number

  def kill(self) -> None:
    self.process.kill()
    self.process.join()
    self.connection.close()

  def _end(self) -> str:
    """Waits for the process, whose pipe is closed; says how it ended."""
    how = child_process.how_it_ended(self.process)
    self.connection.close()
    return how


def _work(
  connection: Connection,
  function: Callable[[Any], Any],
  start: Callable[[], None],
) -> None:
  """Runs in a worker process until its pipe closes."""
  start()
  connection.send('ready')
  with contextlib.suppress(EOFError, BrokenPipeError):
    while True:
      number, task = connection.recv()
      connection.send((number, _attempt(function, task)))


def _attempt(function: Callable[[Any], Any], task: Any) -> Any:
  """Returns what the function returns, or a `Failure` if it raises."""
  try:
    return function(task)
  except errors.InputError as error:
    is_missing = isinstance(error, errors.MissingFileError)
    return Failure(_one_line(error), is_missing)
  except Exception as error:
    child_process.print_traceback()
    return Failure(_one_line(f'{type(error).__name__}: {error}'))


def _one_line(message: object) -> str:
  return ' '.join(str(message).split())
