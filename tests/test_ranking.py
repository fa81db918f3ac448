"""Classes rank by their logits, and equal ones by their index."""

import numpy as np
import pytest

from two_stream.evaluation import accuracy, ranking


def test_the_most_probable_classes_come_first():
  logits = np.log(np.array([0.1, 0.6, 0.05, 0.25], np.float32)) + 3
  rows = ranking.top_classes(logits, ['a', 'b', 'c', 'd'], 3)
  assert [row[2] for row in rows] == ['b', 'd', 'a']
  assert [row[0] for row in rows] == pytest.approx([0.6, 0.25, 0.1])
  assert [row[1] for row in rows] == [logits[1], logits[3], logits[0]]


def test_large_logits_do_not_overflow():
  (row,) = ranking.top_classes(np.float32([1e4, 0]), ['a', 'b'], 1)
  assert row[0] == 1


@pytest.mark.parametrize('count', [3, 17, 174, 700])
def test_equal_logits_rank_by_the_index_of_the_class(count):
  """NumPy's own sort keeps the order of few classes alone."""
  names = [str(index) for index in range(count)]
  logits = np.zeros(count, np.float32)
  logits[1::2] = 1
  rows = ranking.top_classes(logits, names, count)
  assert [row[2] for row in rows] == names[1::2] + names[::2]


@pytest.mark.parametrize('seed', range(3))
def test_what_is_printed_and_what_is_counted_rank_alike(seed):
  """Few values of logits, so that most of 174 are equal; some are no number."""
  rng = np.random.default_rng(seed)
  logits = rng.integers(0, 3, [50, 174]).astype(np.float32)
  logits[rng.random(logits.shape) < 0.01] = np.nan
  names = range(174)
  for k in (1, 2, 5, 50):
    labels = rng.integers(0, 174, 50)
    hits = [
      label in [row[2] for row in ranking.top_classes(row, names, k)]
      for label, row in zip(labels, logits)
    ]
    assert accuracy.top_k(logits, labels, [k]) == [np.mean(hits)]
  best = [ranking.top_classes(row, names, 1)[0][2] for row in logits]
  counts = accuracy.confusion(logits, labels)
  assert counts[labels, best].all() and counts.sum() == 50


@pytest.mark.parametrize('values', [[0, 1, 2], [0, np.nan, -np.inf], [-3e38]])
@pytest.mark.parametrize('count', [1, 5, 40])
def test_the_best_are_the_first_of_the_order(values, count):
  """Equal logits, what is no number, and more classes than there are."""
  logits = np.random.default_rng(0).choice(np.float32(values), [50, 30])
  before = logits.copy()
  np.testing.assert_array_equal(
    ranking.best(logits, count), ranking.order(logits)[:, :count]
  )
  np.testing.assert_array_equal(logits, before)
