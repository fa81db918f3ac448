"""How a worker starts, goes on and stops."""

import types

import pytest
import tensorflow as tf

from two_stream.training import hooks, watchdog

v1 = tf.compat.v1


def step_done(hook, step):
  """Tells a hook of a step; returns whether it asks to stop."""
  asked = []
  context = types.SimpleNamespace(request_stop=lambda: asked.append(True))
  hook.after_run(context, v1.train.SessionRunValues(step, None, None))
  assert hook.step == step
  return bool(asked)


def test_a_worker_stops_after_the_last_step():
  hook = hooks.StopAtLastStep(None, 3, watchdog.Watchdog())
  assert [step_done(hook, step) for step in (1, 2, 3)] == [False, False, True]


def test_a_worker_stops_after_a_signal():
  watcher = watchdog.Watchdog()
  hook = hooks.StopAtLastStep(None, 3, watcher)
  assert not step_done(hook, 1)
  watcher.signalled.set()
  assert step_done(hook, 2)


@pytest.mark.parametrize('saves', [True, False])
def test_the_watchdog_saves_the_newest_session(saves):
  watcher, saved = watchdog.Watchdog(), []
  hook = hooks.FeedWatchdog(watcher, saved.append if saves else None)
  for session in ('first', 'second'):
    hook.after_create_session(session, coord=None)
  if not saves:
    assert watcher.save_checkpoint is None
    return
  watcher.save_checkpoint()
  assert saved == ['second']
