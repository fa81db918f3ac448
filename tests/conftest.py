"""Fixtures of several test files, and the rule of the marker `process`."""

import contextlib
import multiprocessing.process
import subprocess
from unittest import mock

import numpy as np
import pytest
import reference
import tensorflow as tf

RELEASED = [
  'rgb_imagenet',
  'rgb_scratch',
  'flow_imagenet',
  'flow_scratch',
  'rgb_scratch_kin600',
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
  """Lets only tests that are marked `process` start programs and servers."""
  with contextlib.ExitStack() as stack:
    if not item.get_closest_marker('process'):
      for owner, method in (
        (subprocess.Popen, '_execute_child'),
        (multiprocessing.process.BaseProcess, 'start'),
        (tf.distribute.Server, '__init__'),
      ):
        stack.enter_context(mock.patch.object(owner, method, _refuse))
    return (yield)


def _refuse(*unused_arguments, **unused_options):
  raise RuntimeError(
    'this test starts a program or a server: mark it with '
    '@pytest.mark.process, so that `pytest -m "not slow and not process"` '
    'stays quick'
  )


@pytest.fixture(scope='session')
def kinetics_data(tmp_path_factory):
  """A data directory like DeepMind's; the weights are those of reference.py.

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
