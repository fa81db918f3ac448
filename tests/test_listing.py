"""What lists share: names of splits, classes, times, places of files."""

import pytest

from two_stream import errors
from two_stream.datasets import data_set, listing


def request(**options):
  return data_set.Request(videos_dir='v', **options)


@pytest.mark.parametrize(
  ('name', 'split'),
  [
    *(('train', 'train'), ('Training', 'train'), ('val', 'validation')),
    *(('VALIDATE', 'validation'), ('valid', 'validation'), ('test', 'test')),
    *(('holdout', None), ('', None), ('tests', None)),
  ],
)
def test_splits_go_by_several_names(name, split):
  assert listing.split_of(name) == split


def test_lists_are_found_here_or_one_folder_below(tmp_path):
  find = lambda: listing.find_lists(tmp_path, '*.x')
  with pytest.raises(errors.InputError, match=r'there is no \*\.x; see --ann'):
    find()
  for folder in 'ab':
    (tmp_path / folder).mkdir()
  (tmp_path / 'b/._1.x').touch()
  (tmp_path / 'a/2.x').touch()
  (tmp_path / 'a/1.x').touch()
  assert find() == [tmp_path / 'a/1.x', tmp_path / 'a/2.x']
  (tmp_path / 'b/1.x').touch()
  with pytest.raises(errors.InputError, match=r'several folders have \*\.x'):
    find()
  (tmp_path / '1.x').touch()
  assert find() == [tmp_path / '1.x']


def test_wanted_splits_come_in_the_order_of_all_splits():
  wanted = request(splits=('test', 'train'))
  there = ('validation', 'test', 'train')
  assert listing.splits(wanted, there, 'x') == ('train', 'test')
  assert listing.splits(request(), there, 'x') == data_set.SPLITS
  with pytest.raises(errors.InputError, match='^x: there is no test split, on'):
    listing.splits(wanted, ('train',), 'x')


def test_classes_are_in_the_order_of_the_label_map_the_data_set_or_letters():
  labels = ['b', None, 'a', 'b']
  assert listing.class_names(request(), labels, 'x') == ('a', 'b')
  assert listing.class_names(request(), labels, 'x', ['c', 'b', 'a']) == (
    *('c', 'b', 'a'),
  )
  mapped = request(class_names=['b', 'd', 'a'])
  assert listing.class_names(mapped, labels, 'x', ['c', 'b', 'a']) == (
    *('b', 'd', 'a'),
  )


def test_labels_without_a_class_are_counted_and_the_likely_one_is_named():
  labels = ['juggling ball', *['playing chess'] * 3, 'a', 'b', 'c']
  with pytest.raises(errors.InputError) as error:
    listing.class_names(
      request(class_names=['juggling balls', 'playing chess']), labels, 'x'
    )
  assert str(error.value) == (
    "x: the label map lacks 4 of 5 labels: 'a' (1 videos), 'b' (1 videos), "
    "'c' (1 videos), ..."
  )
  with pytest.raises(errors.InputError, match="; it has 'juggling balls'$"):
    listing.class_names(
      request(class_names=['juggling balls']), labels[:1], 'x'
    )


def test_only_test_videos_may_lack_a_label():
  assert listing.checked_label(' ', 'test', 'x') is None
  assert listing.checked_label('a', 'test', 'x') == 'a'
  for split in ('train', 'validation'):
    with pytest.raises(errors.InputError, match='^x: has no label, which only'):
      listing.checked_label('', split, 'x')


@pytest.mark.parametrize(
  ('text', 'value'),
  [('0', 0), ('12', 12), ('12.5', 12.5), ('0.000000001', 1e-9)],
)
def test_seconds_are_decimal_numbers(text, value):
  assert listing.seconds(text, 'x') == value


def test_blanks_at_line_ends_and_blank_lines_do_not_count(tmp_path):
  (tmp_path / 'x').write_bytes(b'a b.avi 1 \r\n\r\nc\n \n')
  assert listing.read_words(tmp_path / 'x') == [
    (1, ['a b.avi', '1']),
    (3, ['c']),
  ]
