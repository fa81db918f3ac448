"""Something-Something's label files are read, and mistakes in them named."""

import json
import os

import pytest

from two_stream import errors
from two_stream.datasets import data_set, something_something

CLASSES = {'Holding something': '1', 'Dropping something': '0'}
ENTRY = {
  'id': '74225',
  'label': 'holding a mug',
  'template': 'Holding [something]',
  'placeholders': ['a mug'],
}


def write_json(path, content):
  path.write_text(json.dumps(content), encoding='utf-8')


@pytest.mark.parametrize('prefix', ['', 'something-something-v2-'])
def test_both_namings_are_read(tmp_path, prefix):
  write_json(tmp_path / f'{prefix}labels.json', CLASSES)
  write_json(tmp_path / f'{prefix}train.json', [ENTRY])
  assert something_something.read_class_names(tmp_path) == [
    'Dropping something',
    'Holding something',
  ]
  assert something_something.read_samples(tmp_path, 'train') == [
    data_set.Sample(id='74225', path='74225.webm', label='Holding something')
  ]


def test_test_videos_have_a_label_where_answers_were_published(tmp_path):
  write_json(tmp_path / 'test.json', [{'id': '1'}, {'id': '2'}])
  assert something_something.read_samples(tmp_path, 'test') == [
    data_set.Sample(id='1', path='1.webm', label=None),
    data_set.Sample(id='2', path='2.webm', label=None),
  ]
  (tmp_path / 'test-answers.csv').write_text('1;Holding [something]\n')
  assert something_something.read_samples(tmp_path, 'test') == [
    data_set.Sample(id='1', path='1.webm', label='Holding something'),
    data_set.Sample(id='2', path='2.webm', label=None),
  ]


def test_an_empty_template_is_no_missing_one(tmp_path):
  write_json(tmp_path / 'train.json', [{'id': '1', 'template': ''}])
  assert something_something.read_samples(tmp_path, 'train') == [
    data_set.Sample(id='1', path='1.webm', label='')
  ]
  write_json(tmp_path / 'test.json', [{'id': '1', 'template': 5}])
  with pytest.raises(errors.InputError, match='entry 0 has no "template"'):
    something_something.read_samples(tmp_path, 'test')


def test_test_videos_that_lack_an_answer_are_counted(tmp_path, caplog):
  write_json(tmp_path / 'test.json', [{'id': '1'}, {'id': '2'}, {'id': '3'}])
  (tmp_path / 'test-answers.csv').write_text('1;a\n02;b\n')
  something_something.read_samples(tmp_path, 'test')
  assert 'test-answers.csv: has no answer for 2 of 3 videos' in caplog.text


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('1;a;b\n', 'line 1 has 3 fields'),
    ('1;a\n2\n', 'line 2 has 1 field'),
    ('1;a\n\n2;a\n', 'line 2 is blank'),
    ('1;a\n2;\n', 'line 2: a class name is blank'),
    ('1;a\n2;b \n', 'line 2: a class name begins or ends with a blank'),
    ('1;a\n2;b\tc\n', r'line 2: a class name has U\+0009'),
    ('1;a\n2;b\n1;b\n', "line 3: id '1' is that of line 1 already"),
  ],
)
def test_malformed_answers_are_named_with_their_line(
  tmp_path, content, message
):
  write_json(tmp_path / 'test.json', [{'id': '1'}])
  (tmp_path / 'test-answers.csv').write_text(content)
  with pytest.raises(errors.InputError, match=f'answers.csv: {message}'):
    something_something.read_samples(tmp_path, 'test')


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('[\n{', 'train.json: line 2 is not JSON'),
    ('[' * 100_000, 'train.json: nested too deeply'),
    ('[{"id": "1",\n"id": "2"}]', "line 2: the key 'id' stands twice"),
    ('{"id": "1"}', 'train.json: not a list'),
    ('[1]', 'train.json: entry 0 has no "id"'),
    ('[{"id": 5, "template": "a"}]', 'entry 0 has no "id" string'),
    ('[{"id": "5"}]', 'train.json: entry 0 has no "template"'),
    ('[{"id": "5", "template": ["a"]}]', 'entry 0 has no "template"'),
    (
      json.dumps([{**ENTRY, 'id': '1'}, ENTRY, ENTRY]),
      "train.json: entry 2: id '74225' is that of entry 1 already",
    ),
  ],
)
def test_malformed_splits_are_named(tmp_path, content, message):
  (tmp_path / 'train.json').write_text(content)
  with pytest.raises(errors.InputError, match=message):
    something_something.read_samples(tmp_path, 'train')


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('[]', 'not an object of class name -> index'),
    ('{}', 'not an object of class name -> index'),
    ('{"a": 0,\n"a": 1}', "line 2: the key 'a' stands twice"),
    ('{"\\ud800": 0}', 'line 1: text with half of a surrogate pair'),
    ('{"": 0}', "key '': a class name is blank"),
    ('{" ": 0}', "key ' ': a class name is blank"),
    ('{"[]": 0}', r"key '\[\]': a class name is blank"),
    ('{"a ": 0}', "key 'a ': a class name begins or ends with a blank"),
    ('{"[ a]": 0}', 'a class name begins or ends with a blank'),
    ('{"a\\nb": 0}', r'a class name has U\+000A, which is not printable'),
    ('{"a\\u202eb": 0}', r'a class name has U\+202E, which is not printable'),
    ('{"a": 0, "[a]": 1}', r"key '\[a\]': class name 'a' is that of key 'a'"),
    ('{"a": 0, "b": 0}', "class 'b': index 0 is that of class 'a' already"),
    ('{"a": 1, "b": 2}', 'the indices are not 0 to 1'),
    *(
      (f'{{"a": {index}}}', 'the number .* is too large')
      for index in ('1e999', '9' * 5000)
    ),
    *(
      (f'{{"a": {index}}}', "class 'a': .* is not a whole number")
      for index in (
        *('"x"', 'null', '0.9', '0.0', 'true', '" 0"', '"0_0"', '"00"'),
        *('"\u0660"', '[0]', '-1', '1' * 30),
      )
    ),
  ],
)
def test_malformed_class_lists_are_named(tmp_path, content, message):
  (tmp_path / 'labels.json').write_text(content, encoding='utf-8')
  with pytest.raises(errors.InputError, match=rf'labels\.json: .*{message}'):
    something_something.read_class_names(tmp_path)


@pytest.mark.parametrize('bom', [b'', b'\xef\xbb\xbf'])
def test_indices_are_numbers_or_their_digits_and_a_mark_may_precede(
  tmp_path, bom
):
  content = b'{"[b]": 1, "a": "0", "c d": "2"}'
  (tmp_path / 'labels.json').write_bytes(bom + content)
  assert something_something.read_class_names(tmp_path) == ['a', 'b', 'c d']


def test_labels_are_read_anew_when_time_and_size_stay(tmp_path):
  path = tmp_path / 'labels.json'
  path.write_text('{"a": "0", "b": "1"}')
  status = path.stat()
  assert something_something.read_class_names(tmp_path) == ['a', 'b']
  path.write_text('{"b": "0", "a": "1"}')
  os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
  assert path.stat().st_size == status.st_size
  assert something_something.read_class_names(tmp_path) == ['b', 'a']


def test_missing_files_are_named_under_both_names(tmp_path):
  with pytest.raises(
    errors.InputError,
    match=r'something-something-v2-labels\.json or labels\.json',
  ):
    something_something.read_class_names(tmp_path)
  with pytest.raises(errors.InputError, match=r'validation\.json'):
    something_something.read_samples(tmp_path, 'validation')


def test_bytes_that_are_no_text_are_named(tmp_path):
  (tmp_path / 'labels.json').write_bytes(b'\xff\xfe')
  with pytest.raises(errors.InputError, match=r'labels\.json: line 1 is not'):
    something_something.read_class_names(tmp_path)
