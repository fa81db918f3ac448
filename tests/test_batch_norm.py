"""Batch normalization is Sonnet 1's."""

import numpy as np
import pytest
import tensorflow as tf

from two_stream.networks import batch_norm


def test_it_follows_the_original_formulas():
  rng = np.random.default_rng(0)
  inputs = rng.normal(2, 3, (2, 3, 4, 5, 6)).astype(np.float32)
  norm = batch_norm.BatchNorm()
  norm(inputs, is_training=False)
  beta, mean = rng.normal(size=(2, 1, 1, 1, 1, 6)).astype(np.float32)
  variance = rng.uniform(1, 2, (1, 1, 1, 1, 6)).astype(np.float32)
  norm.beta.assign(beta)
  norm.moving_mean.assign(mean)
  norm.moving_variance.assign(variance)

  inverse = 1 / np.sqrt(variance + 1e-3)
  np.testing.assert_allclose(
    norm(inputs, is_training=False),
    inputs * inverse + (beta - mean * inverse),
    atol=1e-5,
  )

  axes = (0, 1, 2, 3)
  batch_mean = inputs.mean(axes, keepdims=True)
  batch_variance = inputs.var(axes, keepdims=True)  # Biased.
  inverse = 1 / np.sqrt(batch_variance + 1e-3)
  np.testing.assert_allclose(
    norm(inputs, is_training=True),
    (inputs - batch_mean) * inverse + beta,
    atol=1e-5,
  )
  # After one step a zero-debiased average would be the batch's value itself.
  np.testing.assert_allclose(
    norm.moving_mean, mean - (mean - batch_mean) * (1 - 0.999), atol=1e-6
  )
  np.testing.assert_allclose(
    norm.moving_variance,
    variance - (variance - batch_variance) * (1 - 0.999),
    rtol=1e-6,
  )


@pytest.mark.parametrize('rank, shape', [(5, [1, 1, 1, 1, 6]), (1, [6])])
def test_the_variables_have_the_rank_that_was_asked_for(rank, shape):
  norm = batch_norm.BatchNorm(variable_rank=rank)
  norm(tf.zeros([2, 4, 5, 6]), is_training=True)
  assert {variable.name: variable.shape for variable in norm.variables} == {
    f'batch_norm/{name}:0': shape
    for name in ('beta', 'moving_mean', 'moving_variance')
  }
  assert norm.trainable_variables == (norm.beta,)


def test_statistics_may_be_collected_instead():
  rng = np.random.default_rng(0)
  inputs = rng.normal(2, 3, (2, 3, 4, 5, 6)).astype(np.float32)
  norm = batch_norm.BatchNorm()
  norm(inputs, is_training=False)
  with batch_norm.collected() as statistics:
    norm(inputs, is_training=True)
  (moving_mean, mean), (moving_variance, variance) = statistics
  assert moving_mean is norm.moving_mean
  assert moving_variance is norm.moving_variance
  np.testing.assert_allclose(mean, inputs.mean((0, 1, 2, 3)), rtol=1e-5)
  np.testing.assert_allclose(variance, inputs.var((0, 1, 2, 3)), rtol=1e-5)
  assert not norm.moving_mean.numpy().any()
  norm(inputs, is_training=True)
  assert norm.moving_mean.numpy().all()


def test_a_tf1_graph_collects_the_updates():
  norm = batch_norm.BatchNorm()
  with tf.Graph().as_default() as graph:
    norm(tf.zeros([2, 4, 5, 6]), is_training=False)
    assert not graph.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
    norm(tf.zeros([2, 4, 5, 6]), is_training=True)
    assert len(graph.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)) == 2
