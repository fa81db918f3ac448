"""HMDB-51's three divisions are read, with all signs in names of videos."""

import miniatures
import pytest

from two_stream import errors
from two_stream.datasets import data_set, hmdb51


def test_the_published_layout_is_read(tmp_path):
  found = hmdb51.read(miniatures.hmdb51(tmp_path).request())
  assert found.class_names == ('brush_hair', 'sword')
  first, second, _ = miniatures.HMDB_NAMES
  assert found.splits == {
    split: [
      data_set.Sample(
        id=f'{label}/{name.removesuffix(".avi")}',
        path=f'{label}/{name}',
        label=label,
      )
      for label in found.class_names
    ]
    for split, name in {'train': first, 'test': second}.items()
  }


@pytest.mark.parametrize(
  ('number', 'train', 'test'), [(1, 0, 1), (2, 2, 0), (3, 1, 2)]
)
def test_the_number_tells_the_division(tmp_path, number, train, test):
  request = miniatures.hmdb51(tmp_path).request(split_number=number)
  splits = hmdb51.read(request).splits
  for split, index in {'train': train, 'test': test}.items():
    names = {each.path.rpartition('/')[2] for each in splits[split]}
    assert names == {miniatures.HMDB_NAMES[index]}


def test_classes_may_share_a_name_of_a_video(tmp_path):
  request = miniatures.hmdb51(tmp_path).request(split_number=2)
  assert [each.path for each in hmdb51.read(request).splits['train']] == [
    'brush_hair/same_name.avi',
    'sword/same_name.avi',
  ]


def test_archives_may_be_unpacked_into_folders_of_their_own(tmp_path):
  layout = miniatures.hmdb51(tmp_path)
  for label in ('brush_hair', 'sword'):
    folder = layout.videos_dir / label
    folder.rename(tmp_path / 'moved')
    folder.mkdir()
    (tmp_path / 'moved').rename(folder / label)
  first, _, _ = miniatures.HMDB_NAMES
  assert [
    each.path for each in hmdb51.read(layout.request()).splits['train']
  ] == [f'{label}/{label}/{first}' for label in ('brush_hair', 'sword')]


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('a.avi 3', r"line 1 is not <file> 0, 1 or 2: 'a\.avi 3'"),
    ('a.avi', 'line 1 is not <file> 0, 1 or 2'),
    ('\na.avi 1\na.avi 2', "line 3: video 'brush_hair/a' is that of line 2"),
    ('../../a.avi 1', 'line 1: path .* must lead to a file in the folder'),
    ('', 'is empty'),
  ],
)
def test_malformed_lists_are_named_with_their_line(tmp_path, text, message):
  layout = miniatures.hmdb51(tmp_path)
  (layout.annotations / 'brush_hair_test_split1.txt').write_text(text)
  with pytest.raises(errors.InputError, match=rf'split1\.txt: {message}'):
    hmdb51.read(layout.request())


def test_missing_lists_are_named(tmp_path):
  with pytest.raises(errors.InputError, match=r'no \*_test_split2\.txt; see'):
    hmdb51.read(
      data_set.Request(
        videos_dir=tmp_path, annotations=tmp_path, split_number=2
      )
    )
