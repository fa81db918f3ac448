"""Missing videos are counted before any video is opened."""

from two_stream.datasets import data_set
from two_stream.preprocessing import inventory


def sample(path, label='a'):
  return data_set.Sample(id=path, path=path, label=label)


def videos(**splits):
  return data_set.DataSet(name='set', class_names=['a'], splits=splits)


def test_videos_are_there_or_missing(tmp_path):
  (tmp_path / 'a').mkdir()
  (tmp_path / 'a' / '-1.mp4').touch()
  (tmp_path / '#2.avi').touch()
  (tmp_path / 'dangling').symlink_to('nowhere')
  train = [sample('a/-1.mp4'), sample('a/3.mp4'), sample('b/1.mp4')]
  test = [sample('#2.avi', None), sample('dangling'), sample('a')]
  found = inventory.take(tmp_path, videos(train=train, test=test))
  assert found['train'].present == train[:1]
  assert found['train'].num_missing == 2
  assert found['train'].num_unlabelled == 0
  # A link is looked at when the video is opened.
  assert found['test'].present == test
  assert found['test'].num_missing == 0
  assert found['test'].num_unlabelled == 1


def test_paths_that_cannot_be_are_missing(tmp_path):
  odd = [sample('a\0b/c'), sample('a\0b'), sample('x' * 5000 + '/a')]
  assert inventory.take(tmp_path, videos(train=odd))['train'].num_missing == 3


def test_the_table_has_a_row_for_each_split(tmp_path):
  (tmp_path / '1').touch()
  train = [sample('1'), sample('2')]
  found = inventory.take(tmp_path, videos(train=train, test=[]))
  assert inventory.table(found) == [
    'split  listed  there  missing  without a label',
    'train       2      1        1                0',
    'test        0      0        0                0',
  ]
