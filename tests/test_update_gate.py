"""No update while the chief holds the permit.

test_sync_cluster.py holds it against another worker's update.
"""

import concurrent.futures
import contextlib

import pytest
import tensorflow as tf

from two_stream.training import update_gate

v1 = tf.compat.v1


@contextlib.contextmanager
def momentum():
  """Yields a session, the gate, an update and the variable that it changes."""
  with tf.Graph().as_default():
    weight = tf.Variable(1.0)
    optimizer = update_gate.GatedMomentum(0.5, 0.9)
    update = optimizer.apply_gradients([(tf.constant(1.0), weight)])
    with v1.Session() as session:
      session.run(v1.global_variables_initializer())
      yield session, optimizer.gate, update, weight


def test_an_update_needs_the_permit_and_gives_it_back():
  with momentum() as (session, gate, update, weight):
    session.run(gate.open)
    session.run(update)
    session.run(update)
    assert session.run(weight) == pytest.approx(1 - 0.5 - 0.5 * 1.9)


def test_updates_wait_while_the_permit_is_held():
  with (
    momentum() as (session, gate, update, weight),
    concurrent.futures.ThreadPoolExecutor() as pool,
  ):
    session.run(gate.open)
    with gate.held(session):
      waiting = pool.submit(session.run, update)
      with pytest.raises(concurrent.futures.TimeoutError):
        waiting.result(0.5)
      assert session.run(weight) == 1
    waiting.result(60)
    assert session.run(weight) == 0.5


def test_there_is_one_permit_however_often_a_session_begins():
  with momentum() as (session, gate, _, _):
    for _ in range(3):
      session.run(gate.open)
    with (
      gate.held(session),
      pytest.raises(tf.errors.AbortedError, match='not finished in 0.1 s'),
      gate.held(session, seconds=0.1),
    ):
      pass
