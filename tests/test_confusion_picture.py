"""The picture of a confusion matrix."""

import cv2
import numpy as np

from two_stream.evaluation import confusion_picture


def draw(counts, names):
  content = confusion_picture.draw(np.array(counts), names, 'A title')
  picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
  assert picture is not None
  return picture


def squares(picture, classes):
  """Mean brightness of each square: the grid is at the right, under a title."""
  cell = confusion_picture._LARGE.cell
  grid = (picture == confusion_picture._GRID).all(axis=2)
  rows = np.flatnonzero(grid.sum(axis=1) >= classes * (cell - 1))
  columns = np.flatnonzero(grid.sum(axis=0) >= classes * (cell - 1))
  assert len(rows) == len(columns) == classes
  return np.array(
    [
      [
        picture[row - cell + 1 : row, column - cell + 1 : column].mean()
        for column in columns
      ]
      for row in rows
    ]
  )


def test_a_square_is_the_darker_the_larger_its_share_of_the_row():
  counts = [[9, 1, 0], [0, 0, 0], [300, 0, 100]]
  brightness = squares(draw(counts, ['one', 'two', 'three']), 3)
  order = np.argsort(brightness[brightness < 255])
  shares = np.array([0.9, 0.1, 0.75, 0.25])
  np.testing.assert_array_equal(order, np.argsort(-shares))
  assert (brightness[np.array(counts) == 0] == 255).all()


def test_a_long_name_is_cut_and_a_strange_one_drawn():
  names = ['x' * 10_000, 'naïve % \N{SNOWMAN}']
  assert max(draw([[1, 0], [0, 1]], names).shape) < 1000


def test_all_classes_of_something_something_fit():
  names = [f'Doing something number {i} with something' for i in range(174)]
  picture = draw(np.eye(174, dtype=int), names)
  assert min(picture.shape[:2]) > 174 * confusion_picture._LARGE.cell
