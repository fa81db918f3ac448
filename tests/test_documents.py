"""Text, JSON and CSV are read strictly, and mistakes named with their line."""

import json
import os
import re

import pytest

from two_stream import documents, errors


@pytest.fixture(name='path')
def make_path(tmp_path):
  return tmp_path / 'file'


def test_a_byte_order_mark_is_passed_over(path):
  path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
  assert documents.read_text(path) == '{"a": 1}'
  assert documents.read_json(path) == {'a': 1}


def test_bytes_that_are_no_text_are_named_with_their_line(path):
  path.write_bytes(b'a\nb\n\xff\n')
  with pytest.raises(errors.InputError, match='file: line 3 is not UTF-8'):
    documents.read_text(path)


def test_a_file_that_is_too_large_is_not_read(path, monkeypatch):
  monkeypatch.setattr(documents, 'MAX_BYTES', 4)
  path.write_text('four')
  assert documents.read_text(path) == 'four'
  path.write_text('fives')
  with pytest.raises(errors.InputError, match='file: larger than'):
    documents.read_text(path)


def test_what_is_no_regular_file_is_refused(path):
  with pytest.raises(errors.InputError, match='file: cannot be read'):
    documents.read_text(path)
  os.mkfifo(path)  # Whoever opened it would wait.
  with pytest.raises(errors.InputError, match='is not a regular file'):
    documents.read_text(path)


def test_lines_end_in_lf_or_crlf_alone(path):
  path.write_bytes('a\x0b\x0c\x1c\x85\u2028\u2029\rb\r\n\nc'.encode())
  assert documents.read_lines(path) == [
    'a\x0b\x0c\x1c\x85\u2028\u2029\rb',
    '',
    'c',
  ]
  path.write_bytes(b'')
  assert documents.read_lines(path) == []


def test_json_is_read():
  text = '{"a": [1, -2.5, true, null, "\\ud83d\\ude00", 1e300]}'
  assert documents.parse_json(text, 'x') == {
    'a': [1, -2.5, True, None, '😀', 1e300]
  }


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'line 1 is not JSON: Expecting value'),
    ('{\n"a": 1,\n}', 'line [23] is not JSON'),
    ('[1]\n[2]', 'line 2 is not JSON: Extra data'),
    ('{"a": 1,\n"b": {"a": 2},\n"a": 3}', "line 3: the key 'a' stands twice"),
    ('[{"a": 1},\n{"a": 1, "\\u0061": 2}]', "line 2: the key 'a' stands twice"),
    ('[1,\nNaN]', 'line 2: NaN is no JSON number'),
    ('[1,\n-Infinity]', 'line 2: -Infinity is no JSON number'),
    ('["1e999",\n1e999]', "line 2: the number '1e999' is too large"),
    (f'[\n-{"9" * 5000}]', "line 2: the number '-9+.*' is too large"),
    ('["\\n",\n"\\ud800"]', 'line 2: .*half of a surrogate pair'),
    ('{"a":\n"\udc80"}', 'line 2: .*half of a surrogate pair'),
    # Of several faults the first is told, though the reader meets it last.
    ('{"a": 1,\n"a": {"b":\nNaN}}', "line 2: the key 'a' stands twice"),
    ('{"a": "\\ud800",\n"a": 1}', 'line 1: .*half of a surrogate pair'),
    ('[' * 100_000, 'nested too deeply'),
  ],
)
def test_json_that_is_refused_is_named_with_its_line(text, message):
  with pytest.raises(errors.InputError, match=f'^TF_CONFIG: {message}'):
    documents.parse_json(text, 'TF_CONFIG')


def test_json_of_names_that_are_no_text_can_be_read_again():
  name = os.fsdecode(b'x\xff')
  value = {name: [name, 'é"', 3, None], 'a': {'b': (True, '\ud800')}}
  text = documents.to_json(value)
  assert documents.parse_json(text, 'x') == {
    'x\\udcff': ['x\\udcff', 'é"', 3, None],
    'a': {'b': [True, '\\ud800']},
  }


@pytest.mark.parametrize('indent', [None, 2])
def test_json_keeps_letters_and_escapes_what_is_not_printable(indent):
  value = {'é': ['a\\b', 1.5, {}, None], 'c': {'\U0001f600 猫': (True, -1)}}
  text = documents.to_json(value, indent)
  assert text == json.dumps(value, indent=indent, ensure_ascii=False)
  # An end of a line, DEL, the start of an escape sequence, and a character that
  # turns the direction of writing.
  value = ['\n\x7f\x1b\x9b\u2028\u202e\U000e0001']
  text = documents.to_json(value, indent)
  assert text == json.dumps(value, indent=indent)


def test_csv_is_read_with_its_line_numbers(path):
  path.write_bytes(b'\xef\xbb\xbf1;"a;b"\r\n2;"c\nd"\r\n3;e')
  assert documents.read_csv(path, ';') == [
    (1, ['1', 'a;b']),
    (3, ['2', 'c\nd']),
    (4, ['3', 'e']),
  ]
  path.write_bytes(b'')
  assert documents.read_csv(path) == []


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('1,a\n2\n', 'line 2 has 1 field'),
    ('1,a\n2,b,c\n', 'line 2 has 3 fields'),
    ('1,a\n\n2,b\n', 'line 2 is blank'),
    ('1,a\n\n', 'line 2 is blank'),
    ('\n1,a\n', 'line 1 is blank'),
    ('1,a\n2,"b', 'line 2 is not CSV'),
    ('1,a\n2,"b"c\n', 'line 2 is not CSV'),
    ('1,a\n2,b\rc\n', 'line 2 is not CSV'),
    (f'1,a\n2,{"b" * 200_000}\n', 'line 2 is not CSV'),
  ],
)
def test_csv_that_is_refused_is_named_with_its_line(path, text, message):
  path.write_bytes(text.encode())
  named = f'^{re.escape(str(path))}: {message}'
  with pytest.raises(errors.InputError, match=named):
    documents.read_csv(path)


@pytest.mark.parametrize('value', [0, 7, '0', '7', '173', '9' * 18])
def test_whole_numbers_are_read(value):
  assert documents.whole_number(value, 'x') == int(value)


@pytest.mark.parametrize(
  'value',
  [
    *('', '-1', '+1', ' 1', '1 ', '1\n', '01', '1_000', '1.0', '1e3', '0x1'),
    *('\u0661', '\u00b2', '9' * 19, '9' * 5000, 'x'),  # Arabic 1, squared.
    *(-1, 10**18, 0.9, 1.0, True, None, [1], {}),
  ],
)
def test_what_python_alone_takes_for_a_whole_number_is_refused(value):
  with pytest.raises(errors.InputError, match='^x: .* is not a whole number'):
    documents.whole_number(value, 'x')


def test_values_are_quoted_on_one_short_line():
  assert documents.quote('a class') == "'a class'"
  for value in ('x' * 10_000, ['\n'] * 10_000, [[[[[[[[1]]]]]]]]):
    quoted = documents.quote(value)
    assert quoted.isprintable()
    assert len(quoted) < 300


def test_a_small_file_may_have_a_small_limit(tmp_path):
  path = tmp_path / 'a.json'
  path.write_text('[1, 2]')
  assert documents.read_json(path, max_bytes=6) == [1, 2]
  with pytest.raises(errors.InputError, match='larger than 0 MiB'):
    documents.read_json(path, max_bytes=5)
