"""Tests of the demo's stand-in for ImageNet."""

import numpy as np
import programs
import pytest

from two_stream.networks import inflation

pytestmark = pytest.mark.process


def run(path):
  return programs.run_script(
    'demo/pretrain_images.py',
    f'--output={path}',
    '--num_images=64',
    '--num_steps=2',
    '--batch_size=4',
    '--depth_multiplier=0.0625',
    check=True,
  ).stdout


@pytest.mark.slow
def test_makes_a_checkpoint_that_is_inflated(tmp_path):
  path = tmp_path / 'inception_v1' / 'model.ckpt'
  assert 'of 8 other photographs recognized' in run(path)
  assert inflation.is_inception_v1(path)
  values = inflation.read(path, channels=2)
  assert values['Conv3d_1a_7x7/conv_3d/w'].shape == (7, 7, 7, 2, 4)
  # Batch statistics were learned.
  assert np.ptp(values['Conv3d_1a_7x7/batch_norm/moving_mean']) > 0
  assert run(path) == f'{path} exists\n'
