"""Tasks end in order; one that kills its process costs only itself."""

import pathlib
import signal
import subprocess
import time

import pool_tasks
import programs
import pytest
import small_videos

from two_stream.preprocessing import distinct_frames, worker_pool

pytestmark = pytest.mark.process


def make_pool(function=pool_tasks.misbehave, num_workers=2, timeout=60):
  return worker_pool.worker_pool(
    function, num_workers, timeout, pool_tasks.nothing
  )


def test_results_come_in_the_order_of_the_tasks():
  with make_pool() as pool:
    assert list(pool.map(range(100))) == [2 * i for i in range(100)]
    assert list(pool.map([])) == []
    assert list(pool.map([5])) == [10]


def test_a_slow_task_does_not_hold_up_the_others():
  with make_pool(pool_tasks.sleep) as pool:
    start = time.monotonic()
    assert list(pool.map([1, *[0.1] * 9])) == [1, *[0.1] * 9]
    assert time.monotonic() - start < 1.6


def test_tasks_are_taken_only_as_results_are_used():
  taken = []
  with make_pool() as pool:
    results = pool.map(taken.append(i) or i for i in range(10_000))
    for _ in range(20):
      next(results)
    assert len(taken) <= 20 + 2 * 8


def test_a_task_that_goes_wrong_costs_only_itself():
  tasks = ['a', 'die', 'refuse', 'b', 'crash', 'exit', 'bug', 'c', 'hang', 'd']
  with make_pool(timeout=2) as pool:
    results = dict(zip(tasks, pool.map(tasks)))
  good = {task: results.pop(task) for task in 'abcd'}
  assert good == {'a': 'aa', 'b': 'bb', 'c': 'cc', 'd': 'dd'}
  assert {task: failure.reason for task, failure in results.items()} == {
    'die': 'the worker process was ended by SIGKILL (out of memory?)',
    'crash': 'the worker process was ended by SIGSEGV',
    'exit': 'the worker process ended with status 7',
    'refuse': 'this input is refused',
    'bug': "KeyError: 'bug'",
    'hang': 'took more than 2 seconds',
  }


def test_the_traceback_of_a_bug_is_shown_and_obeyed_in_nothing(capfd):
  with make_pool() as pool:
    (failure,) = pool.map(['evil bug'])
  assert failure.reason == 'RuntimeError: a\x1b[2J b'  # Printed nowhere.
  text = capfd.readouterr().err
  assert 'Traceback' in text
  assert r'RuntimeError: a\x1b[2J' in text
  assert '\x1b' not in text


def test_many_dying_workers_lose_no_other_task():
  tasks = ['exit', 'a', 'die', 'b'] * 3
  with make_pool(num_workers=4) as pool:
    results = list(pool.map(tasks))
  assert results[1::4] == ['aa'] * 3
  assert results[3::4] == ['bb'] * 3
  assert all(isinstance(r, worker_pool.Failure) for r in results[::2])


def test_workers_that_cannot_start_end_the_run():
  pool = worker_pool.worker_pool(
    pool_tasks.misbehave, 1, 60, start=pool_tasks.sleep
  )  # `sleep` lacks its argument.
  with pytest.raises(RuntimeError, match='before they can take'), pool:
    pass


def test_workers_have_no_tensorflow_and_one_thread():
  with worker_pool.worker_pool(
    pool_tasks.describe_process, 1, 60, distinct_frames.use_one_thread
  ) as pool:
    assert list(pool.map([0])) == [(0, False, 1)]


def test_decoding_takes_no_more_threads_and_keeps_no_file_open(tmp_path):
  path = small_videos.write_video(tmp_path / 'a.webm')
  with worker_pool.worker_pool(
    pool_tasks.read_and_count, 1, 60, distinct_frames.use_one_thread
  ) as pool:
    assert list(pool.map([path])) == [(0, 0)]


def test_dead_workers_leave_no_file_open():
  count = lambda: len(list(pathlib.Path('/proc/self/fd').iterdir()))
  with make_pool(num_workers=1) as pool:
    list(pool.map(['exit']))
    before = count()
    list(pool.map(['exit', 'die']))
    assert count() == before


PARENT = """
import pool_tasks
from two_stream.preprocessing import worker_pool
if __name__ == '__main__':
  with worker_pool.worker_pool(
    pool_tasks.sleep, 2, 1e6, pool_tasks.nothing
  ) as pool:
    print(*(worker.process.pid for worker in pool._workers), flush=True)
    list(pool.map([1000, 1000]))
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_parent_that_is_killed(number):
  with programs.started_code(
    PARENT, stdout=subprocess.PIPE, text=True
  ) as parent:
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    assert all(map(programs.is_running, workers))
    parent.send_signal(number)
    parent.wait(10)
  programs.wait_until(
    lambda: not any(map(programs.is_running, workers)), seconds=10
  )
