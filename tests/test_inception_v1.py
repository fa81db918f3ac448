"""The 2-D network: slim's Inception-v1 in structure and names."""

import numpy as np
import pytest
import slim_reference
import tensorflow as tf

from two_stream.networks import batch_norm, inception_v1

SMALL = 1 / 16  # The narrowest network, for tests of behaviour.

# What slim's own tests (inception_v1_test.py in google-research/tf-slim) expect
# of 5 images of 224 pixels.
ENDPOINTS = {
  'Conv2d_1a_7x7': (5, 112, 112, 64),
  'MaxPool_2a_3x3': (5, 56, 56, 64),
  'Conv2d_2b_1x1': (5, 56, 56, 64),
  'Conv2d_2c_3x3': (5, 56, 56, 192),
  'MaxPool_3a_3x3': (5, 28, 28, 192),
  'Mixed_3b': (5, 28, 28, 256),
  'Mixed_3c': (5, 28, 28, 480),
  'MaxPool_4a_3x3': (5, 14, 14, 480),
  'Mixed_4b': (5, 14, 14, 512),
  'Mixed_4c': (5, 14, 14, 512),
  'Mixed_4d': (5, 14, 14, 512),
  'Mixed_4e': (5, 14, 14, 528),
  'Mixed_4f': (5, 14, 14, 832),
  'MaxPool_5a_2x2': (5, 7, 7, 832),
  'Mixed_5b': (5, 7, 7, 832),
  'Mixed_5c': (5, 7, 7, 1024),
}
PARAMETERS = 5_607_184  # Without the logits, with the moving statistics.

# Names and shapes of slim's checkpoint: one of each kind.
VARIABLES = {
  'InceptionV1/Conv2d_1a_7x7/weights': (7, 7, 3, 64),
  'InceptionV1/Conv2d_1a_7x7/BatchNorm/beta': (64,),
  'InceptionV1/Conv2d_1a_7x7/BatchNorm/moving_mean': (64,),
  'InceptionV1/Conv2d_1a_7x7/BatchNorm/moving_variance': (64,),
  'InceptionV1/Conv2d_2b_1x1/weights': (1, 1, 64, 64),
  'InceptionV1/Mixed_3b/Branch_1/Conv2d_0b_3x3/weights': (3, 3, 96, 128),
  'InceptionV1/Mixed_3b/Branch_3/Conv2d_0b_1x1/BatchNorm/beta': (32,),
  'InceptionV1/Mixed_5b/Branch_2/Conv2d_0a_3x3/weights': (3, 3, 32, 128),
  'InceptionV1/Mixed_5c/Branch_2/Conv2d_0b_3x3/weights': (3, 3, 48, 128),
  'InceptionV1/Logits/Conv2d_0c_1x1/weights': (1, 1, 1024, 1001),
  'InceptionV1/Logits/Conv2d_0c_1x1/biases': (1001,),
}


def images(count=1, size=224):
  return tf.random.stateless_uniform(
    [count, size, size, 3], seed=[0, 0], minval=-1, maxval=1
  )


@pytest.fixture(scope='module')
def full_width():
  """The network in a graph that is not run, and its endpoints."""
  network = inception_v1.InceptionV1()
  with tf.Graph().as_default():
    _, end_points = network(tf.zeros([5, 224, 224, 3]), is_training=False)
  return network, end_points


def test_endpoints_are_slims(full_width):
  _, end_points = full_width
  shapes = {name: tuple(value.shape) for name, value in end_points.items()}
  assert shapes.pop('Logits') == (5, 1001)
  assert shapes == ENDPOINTS
  assert list(shapes) == list(ENDPOINTS)


def test_variables_are_slims(full_width):
  shapes = {
    name: tuple(variable.shape)
    for name, variable in slim_reference.variables(full_width[0]).items()
  }
  assert len(shapes) == 230
  assert {name: shapes.get(name) for name in VARIABLES} == VARIABLES
  sizes = [np.prod(s) for name, s in shapes.items() if 'Logits' not in name]
  assert sum(sizes) == PARAMETERS


def test_every_endpoint_equals_slims():
  network = inception_v1.InceptionV1()
  network(slim_reference.image(), is_training=False)
  slim_reference.fill(network)
  logits, end_points = network(slim_reference.image(), is_training=False)
  original = slim_reference.original()
  np.testing.assert_allclose(logits[0], original['logits'], atol=1e-4)
  for name in ENDPOINTS:
    value = end_points[name].numpy()
    stats = [value.mean(), value.std(), np.linalg.norm(value), value.max()]
    np.testing.assert_allclose(
      stats, original[f'ep/{name}'], rtol=1e-4, err_msg=name
    )


def test_plain_saver_writes_and_reads_it(tmp_path):
  network = inception_v1.InceptionV1(num_classes=5, depth_multiplier=SMALL)
  expected, _ = network(images(), is_training=False)
  saver = tf.compat.v1.train.Saver(slim_reference.variables(network))
  path = saver.save(None, str(tmp_path / 'model.ckpt'), write_meta_graph=False)
  for variable in network.variables:
    variable.assign(tf.zeros_like(variable))
  saver.restore(None, path)
  restored, _ = network(images(), is_training=False)
  np.testing.assert_array_equal(restored, expected)
  assert np.ptp(expected) > 0


def test_training_learns_batch_statistics():
  network = inception_v1.InceptionV1(num_classes=5, depth_multiplier=SMALL)
  batch = images(count=2)
  network(batch, is_training=True)
  unit = 'InceptionV1/Conv2d_1a_7x7'
  variables = slim_reference.variables(network)
  convolved = tf.nn.conv2d(batch, variables[f'{unit}/weights'], 2, 'SAME')
  mean, variance = tf.nn.moments(convolved, (0, 1, 2))
  decay = batch_norm.DECAY
  np.testing.assert_allclose(
    variables[f'{unit}/BatchNorm/moving_mean'],
    (1 - decay) * mean,
    rtol=1e-3,
    atol=1e-7,
  )
  np.testing.assert_allclose(
    variables[f'{unit}/BatchNorm/moving_variance'],
    decay + (1 - decay) * variance,
    rtol=1e-6,
  )


def test_every_weight_has_a_gradient():
  network = inception_v1.InceptionV1(num_classes=5, depth_multiplier=1 / 8)
  with tf.GradientTape() as tape:
    logits, _ = network(images(count=2), True, dropout_keep_prob=0.8)
    loss = tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits([1, 2], logits)
    )
  gradients = tape.gradient(loss, network.trainable_variables)
  assert len(gradients) == 57 * 2 + 2
  assert all(np.linalg.norm(gradient) > 0 for gradient in gradients)


def test_dropout_depends_on_its_probability_alone():
  network = inception_v1.InceptionV1(num_classes=5, depth_multiplier=SMALL)
  kept, _ = network(images(), is_training=False)
  again, _ = network(images(), is_training=False, dropout_keep_prob=1.0)
  dropped, _ = network(images(), is_training=False, dropout_keep_prob=0.5)
  np.testing.assert_array_equal(kept, again)
  assert np.abs(kept - dropped).max() > 0


@pytest.mark.parametrize('size', [192, 225])
def test_other_sizes_are_refused(size):
  network = inception_v1.InceptionV1(num_classes=5, depth_multiplier=SMALL)
  with pytest.raises(ValueError, match='193 to 224 pixels'):
    network(images(size=size), is_training=False)
