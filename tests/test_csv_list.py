"""A CSV file lists one's own videos, or parts of them."""

import miniatures
import pytest

from two_stream import errors
from two_stream.datasets import csv_list, data_set


def read(folder, text, **options):
  (folder / 'list.csv').write_text(text, encoding='utf-8')
  return csv_list.read(
    data_set.Request(
      videos_dir=folder, annotations=folder / 'list.csv', **options
    )
  )


def test_paths_labels_splits_and_times_are_read(tmp_path):
  found = csv_list.read(miniatures.csv_list(tmp_path).request())
  assert found.class_names == ('pouring, slowly', 'stirring')
  sample = data_set.Sample
  assert found.splits == {
    'train': [
      sample(
        id='any where/one [1].mp4@0-0.8',
        path='any where/one [1].mp4',
        label='pouring, slowly',
        start=0,
        end=0.8,
      ),
      sample(
        id='any where/one [1].mp4@0.8-1.6',
        path='any where/one [1].mp4',
        label='stirring',
        start=0.8,
        end=1.6,
      ),
    ],
    'validation': [
      sample(
        id='any where/two.webm', path='any where/two.webm', label='stirring'
      )
    ],
    'test': [sample(id='any where/3.avi', path='any where/3.avi', label=None)],
  }


def test_columns_are_found_by_their_names(tmp_path, caplog):
  found = read(tmp_path, 'END,Label , path,note\n3,a,x.mp4,hm\n,b,-y,\n')
  found = [each for split in found.splits.values() for each in split]
  assert sorted((each.id, each.start, each.end) for each in found) == [
    ('-y', None, None),
    ('x.mp4@-3', None, 3.0),
  ]
  assert "columns that are not used: ['note']" in caplog.text


def test_without_splits_labelled_videos_are_divided(tmp_path):
  rows = ''.join(f'{i}.mp4,{i % 2}\n' for i in range(20))
  found = read(tmp_path, f'path,label\n{rows}x.mp4,\n', validation_share=0.2)
  assert {split: len(each) for split, each in found.splits.items()} == {
    'train': 16,
    'validation': 4,
    'test': 1,
  }
  found = read(tmp_path, f'path,label\n{rows}', validation_share=0)
  assert list(found.splits) == ['train']


def test_a_list_of_test_videos_needs_no_labels(tmp_path):
  found = read(tmp_path, 'path\na.mp4\nb\n', class_names=('x', 'y'))
  assert [each.label for each in found.splits['test']] == [None, None]
  with pytest.raises(errors.InputError, match='the classes are not known; see'):
    read(tmp_path, 'path\na.mp4\nb\n')


@pytest.mark.parametrize(
  ('rows', 'lines'),
  [
    ('x,a,,\nx,b,1,2\n', '(1): lines 2 and 3'),
    (
      'x,a,1,3\nx,b,2,4\ny,b,2,4\nx,a,8,\nx,c,9,10\n',
      '(2): lines 2 and 3, 5',
    ),
    ('x,a,0,9\nx,a,1,2\nx,c,2,3\n', '(1): lines 2 and 4'),
    ('x,a,1,\nx,b,,1.5\n', '(1): lines 2 and 3'),
    ('x,a,1,2\nx,b,2,3\nx,a,,\n', '(1): lines 3 and 4'),
    ('x,a,1,2\nx,b,2,3\nx,b,2.5,4\ny,c,1,2\n', None),
    ('x,a,,\nx,a,1,2\n', None),
  ],
)
def test_seconds_with_several_labels_are_said(tmp_path, caplog, rows, lines):
  read(tmp_path, f'path,label,start,end\n{rows}')
  if lines is None:
    assert not caplog.records
  else:
    assert f'have different labels {lines}' in caplog.text


@pytest.mark.parametrize(
  ('name', 'split'),
  [('val', 'validation'), ('Valid', 'validation'), ('TRAIN', 'train')],
)
def test_splits_have_several_names(tmp_path, name, split):
  found = read(tmp_path, f'path,label,split\na,b,{name}\n')
  assert list(found.splits) == [split]


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'has no rows below a header'),
    ('path,label\n', 'has no rows below a header'),
    (
      'a.mp4,b\nc.mp4,d\n',
      'line 1 has no column path; the header is path,label',
    ),
    ('path,path\na,b\n', "column 2: the name 'path' is that of column 1"),
    ('path,label\n/etc/x,b\n', "line 2: path '/etc/x': must lead to a file"),
    ('path,label\na,b\n../x,b\n', r"line 3: path '\.\./x': must lead to a"),
    ('path,label\n,b\n', 'line 2: path .*: must lead to a file'),
    ('path,label\na\tb,b\n', "line 2: id '.*': an id has 1 to 1000"),
    ('path,label\na,b\n./a,b\n', "line 3: video 'a' is that of line 2"),
    ('path,label\na,b \n', 'line 2: a class name begins or ends'),
    ('path,label,split\na,b,dev\n', "line 2: 'dev' is not train, validation"),
    ('path,label,split\na,b,\n', 'line 2: the split is blank'),
    ('path,label,split\na,,train\n', 'line 2: has no label, which only'),
    ('path,label,split\na,,val\n', 'line 2: has no label, which only'),
    ('path,label,start,end\na,b,2,1\n', 'line 2: the end is not after'),
    ('path,label,start,end\na,b,1,1\n', 'line 2: the end is not after'),
    ('path,label,end\na,b,0\n', 'line 2: the end is not after'),
    *(
      (
        f'path,label,start\na,b,{time}\n',
        'line 2: start: .* is not a number of seconds',
      )
      for time in ('-1', 'nan', 'inf', '1e3', '0:12', '1' * 30, '\u0661', '1.')
    ),
  ],
)
def test_malformed_lists_are_named_with_their_line(tmp_path, text, message):
  with pytest.raises(errors.InputError, match=rf'list\.csv: {message}'):
    read(tmp_path, text)
