"""How long a ps serves, and what a taken port looks like."""

import concurrent.futures
import dataclasses
import socket

import programs
import pytest
import tensorflow as tf

from two_stream import errors
from two_stream.cluster import cluster_task
from two_stream.training import ps_servers

pytestmark = pytest.mark.process

v1 = tf.compat.v1


def tasks(num_workers):
  """The ps and the workers of a job on this machine."""
  hosts = [f'127.0.0.1:{port}' for port in programs.free_ports(1 + num_workers)]
  ps = cluster_task.ClusterTask(
    ps_hosts=tuple(hosts[:1]), worker_hosts=tuple(hosts[1:]), job_name='ps'
  )
  return ps, [
    dataclasses.replace(ps, job_name='worker', task_index=index)
    for index in range(num_workers)
  ]


def sign_off(worker, server):
  with tf.Graph().as_default():
    ops = ps_servers.sign_off_ops(worker)
    config = ps_servers.session_config(worker)
    with v1.Session(server.target, config=config) as session:
      session.run(ops)


@pytest.fixture(name='pool')
def make_pool():
  with concurrent.futures.ThreadPoolExecutor() as pool:
    yield pool


def test_a_ps_serves_until_every_worker_has_signed_off(pool):
  ps, workers = tasks(2)
  server = ps_servers.start(ps)
  done = pool.submit(ps_servers.serve_until_done, ps, server)
  sign_off(workers[1], ps_servers.start(workers[1]))
  with pytest.raises(concurrent.futures.TimeoutError):
    done.result(1)
  sign_off(workers[0], ps_servers.start(workers[0]))
  assert done.result(60) is None


def test_workers_that_outlive_the_chief_for_long_are_given_up(
  pool, monkeypatch
):
  monkeypatch.setattr(ps_servers, '_GRACE_SECONDS', 1)
  ps, workers = tasks(2)
  server = ps_servers.start(ps)
  done = pool.submit(ps_servers.serve_until_done, ps, server)
  sign_off(workers[0], ps_servers.start(workers[0]))
  assert done.result(60) is None


def test_a_port_that_is_taken_is_one_line():
  ps, _ = tasks(1)
  port = int(ps.ps_hosts[0].rpartition(':')[2])
  with socket.socket() as holder:
    holder.bind(('0.0.0.0', port))
    holder.listen()
    with pytest.raises(
      errors.InputError, match='^ps 0 cannot serve: '
    ) as caught:
      ps_servers.start(ps)
  assert '\n' not in str(caught.value)


def test_a_session_sees_the_ps_and_its_own_task():
  _, workers = tasks(2)
  config = ps_servers.session_config(workers[1])
  assert list(config.device_filters) == ['/job:ps', '/job:worker/task:1']
  alone = ps_servers.session_config(cluster_task.ClusterTask())
  assert not alone.device_filters
