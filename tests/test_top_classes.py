"""Ranking of classes."""

import numpy as np
import pytest

from two_stream import top_classes


def test_the_most_probable_classes_come_first():
  logits = np.log(np.array([0.1, 0.6, 0.05, 0.25], np.float32)) + 3
  rows = top_classes.rank(logits, ['a', 'b', 'c', 'd'], 3)
  assert [row[2] for row in rows] == ['b', 'd', 'a']
  assert [row[0] for row in rows] == pytest.approx([0.6, 0.25, 0.1])
  assert [row[1] for row in rows] == [logits[1], logits[3], logits[0]]


def test_large_logits_do_not_overflow():
  (row,) = top_classes.rank(np.float32([1e4, 0]), ['a', 'b'], 1)
  assert row[0] == 1
