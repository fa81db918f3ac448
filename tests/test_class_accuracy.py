"""Accuracies of each class, against their definition."""

import numpy as np
import pytest

from two_stream.evaluation import class_accuracy
from two_stream.records import schema


def test_each_class_counts_alike():
  """Nine clips of class 0 are right, and one of two clips of class 2.

  Class 1 has no clips, and one clip has no label.
  """
  labels = np.array([0] * 9 + [2, 2, schema.NO_LABEL])
  logits = np.eye(3, dtype=np.float32)[[0] * 9 + [2, 0, 1]]
  accuracies = class_accuracy.compute(logits, labels)
  assert accuracies.overall == [10 / 11, 1]
  assert accuracies.mean_class == (1 + 1 / 2) / 2
  np.testing.assert_array_equal(
    accuracies.of_classes, [[1, 1], [np.nan, np.nan], [1 / 2, 1]]
  )
  counts = class_accuracy.count_clips(labels, 3)
  assert counts.tolist() == [9, 0, 2]


def test_figures_are_those_of_loops_over_the_clips():
  rng = np.random.default_rng(0)
  logits = rng.normal(size=[200, 12]).astype(np.float32)
  labels = rng.integers(-1, 11, 200)  # -1 is no label; class 11 has no clips.
  assert schema.NO_LABEL == -1
  accuracies = class_accuracy.compute(logits, labels)
  means = []
  for index in range(11):
    ranks = [
      sum(other > row[index] for other in row)
      for row, label in zip(logits, labels)
      if label == index
    ]
    top_1 = sum(rank < 1 for rank in ranks) / len(ranks)
    top_5 = sum(rank < 5 for rank in ranks) / len(ranks)
    assert accuracies.of_classes[index] == pytest.approx([top_1, top_5])
    means.append(top_1)
  assert np.isnan(accuracies.of_classes[11]).all()
  assert accuracies.mean_class == pytest.approx(sum(means) / 11)


def test_without_labels_there_is_no_accuracy():
  accuracies = class_accuracy.compute(
    np.zeros([2, 3], np.float32), np.full(2, schema.NO_LABEL)
  )
  assert accuracies.overall is None
  assert accuracies.mean_class is None
  assert np.isnan(accuracies.of_classes).all()
