"""Which variables are refused before and after their values are read."""

import numpy as np
import pytest
import reference
import tensorflow as tf

from two_stream import errors
from two_stream.networks import checkpoint_files, weight_checks


def tensors(**shapes):
  return {
    name: checkpoint_files.Tensor(tf.float32, shape)
    for name, shape in shapes.items()
  }


def test_variables_that_nobody_expects_are_ignored():
  weight_checks.check_tensors('a', {'w': [2, 3]}, tensors(w=[2, 3], other=[1]))


def test_one_error_names_every_variable_that_is_wrong():
  found = tensors(w=[3, 2], good=[1])
  found['text'] = checkpoint_files.Tensor(None, [1])
  found['step'] = checkpoint_files.Tensor(tf.int64, [])
  expected = {'w': [2, 3], 'b': [3], 'good': [1], 'text': [1], 'step': []}
  with pytest.raises(errors.InputError) as error:
    weight_checks.check_tensors('model.ckpt', expected, found)
  assert str(error.value) == (
    'model.ckpt does not fit the network: b is missing; step is not of '
    'floating-point numbers; text is not of floating-point numbers; w is '
    '[3, 2] instead of [2, 3]'
  )


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_floats_of_every_precision_are_read_as_float32(tmp_path, dtype):
  value = np.array([[0.5, -2]], dtype)
  reference.write_checkpoint(tmp_path / 'a', {'w': value, 'other': value})
  checkpoint = checkpoint_files.load(tmp_path / 'a')
  read = weight_checks.read_floats(checkpoint, ['w'])
  assert list(read) == ['w']
  assert read['w'].dtype == np.float32
  np.testing.assert_array_equal(read['w'], value)


def test_a_number_beyond_float32_is_refused(tmp_path):
  reference.write_checkpoint(tmp_path / 'a', {'w': np.array([1e300])})
  checkpoint = checkpoint_files.load(tmp_path / 'a')
  with pytest.raises(errors.InputError, match='w is not finite'):
    weight_checks.read_floats(checkpoint, ['w'])


def test_a_variance_may_be_negative_by_rounding_and_no_more():
  name = f'unit/{weight_checks.VARIANCE}'
  good = {name: np.float32([1, 0, -1e-7]), 'unit/beta': np.float32([-5])}
  weight_checks.check_values('a', good)
  with pytest.raises(errors.InputError) as error:
    weight_checks.check_values('a', {**good, name: np.float32([1, -1e-3])})
  assert f'a: {name} is negative (1 of 2 variables' in str(error.value)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
  values = {'good': np.zeros(3), 'bad': np.array([0, value]), 'worse': value}
  with pytest.raises(errors.InputError) as error:
    weight_checks.check_values('a', values)
  assert 'a: bad is not finite (2 of 3 variables' in str(error.value)


@pytest.mark.parametrize('size', [1e9, -2e9, 1e20])
def test_weights_too_large_for_finite_activations_are_refused(size):
  values = {'a': np.ones(3, np.float32), 'b': np.array([0, size], np.float32)}
  if abs(size) > 1e9:
    with pytest.raises(errors.InputError, match='my.ckpt: b has the value'):
      weight_checks.check_sizes('my.ckpt', values)
  else:
    weight_checks.check_sizes('my.ckpt', values)
