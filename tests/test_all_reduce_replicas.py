"""Several replicas do the steps that one of them would do alone."""

import sys

import numpy as np
import programs
import pytest
import small_records
import small_training

pytestmark = [pytest.mark.process, pytest.mark.slow]


def train(data, folder, num_devices, per_step):
  """Trains two steps; returns {name: value} of the checkpoint of each."""
  program = programs.ROOT / 'tests/replicas_of_logical_devices.py'
  result = programs.run(
    [sys.executable, program, data, folder, str(num_devices), str(per_step)],
    cwd=programs.ROOT,
    env={'PYTHONPATH': f'{programs.ROOT}:{programs.ROOT}/tests'},
  )
  assert result.returncode == 0, result.stderr
  return [
    small_training.read_all(folder / f'model.ckpt-{step}') for step in (1, 2)
  ]


@pytest.mark.parametrize('num_devices, per_step', [(4, 8), (2, 3)])
def test_the_update_is_that_of_all_minibatches_one_by_one(
  tmp_path, num_devices, per_step
):
  """Eight minibatches on four replicas, and an odd one on two."""
  small_records.write(tmp_path)
  alone = train(tmp_path, tmp_path / 'alone', 1, per_step)
  together = train(tmp_path, tmp_path / 'together', num_devices, per_step)
  start = small_training.read_all(tmp_path / 'alone/model.ckpt-0')
  for found, expected in zip(together, alone):
    assert found.keys() == expected.keys()
  for name, value in alone[0].items():
    np.testing.assert_allclose(
      together[0][name],
      value,
      rtol=0,
      atol=1e-4 * np.abs(value - start[name]).max() + 1e-6,
      err_msg=name,
    )
  # Rounding grows with each step in so small a network, and turns the choice
  # of a max pooling here and there.
  for name, value in alone[1].items():
    difference = np.linalg.norm(together[1][name] - value)
    assert difference <= 1e-2 * np.linalg.norm(value) + 1e-6, name
