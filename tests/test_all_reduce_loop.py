"""When the steps of an all-reduce training end."""

import types

import pytest
import small_training

from two_stream import errors
from two_stream.training import all_reduce_loop, all_reduce_replicas, watchdog


class Replicas:
  """Stands in for `all_reduce_replicas.Replicas`; the totals are nothing."""

  def __init__(self, loss=1.0, others_stopping=0):
    self.applied, self.contributed = [], 0
    self._loss, self._others_stopping = loss, others_stopping

  def no_sums(self):
    """Nothing is added up yet."""
    return 0

  def contribute(self, sums, batches):
    """Counts a minibatch."""
    self.contributed += 1
    return sums + batches

  def reduce(self, sums, wants_to_stop):
    """Returns made measures."""
    return sums, all_reduce_replicas.Measures(
      loss=self._loss,
      accuracy=0.5,
      gradient_norm=1.0,
      num_batches=sums,
      num_stopping=wants_to_stop + self._others_stopping,
    )

  def apply(self, totals, learning_rate):
    """Remembers a step."""
    self.applied.append((totals, learning_rate))


def make_loop(replicas, tmp_path, watcher=None):
  job = small_training.job('records', tmp_path, 3)
  state = types.SimpleNamespace(num_steps=0, dropped_gradients=0)
  state.step = lambda: state.num_steps
  local_clips = types.SimpleNamespace(rounds=4, next=lambda turn: 1)
  return all_reduce_loop.Loop(
    job, replicas, state, local_clips, watcher or watchdog.Watchdog()
  )


def test_each_step_has_all_minibatches_and_its_rate(tmp_path):
  replicas = Replicas()
  make_loop(replicas, tmp_path).run()
  assert replicas.applied == [(4, 0.1), (4, 0.05), (4, 0.05)]


def test_a_signal_ends_it_before_the_next_minibatch(tmp_path):
  watcher = watchdog.Watchdog()
  watcher.signalled.set()
  replicas = Replicas()
  make_loop(replicas, tmp_path, watcher).run()
  assert (replicas.applied, replicas.contributed) == ([], 0)


def test_after_a_signal_no_loss_is_computed(tmp_path):
  """That of the minibatches before the signal is known, or there is none."""
  saved = []
  for batches, expected in ((0, 'now'), (3, 'last')):
    loop = make_loop(Replicas(), tmp_path)
    loop.policy = types.SimpleNamespace(
      begin=lambda state: None,
      save_now=lambda state: saved.append('now'),
      save_last=lambda state: saved.append(('last', state.next_loss())),
    )
    loop._save_before_end(
      all_reduce_replicas.Measures(
        loss=0.25,
        accuracy=0.0,
        gradient_norm=0.0,
        num_batches=batches,
        num_stopping=1,
      )
    )
    assert str(expected) in str(saved[-1])
  assert saved == ['now', ('last', 0.25)]


def test_it_ends_with_any_other_process(tmp_path):
  replicas = Replicas(others_stopping=1)
  make_loop(replicas, tmp_path).run()
  assert not replicas.applied


def test_a_loss_that_is_not_finite_is_not_applied(tmp_path):
  replicas = Replicas(loss=float('nan'))
  with pytest.raises(errors.InputError, match='step 0: the loss or its grad'):
    make_loop(replicas, tmp_path).run()
  assert not replicas.applied
