"""Shares, counts and their table."""

import math

import numpy as np
import pytest

from two_stream.evaluation import accuracy
from two_stream.records import schema

LOGITS = np.array(
  [
    [9, 1, 2, 3, 4, 5, 6],
    [9, 1, 2, 3, 4, 5, 6],
    [9, 1, 2, 3, 4, 5, 6],
    [1, 9, 2, 3, 4, 5, 6],
  ],
  np.float32,
)


def test_a_clip_counts_if_its_label_is_among_the_best():
  """The labels are first, last but one and last, and first again."""
  labels = np.array([0, 2, 1, 1])
  assert accuracy.top_k(LOGITS, labels) == [0.5, 0.5]
  assert accuracy.top_k(LOGITS, labels, ks=(1, 6, 7)) == [0.5, 0.75, 1]


def test_clips_without_a_label_count_nowhere():
  labels = np.array([0, schema.NO_LABEL, 1, schema.NO_LABEL])
  assert accuracy.top_k(LOGITS, labels) == [0.5, 0.5]
  assert accuracy.confusion(LOGITS, labels).sum() == 2
  assert accuracy.top_k(LOGITS, np.full(4, schema.NO_LABEL)) is None


@pytest.mark.parametrize('label', [7, -5, 2**31 - 1])
def test_a_label_that_is_no_class_is_never_right(label):
  labels = np.array([0, label, label, 1], np.int32)
  assert accuracy.top_k(LOGITS, labels, ks=(1, 5, 7)) == [0.5, 0.5, 0.5]


@pytest.mark.parametrize('value', [0, np.nan])
def test_a_network_that_tells_nothing_is_right_by_chance(value):
  labels = np.arange(8)
  shares = accuracy.top_k(np.full([8, 8], value, np.float32), labels)
  assert shares == [1 / 8, 5 / 8]


def test_the_loss_is_the_mean_of_what_the_labels_surprise():
  """Probabilities 1/4 and 3/4 of two labels; the third clip has none."""
  odds = np.log([[1, 3], [1, 3], [9, 1]]).astype(np.float32)
  labels = np.array([0, 1, schema.NO_LABEL])
  expected = (math.log(4) + math.log(4 / 3)) / 2
  assert math.isclose(
    accuracy.cross_entropy(odds, labels), expected, rel_tol=1e-6
  )
  # Only differences of logits count, however large these are.
  assert math.isclose(
    accuracy.cross_entropy(odds + 2048, labels), expected, rel_tol=1e-3
  )
  assert accuracy.cross_entropy(odds, np.array([0, 1, 2])) == math.inf


def test_confusion_has_labels_in_rows():
  counts = accuracy.confusion(LOGITS, np.array([0, 2, 2, 2]))
  expected = np.zeros([7, 7])
  expected[0, 0], expected[2, 0], expected[2, 1] = 1, 2, 1
  np.testing.assert_array_equal(counts, expected)


def test_the_table_is_that_of_deepminds_readme():
  accuracies = {
    'imagenet': {
      'rgb': [0.711, 0.893],
      'flow': [0.634, 0.849],
      'joint': [0.742, 1],
    },
    'scratch': {'rgb': [0.684, 0.88], 'flow': None, 'joint': [0.0951, 0.9]},
  }
  assert accuracy.table(accuracies) == [
    '| Model          | from ImageNet | from scratch  |',
    '| -------------- | ------------- | ------------- |',
    '| RGB-I3D        | 71.1 / 89.3   | 68.4 / 88.0   |',
    '| Flow-I3D       | 63.4 / 84.9   | not available |',
    '| Two-Stream I3D | 74.2 / 100.0  | 9.5 / 90.0    |',
  ]


def test_the_table_shows_what_was_evaluated_alone():
  lines = accuracy.table({'scratch': {'flow': [0.5, 1]}})
  assert lines[0] == '| Model    | from scratch |'
  assert lines[2:] == ['| Flow-I3D | 50.0 / 100.0 |']
