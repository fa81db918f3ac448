"""A bfloat16 unit computes what a unit does, to bfloat16's precision."""

import numpy as np
import pytest
import reference
import tensorflow as tf

import i3d
from two_stream.networks import bfloat16_unit

# bfloat16 keeps 8 significant bits, so that rounding changes by 1/512 at most.
ROUNDING = 1 / 512


def both(clip, kernel, stride):
  """A unit and a bfloat16 unit of the same weights."""
  plain = i3d.Unit3D(5, kernel, stride, name='unit')
  rounded = bfloat16_unit.BFloat16Unit(
    5, kernel, stride, 'unit', w_init=lambda shape, dtype: tf.zeros(shape)
  )
  for unit in (plain, rounded):
    unit(clip, is_training=False)
    for variable in unit.variables:
      name = variable.name.removesuffix(':0')
      variable.assign(reference.weight(name, variable.shape.as_list()))
  return plain, rounded


def results(unit, clip):
  """The output, and the gradients of {variable or 'inputs': array}."""

  @tf.function(autograph=False)
  def compute(clip):
    with tf.GradientTape() as tape:
      tape.watch(clip)
      output = unit(clip, is_training=True)
      # A plain sum would have no gradient, because BatchNorm removes the mean.
      loss = tf.reduce_sum(tf.cast(output, tf.float32) * unequal(output.shape))
    sources = {v.name: v for v in unit.trainable_variables}
    return output, tape.gradient(loss, {**sources, 'inputs': clip})

  output, gradients = compute(tf.constant(clip))
  return output, {name: value.numpy() for name, value in gradients.items()}


def unequal(shape):
  return np.random.default_rng(1).normal(size=shape).astype(np.float32)


# Of these kernels and numbers of time steps, those of I3D with 9 and 17 frames.
# TensorFlow's gradient of the second one is wrong in bfloat16.
@pytest.mark.parametrize(
  ('kernel', 'stride', 'time'),
  [(7, 2, 9), (3, 1, 2), (3, 1, 3)],
)
def test_output_averages_and_gradients_are_those_of_a_unit(
  kernel, stride, time
):
  rng = np.random.default_rng(0)
  clip = rng.normal(size=[2, time, 8, 8, 6]).astype(np.float32)
  plain, rounded = both(clip, kernel, stride)
  expected, expected_gradients = results(plain, clip)
  found, gradients = results(rounded, clip)
  assert found.dtype == tf.bfloat16
  difference = np.abs(tf.cast(found, tf.float32) - expected)
  assert difference.max() < 4 * ROUNDING * np.abs(expected).max()
  for name, variable in {v.name: v for v in rounded.variables}.items():
    (other,) = [v for v in plain.variables if v.name == name]
    np.testing.assert_allclose(variable, other, atol=ROUNDING, err_msg=name)
  assert gradients.keys() == expected_gradients.keys()
  for name, value in expected_gradients.items():
    assert gradients[name].dtype == np.float32
    cosine = np.vdot(value, gradients[name]) / (
      np.linalg.norm(value) * np.linalg.norm(gradients[name])
    )
    assert cosine > 0.995, name


def test_it_has_the_variables_of_a_unit():
  plain, rounded = both(np.zeros([1, 3, 4, 4, 3], np.float32), (1, 3, 3), 1)
  expected, found = (
    {(v.name, v.dtype, tuple(v.shape), v.trainable) for v in unit.variables}
    for unit in (plain, rounded)
  )
  assert found == expected
  assert {variable.dtype for variable in rounded.variables} == {tf.float32}


def test_normalization_at_the_moving_averages_is_rounded_once():
  """At inference, from activations that bfloat16 can hold."""
  clip = np.ones([1, 1, 2, 2, 1], np.float32)
  _, rounded = both(clip, 1, 1)
  w = np.array([2, 4, 8, 16, 32], np.float32)
  rounded.w.assign(w.reshape(rounded.w.shape))
  norm = rounded.batch_norm
  shape = norm.beta.shape
  norm.moving_mean.assign(np.full(shape, 1.2345))
  norm.moving_variance.assign(np.full(shape, 2.3456))
  norm.beta.assign(np.full(shape, 0.3456))
  exact = (w - 1.2345) / np.sqrt(2.3456 + 1e-3) + 0.3456
  found = tf.cast(rounded(clip, is_training=False), tf.float32)[0, 0, 0, 0]
  np.testing.assert_array_equal(
    found, tf.cast(tf.cast(exact, tf.bfloat16), tf.float32)
  )
