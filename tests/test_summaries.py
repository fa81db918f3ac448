"""Curves for TensorBoard."""

import pytest
import tensorflow as tf

from two_stream.training import summaries

v1 = tf.compat.v1


def test_points_are_on_the_disk_at_once(tmp_path):
  with tf.Graph().as_default():
    writer = v1.summary.FileWriter(str(tmp_path))
  summaries.write(writer, 'training', {'loss': 0.5, 'accuracy': 0.25}, 7)
  (path,) = tmp_path.glob('events.out.*')
  points = {
    (event.step, value.tag): value.simple_value
    for event in v1.train.summary_iterator(str(path))
    for value in event.summary.value
  }
  assert points == {
    (7, 'training/loss'): pytest.approx(0.5),
    (7, 'training/accuracy'): pytest.approx(0.25),
  }
