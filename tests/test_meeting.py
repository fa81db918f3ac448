"""A task does not wait for others without an end."""

import concurrent.futures
import contextlib
import socket
import time

import pytest

from two_stream import errors
from two_stream.cluster import cluster_task, meeting


@contextlib.contextmanager
def held_ports(count):
  """Yields addresses whose ports are kept for a job, as the launcher does."""
  with contextlib.ExitStack() as stack:
    holders = [stack.enter_context(socket.socket()) for _ in range(count)]
    for holder in holders:
      holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
      holder.bind(('', 0))
    yield tuple(f'127.0.0.1:{each.getsockname()[1]}' for each in holders)


def test_tasks_that_come_at_different_times_meet():
  def come(index):
    time.sleep(0.5 * index)
    task = cluster_task.ClusterTask(worker_hosts=hosts, task_index=index)
    meeting.meet(task, 20)

  with held_ports(3) as hosts, concurrent.futures.ThreadPoolExecutor() as pool:
    list(pool.map(come, range(3)))


def test_a_task_that_never_comes_is_named():
  with held_ports(2) as hosts:
    task = cluster_task.ClusterTask(worker_hosts=hosts, task_index=1)
    with pytest.raises(meeting.MissingTasksError) as error:
      meeting.meet(task, 1)
  assert str(error.value).startswith(f'no answer from worker 0 ({hosts[0]}) ')


def test_a_port_that_is_taken_is_one_error():
  with socket.create_server(('', 0)) as taken:
    host = f'127.0.0.1:{taken.getsockname()[1]}'
    task = cluster_task.ClusterTask(worker_hosts=(host, '127.0.0.1:1'))
    with pytest.raises(errors.InputError, match='cannot serve there: Address'):
      meeting.meet(task, 1)
