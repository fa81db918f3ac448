"""A label map reads back, and mistakes in it are named."""

import pytest

from two_stream import errors
from two_stream.datasets import label_map


def test_a_label_map_reads_back(tmp_path):
  names = ['Dropping something', 'Folding «something»']
  path = tmp_path / 'label_map.txt'
  path.write_text(label_map.to_text(names), encoding='utf-8')
  assert label_map.read(path) == names


@pytest.mark.parametrize(
  'content',
  [b'a\nb c\n', b'a\nb c', b'a\r\nb c\r\n', b'\xef\xbb\xbfa\nb c\n'],
)
def test_a_label_map_may_come_from_another_editor(tmp_path, content):
  path = tmp_path / 'label_map.txt'
  path.write_bytes(content)
  assert label_map.read(path) == ['a', 'b c']


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('', 'has no class names'),
    ('a\n\nb\n', 'line 2: a class name is blank'),
    ('a\nb\n\n', 'line 3: a class name is blank'),
    ('a\n \nb\n', 'line 2: a class name is blank'),
    ('a\nb \n', 'line 2: a class name begins or ends with a blank'),
    (' a\nb\n', 'line 1: a class name begins or ends with a blank'),
    ('a\nb\na\n', "line 3: class name 'a' is that of line 1 already"),
    *(
      (f'a\nb{character}c\n', f'line 2: a class name has U\\+{code}, which')
      for character, code in {
        '\0': '0000',
        '\t': '0009',
        '\x1b': '001B',
        '\x85': '0085',
        '\xa0': '00A0',
        '\u200b': '200B',
        '\u2028': '2028',
        '\u202e': '202E',
        '\u2066': '2066',
        '\ufeff': 'FEFF',
        '\U000e0001': 'E0001',
      }.items()
    ),
    ('a\nb\rc\n', r'line 2: a class name has U\+000D, which'),
  ],
)
def test_a_label_map_that_is_refused_is_named_with_its_line(
  tmp_path, content, message
):
  path = tmp_path / 'label_map.txt'
  path.write_bytes(content.encode())
  with pytest.raises(errors.InputError, match=f'label_map.txt: {message}'):
    label_map.read(path)
