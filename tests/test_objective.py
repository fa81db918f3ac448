"""What training minimizes; test_recipe.py has the learning rates."""

import math

import numpy as np
import small_training
import tensorflow as tf

from two_stream.training import objective

LABELS = tf.constant([0, 2, 1], tf.int32)
LOGITS = tf.constant([[2.0, 1, 0], [0, 0, 0], [1, 3, 2]])


def network(clip_number=lambda: 0, **hyperparameters):
  job = small_training.job('records', 'run', **hyperparameters)
  return objective.make_network(job.hyperparameters, 3, clip_number)


def test_the_loss_is_cross_entropy_and_half_the_squared_weights():
  net = network()
  net(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  found = objective.loss(LOGITS, LABELS, net, weight_decay=0.01)
  logits = LOGITS.numpy().astype(float)
  chosen = logits[np.arange(3), LABELS.numpy()]
  entropy = np.log(np.exp(logits).sum(1)) - chosen
  weights = [
    variable.numpy()
    for variable in net.trainable_variables
    if variable.name.endswith('/w:0')
  ]
  assert len(weights) == 58  # The convolutions of the network.
  decay = sum((value.astype(float) ** 2).sum() for value in weights) / 2
  assert math.isclose(found, entropy.mean() + 0.01 * decay, rel_tol=1e-5)


def test_only_weights_that_are_trained_decay():
  net = network(train_only=('Logits',))
  net(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  for variable in net.variables:
    variable.assign(tf.ones_like(variable))
  found, without = (
    objective.loss(LOGITS, LABELS, net, weight_decay=decay)
    for decay in (0.01, 0.0)
  )
  # 1/16 of 1024 features, and three classes.
  assert math.isclose(found - without, 0.01 * 64 * 3 / 2, rel_tol=1e-4)


def test_accuracy_counts_labels_of_largest_logits():
  assert math.isclose(objective.accuracy(LOGITS, LABELS), 2 / 3, rel_tol=1e-6)


def test_variables_have_the_names_of_the_stream():
  for stream, channels, scope in (('rgb', 3, 'RGB'), ('flow', 2, 'Flow')):
    net = network(stream=stream)
    net(tf.zeros([1, 9, 193, 193, channels]), is_training=False)
    for variable in net.variables:
      assert variable.name.startswith(f'{scope}/inception_i3d/')


def test_a_clip_has_the_same_dropout_again():
  number = [5]
  net = network(lambda: number[0])
  net(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  features = tf.ones([1, 2, 7, 7, 64])

  def logits():
    return net.logits_per_time(features, 0.5).numpy()

  first = logits()
  np.testing.assert_array_equal(logits(), first)
  number[0] = 6
  assert (logits() != first).any()
