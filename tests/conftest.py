"""Fixtures that several test files share."""

import numpy as np
import pytest
import reference

RELEASED = [
  'rgb_imagenet',
  'rgb_scratch',
  'flow_imagenet',
  'flow_scratch',
  'rgb_scratch_kin600',
]


@pytest.fixture(scope='session')
def kinetics_data(tmp_path_factory):
  """A data directory as DeepMind's, with checkpoints by recipe.

  The two initializations of a stream have different weights.
  """
  data = tmp_path_factory.mktemp('kinetics')
  for name in RELEASED:
    salt = 'scratch ' if name.endswith('_scratch') else ''
    reference.write_released(data / 'checkpoints', name, salt)
  for size, name in ((400, 'label_map.txt'), (600, 'label_map_600.txt')):
    names = [f'class {index} of {size}' for index in range(size)]
    (data / name).write_text('\n'.join(names) + '\n')
  for stream in ('rgb', 'flow'):
    np.save(data / f'v_recipe_{stream}.npy', reference.clip(f'{stream}16'))
  return data
