"""A frozen unit is a unit at inference that cannot be trained."""

import numpy as np
import pytest
import reference
import tensorflow as tf

import i3d
from two_stream.networks import frozen_unit

CLIP = np.random.default_rng(0).normal(size=[2, 5, 6, 7, 3]).astype(np.float32)


def both(kernel, stride):
  """A unit and a frozen one of the same weights."""
  plain = i3d.Unit3D(4, kernel, stride, name='unit')
  frozen = frozen_unit.FrozenUnit(4, kernel, stride, 'unit')
  for unit in (plain, frozen):
    unit(CLIP, is_training=False)
    for variable in unit.variables:
      name = variable.name.removesuffix(':0')
      variable.assign(reference.weight(name, variable.shape.as_list()))
  return plain, frozen


@pytest.mark.parametrize(('kernel', 'stride'), [(3, 1), (7, 2), ((1, 3, 3), 2)])
def test_it_computes_what_the_unit_computes_at_inference(kernel, stride):
  plain, frozen = both(kernel, stride)
  expected = plain(CLIP, is_training=False).numpy()
  assert (expected > 0).any()
  found = frozen(CLIP, is_training=True).numpy()
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_in_bfloat16_it_computes_the_same_to_that_precision():
  plain, frozen = both(3, 1)
  expected = plain(CLIP, is_training=False).numpy()
  in_bfloat16 = frozen_unit.FrozenUnit(4, 3, 1, 'unit', dtype=tf.bfloat16)
  in_bfloat16(CLIP, is_training=True)
  for variable, value in zip(in_bfloat16.variables, frozen.variables):
    assert variable.dtype == tf.float32
    variable.assign(value)
  found = in_bfloat16(CLIP, is_training=True)
  assert found.dtype == tf.bfloat16
  difference = np.abs(tf.cast(found, tf.float32) - expected)
  assert difference.max() < np.abs(expected).max() / 128


def test_it_has_the_variables_of_a_unit_and_trains_none():
  plain, frozen = both(3, 1)
  expected, found = (
    {variable.name: variable.shape for variable in unit.variables}
    for unit in (plain, frozen)
  )
  assert found == expected
  assert not any(variable.trainable for variable in frozen.variables)


def test_its_variables_do_not_change_while_others_are_trained():
  _, frozen = both(3, 1)
  before = [variable.numpy() for variable in frozen.variables]
  frozen(CLIP, is_training=True)
  for variable, value in zip(frozen.variables, before):
    np.testing.assert_array_equal(variable.numpy(), value)


def test_gradients_pass_through_it_to_units_below():
  plain, frozen = both(3, 1)
  gradients = []
  for unit in (plain, frozen):
    clip = tf.constant(CLIP)
    with tf.GradientTape() as tape:
      tape.watch(clip)
      loss = tf.reduce_sum(unit(clip, is_training=False) ** 2)
    gradients.append(tape.gradient(loss, clip).numpy())
  assert gradients[0].any()
  np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-3, atol=1e-3)
