"""Curves are drawn from what an evaluator wrote."""

import numpy as np
import pytest

from demo import draw_curves
from two_stream import errors
from two_stream.training import summaries


def test_a_curve_is_read_from_the_files_of_all_runs(tmp_path):
  for run in ({0: 0.25, 40: 0.5}, {80: 0.75}):
    curves = summaries.Curves(tmp_path / 'eval')
    for step, accuracy in run.items():
      curves.write('validation', {'top_1': accuracy, 'loss': 9}, step)
  assert draw_curves.read(tmp_path) == {0: 0.25, 40: 0.5, 80: 0.75}
  with pytest.raises(errors.InputError, match='no evaluator wrote'):
    draw_curves.read(tmp_path / 'eval')


def test_higher_accuracies_are_drawn_higher():
  image = draw_curves.draw({'a': {0: 1.0, 100: 1.0}, 'b': {0: 0.0, 100: 0.0}})
  rows = [
    np.nonzero((image == color).all(axis=-1))[0].mean()
    for color in draw_curves.COLORS[:2]
  ]
  assert rows[0] < rows[1]
