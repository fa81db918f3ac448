"""A training that goes wrong: what is kept of it, and what the user is told."""

import dataclasses
import re

import numpy as np
import pytest
import small_records
import small_training

from two_stream import errors
from two_stream.training import (
  saved_checkpoints,
  sync_replicas,
)


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


def run(data, train_dir, rates, max_steps, checkpoint_seconds=1e-3):
  """Trains in this process; by default with a checkpoint after every step."""
  job = small_training.job(data, train_dir, max_steps, learning_rates=rates)
  job = dataclasses.replace(job, checkpoint_seconds=checkpoint_seconds)
  return sync_replicas.run(job, small_training.ALONE)


def largest_weights(path):
  """{name: its largest absolute value} of a checkpoint's convolutions."""
  return {
    name: np.abs(value).max()
    for name, value in small_training.read_all(path).items()
    if name.endswith('/w')
  }


@pytest.mark.slow
@pytest.mark.process
def test_training_goes_on_as_the_advice_says(data, tmp_path, caplog):
  """Step 1 throws the weights far away, and all stays finite for some steps."""
  caplog.set_level('INFO')
  with pytest.raises(errors.InputError) as error:
    run(data, tmp_path, ((0, 0.05), (1, 1e4)), 9)
  advice = re.search(
    r'(\S+) is the last checkpoint from before; lower --learning_rates from '
    r'step (\d+) on and run again',
    str(error.value),
  )
  named, step = advice.groups()
  assert (named, step) == (f'{tmp_path}/model.ckpt-1', '1')
  assert saved_checkpoints.steps_in(tmp_path) == [0, 1]
  assert not (tmp_path / 'export').exists()

  assert run(data, tmp_path, ((0, 0.05), (1, 0.01)), 2) == 0
  assert f'continuing from {named}\n' in caplog.text
  before = largest_weights(named)
  for name, value in largest_weights(tmp_path / 'export/model.ckpt').items():
    assert value < 2 * before[name] + 1, name


@pytest.mark.process
def test_a_network_that_went_wrong_in_the_last_step_is_not_exported(
  data, tmp_path
):
  with pytest.raises(errors.InputError, match=r'model\.ckpt-0 is the last'):
    run(data, tmp_path, ((0, 1e4),), 1, checkpoint_seconds=600)
  assert not (tmp_path / 'export').exists()
  assert saved_checkpoints.steps_in(tmp_path) == [0]
