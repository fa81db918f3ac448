"""A task does not wait for others without an end."""

import contextlib
import socket
import threading

from two_stream.cluster import cluster_task, peer_watch


@contextlib.contextmanager
def listening():
  """Yields the address of a port that accepts connections."""
  with socket.create_server(('127.0.0.1', 0)) as server:
    yield f'127.0.0.1:{server.getsockname()[1]}'


def watch(*hosts, seconds):
  """Waits for these hosts at most 20 s; returns why they were given up."""
  task = cluster_task.ClusterTask(worker_hosts=hosts)
  reasons, given_up = [], threading.Event()

  def give_up(reason):
    reasons.append(reason)
    given_up.set()

  with peer_watch.waiting(task, seconds, give_up):
    given_up.wait(seconds + 2)
  return reasons


def test_a_task_that_never_comes_is_named():
  with listening() as here:
    (reason,) = watch(here, '127.0.0.1:1', seconds=1)
  assert reason.startswith('no answer from worker 1 (127.0.0.1:1) for ')


def test_nobody_is_given_up_who_has_answered_once():
  with listening() as first, listening() as second:
    assert not watch(first, second, seconds=1)


def test_the_watch_ends_with_the_block():
  task = cluster_task.ClusterTask(worker_hosts=('127.0.0.1:1',))
  before = set(threading.enumerate())
  with peer_watch.waiting(task, 60, print):
    assert set(threading.enumerate()) - before
  assert not set(threading.enumerate()) - before
