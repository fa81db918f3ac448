"""What is saved, and when a training is given up, whatever its engine.

test_saving.py shows the same rules in a session of TensorFlow.
"""

import pytest

from two_stream import errors
from two_stream.training import checkpoint_policy, divergence

SOUND, LARGE = 1.0, 1e6


class State:
  """A training whose next losses are a list; see checkpoint_policy.State."""

  def __init__(self, losses=()):
    self.now, self.bad, self.losses, self.saved = 0, '', list(losses), []

  def step(self):
    """The current step."""
    return self.now

  def problem(self):
    """What is wrong."""
    return self.bad

  def next_loss(self):
    """The next loss of the list."""
    return self.losses.pop(0) if self.losses else SOUND

  def save(self, step):
    """Remembers what was saved."""
    self.saved.append(step)


@pytest.fixture(name='policy')
def make_policy(tmp_path):
  bounds = divergence.Bounds(loss=100.0, norm=1000.0)
  return checkpoint_policy.CheckpointPolicy(bounds, tmp_path, 9, 600)


def test_a_checkpoint_is_due_after_its_time(policy, monkeypatch):
  state, clock = State(), [0.0]
  monkeypatch.setattr(
    checkpoint_policy.time, 'monotonic', lambda: 1000 + clock[0]
  )
  policy.begin(state)
  assert (state.saved, policy.is_due) == ([0], False)
  clock[0], state.now = 600, 7
  assert policy.is_due
  policy.save_if_sound(state)
  assert (state.saved, policy.is_due) == ([0, 7], False)


def test_a_large_loss_keeps_a_state_from_being_saved(policy):
  state = State([LARGE, SOUND])
  policy.begin(state)
  state.now = 1
  policy.save_if_sound(state)
  assert state.saved == [0]
  policy.save_if_sound(state)
  assert state.saved == [0, 1]


def test_an_emergency_asks_for_no_loss(policy):
  state = State([LARGE])
  policy.begin(state)
  state.now = 1
  policy.save_now(state)
  assert (state.saved, state.losses) == ([0, 1], [LARGE])
  state.now, state.bad = 2, 'w is not finite'
  policy.save_now(state)
  assert state.saved == [0, 1]


def test_a_loss_that_stays_large_ends_the_training(policy):
  state = State()
  policy.begin(state)
  policy.judge(state, SOUND, 1)
  for step in range(2, 2 + divergence.PATIENCE_STEPS):
    policy.judge(state, LARGE, step)
  with pytest.raises(errors.InputError, match='step 102: the loss is 1e.06'):
    policy.judge(state, LARGE, 2 + divergence.PATIENCE_STEPS)


def test_bad_variables_end_the_training(policy):
  state = State()
  policy.begin(state)
  state.now, state.bad = 3, 'w is not finite'
  with pytest.raises(errors.InputError, match='step 3: w is not finite. .*-0 '):
    policy.judge(state, SOUND, 1)
    policy.save_last(state)
