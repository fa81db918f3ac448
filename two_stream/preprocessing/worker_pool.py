"""Processes that call one function, and may die while they do.

Decoders crash on damaged files, hang, or are killed for their memory; the pools
of the standard library then break as a whole. Here each worker has its own
pipe, so a death or a hang costs the one task that the worker held: it ends in
a `Failure`, and a fresh worker takes the place.
"""

import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import traceback
from typing import NamedTuple

from two_stream import errors

# How many tasks a worker may be ahead of the oldest unfinished one: results
# that wait for their turn take memory.
_TASKS_AHEAD = 8
_START_ATTEMPTS = 3


class Failure(NamedTuple):
  """Why a task has no result, in one line."""

  reason: str


@contextlib.contextmanager
def worker_pool(function, num_workers, timeout, start):
  """Starts processes that run `function(task)`; ends them with the block.

  The processes are spawned, not forked, and end with this one, however it ends.

  Args:
    function: of one argument; importable by name, as it crosses processes.
    num_workers: number of processes.
    timeout: seconds after which a task is given up.
    start: called once in each process before its first task.

  Yields:
    A `WorkerPool`.

  Raises:
    RuntimeError: workers end before they can take a task.
  """
  pool = WorkerPool(lambda: _Worker(function, timeout, start))
  try:
    pool.start(num_workers)
    yield pool
  finally:
    pool.kill()


class WorkerPool:
  """Gives tasks to workers and puts the results in order."""

  def __init__(self, new_worker):
    self._new_worker = new_worker
    self._workers = []

  def start(self, num_workers):
    """Starts processes and waits until all can take tasks."""
    for _ in range(num_workers):
      self._workers.append(self._new_worker())
    for place in range(num_workers):
      self._make_ready(place)

  def _make_ready(self, place):
    """Waits for a new worker, and starts another should it be killed."""
    for _ in range(_START_ATTEMPTS):
      if self._workers[place].wait_until_ready():
        return
      self._workers[place] = self._new_worker()
    raise RuntimeError('worker processes end before they can take a task')

  def kill(self):
    """Ends all processes, whatever they do."""
    for worker in self._workers:
      worker.kill()

  def map(self, tasks):
    """Yields the result of each task, or its `Failure`, in the tasks' order.

    Tasks are taken from the iterable as workers become free, and results that
    wait for earlier ones are limited in number, so memory is bounded.
    """
    queue = enumerate(tasks)
    results = {}
    given = 0
    for turn in itertools.count():
      limit = turn + _TASKS_AHEAD * len(self._workers)
      given += self._give_out(queue, limit - given)
      while turn not in results:
        if turn == given:
          return
        results.update(self._collect())
        given += self._give_out(queue, limit - given)
      yield results.pop(turn)

  def _give_out(self, queue, at_most):
    """Gives tasks to idle workers; returns how many."""
    idle = [worker for worker in self._workers if worker.number is None]
    given = 0
    for worker, task in zip(idle, itertools.islice(queue, at_most)):
      worker.give(*task)
      given += 1
    return given

  def _collect(self):
    """Waits for some worker; returns {task number: result or `Failure`}."""
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

  def _replace(self, worker):
    place = self._workers.index(worker)
    self._workers[place] = self._new_worker()
    self._make_ready(place)


class _Worker:
  """One process and the pipe to it.

  Attributes:
    number: of the task it holds, None when idle.
    deadline: `time.monotonic()` at which that task is given up.
  """

  def __init__(self, function, timeout, start):
    spawn = multiprocessing.get_context('spawn')
    self.connection, its_connection = spawn.Pipe()
    self.process = spawn.Process(
      target=_work, args=(its_connection, function, start), daemon=True
    )
    self.process.start()
    its_connection.close()
    self.number = None
    self.deadline = None
    self._timeout = timeout

  def wait_until_ready(self):
    """Returns whether the process came up."""
    try:
      self.connection.recv()
    except (EOFError, OSError):
      self._end()
      return False
    return True

  def give(self, number, task):
    self.number = number
    self.deadline = time.monotonic() + self._timeout
    with contextlib.suppress(BrokenPipeError):  # Noticed when receiving.
      self.connection.send((number, task))

  def receive(self):
    """Returns (task number, result or `Failure`)."""
    number, self.number = self.number, None
    try:
      return self.connection.recv()
    except (EOFError, OSError):
      return number, Failure(f'the worker process {self._end()}')

  def give_up(self):
    number, self.number = self.number, None
    self.kill()
    return number, Failure(f'took more than {self._timeout:g} seconds')

  def kill(self):
    self.process.kill()
    self.process.join()
    self.connection.close()

  def _end(self):
    """Waits for the process, whose pipe is closed, and says how it ended."""
    self.process.join()
    self.connection.close()
    status = self.process.exitcode
    if status >= 0:
      return f'ended with status {status}'
    name = signal.Signals(-status).name
    return f'was ended by {name}' + ' (out of memory?)' * (name == 'SIGKILL')


def _work(connection, function, start):
  """What a worker process runs until its pipe closes."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's.
  threading.Thread(target=_end_with_parent, daemon=True).start()
  start()
  connection.send('ready')
  with contextlib.suppress(EOFError, BrokenPipeError):
    while True:
      number, task = connection.recv()
      connection.send((number, _attempt(function, task)))


def _attempt(function, task):
  try:
    return function(task)
  except errors.InputError as error:
    return Failure(_one_line(error))
  except Exception as error:
    for line in traceback.format_exc().splitlines():
      print(errors.printable(line), file=sys.stderr)
    return Failure(_one_line(f'{type(error).__name__}: {error}'))


def _one_line(message):
  return ' '.join(str(message).split())


def _end_with_parent():
  """Ends this process when the parent dies, even one killed with -9."""
  multiprocessing.parent_process().join()
  os._exit(1)
