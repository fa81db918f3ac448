"""The state of an all-reduce training is that of its checkpoints."""

import numpy as np
import pytest
import small_training

from two_stream.cluster import cluster_task
from two_stream.training import (
  all_reduce_replicas,
  all_reduce_state,
  all_reduce_strategy,
  divergence,
)

WEIGHTS = 'RGB/inception_i3d/Conv3d_2b_1x1/conv_3d/w'


@pytest.fixture(name='replicas', scope='module')
def make_replicas():
  job = small_training.job('records', 'run')
  strategy = all_reduce_strategy.make(cluster_task.ClusterTask(), 1)
  return all_reduce_replicas.Replicas(strategy, job.hyperparameters, 3)


def state_of(replicas, folder, max_norm=1e9):
  bounds = divergence.Bounds(loss=1.0, norm=max_norm)
  return all_reduce_state.State(replicas, folder, bounds)


def test_what_was_saved_is_restored(replicas, tmp_path):
  state = state_of(replicas, tmp_path)
  state.num_steps, state.dropped_gradients = 7, 5
  state.save(7)
  saved = {name: v.numpy() for name, v in replicas.variables.items()}
  stored = small_training.read_all(tmp_path / 'model.ckpt-7')
  assert stored.keys() == {*saved, 'global_step', 'dropped_gradients'}
  assert f'{WEIGHTS}/Momentum' in stored
  for variable in replicas.variables.values():
    variable.assign(variable + 1)
  other = state_of(replicas, tmp_path)
  other.restore(tmp_path / 'model.ckpt-7')
  assert (other.step(), other.dropped_gradients) == (7, 5)
  for name, variable in replicas.variables.items():
    np.testing.assert_array_equal(variable.numpy(), saved[name])


def test_bad_variables_are_named(replicas, tmp_path):
  variable = replicas.variables[WEIGHTS]
  before = variable.numpy()
  try:
    assert not state_of(replicas, tmp_path).problem()
    assert (
      'the norm of the weights is'
      in state_of(replicas, tmp_path, 1e-3).problem()
    )
    variable.assign(np.full_like(before, np.nan))
    assert (
      state_of(replicas, tmp_path)
      .problem()
      .startswith(f'{WEIGHTS} is not finite')
    )
  finally:
    variable.assign(before)


def test_values_of_a_network_are_assigned_by_their_paths(replicas, tmp_path):
  path = WEIGHTS.removeprefix('RGB/inception_i3d/')
  value = np.full(replicas.variables[WEIGHTS].shape, 0.5, np.float32)
  state_of(replicas, tmp_path).assign({path: value.ravel()})
  np.testing.assert_array_equal(replicas.variables[WEIGHTS].numpy(), value)
