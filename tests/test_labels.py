"""Something-Something's label files are read, and mistakes in them named."""

import json

import pytest

from two_stream import errors, labels

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
  assert labels.read_class_names(tmp_path) == [
    'Dropping something',
    'Holding something',
  ]
  assert labels.read_samples(tmp_path, 'train') == [
    labels.Sample('74225', 'Holding something')
  ]


def test_test_videos_have_a_label_where_answers_were_published(tmp_path):
  write_json(tmp_path / 'test.json', [{'id': '1'}, {'id': '2'}])
  assert labels.read_samples(tmp_path, 'test') == [
    labels.Sample('1', None),
    labels.Sample('2', None),
  ]
  (tmp_path / 'test-answers.csv').write_text('1;Holding [something]\n')
  assert labels.read_samples(tmp_path, 'test') == [
    labels.Sample('1', 'Holding something'),
    labels.Sample('2', None),
  ]
  (tmp_path / 'test-answers.csv').write_text('1;a;b\n')
  with pytest.raises(errors.InputError, match='answers.csv: line 1'):
    labels.read_samples(tmp_path, 'test')


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('{', 'train.json: not JSON'),
    ('[' * 100_000, 'train.json: not JSON'),
    ('{"id": "1"}', 'train.json: not a list'),
    ('[1]', 'train.json: entry 0 has no "id"'),
    ('[{"id": 5, "template": "a"}]', 'entry 0 has no "id" string'),
    ('[{"id": "5"}]', 'train.json: entry 0 has no "template"'),
    ('[{"id": "5", "template": ["a"]}]', 'entry 0 has no "template"'),
    (json.dumps([ENTRY, ENTRY]), 'train.json: an id stands in it more'),
  ],
)
def test_malformed_splits_are_named(tmp_path, content, message):
  (tmp_path / 'train.json').write_text(content)
  with pytest.raises(errors.InputError, match=message):
    labels.read_samples(tmp_path, 'train')


@pytest.mark.parametrize(
  'content',
  [
    '[]',
    '{}',
    '{"a\\nb": 0}',
    '{"\\ud800": 0}',
    '{"a": "x"}',
    '{"a": null}',
    '{"a": "1"}',
    '{"a": 0, "b": 0}',
  ],
)
def test_malformed_class_lists_are_named(tmp_path, content):
  (tmp_path / 'labels.json').write_text(content)
  with pytest.raises(errors.InputError, match=r'labels\.json: '):
    labels.read_class_names(tmp_path)


def test_missing_files_are_named_under_both_names(tmp_path):
  with pytest.raises(
    errors.InputError,
    match=r'something-something-v2-labels\.json or labels\.json',
  ):
    labels.read_class_names(tmp_path)
  with pytest.raises(errors.InputError, match=r'validation\.json'):
    labels.read_samples(tmp_path, 'validation')


def test_bytes_that_are_no_text_are_named(tmp_path):
  (tmp_path / 'labels.json').write_bytes(b'\xff\xfe')
  with pytest.raises(errors.InputError, match=r'labels\.json: cannot be read'):
    labels.read_class_names(tmp_path)


@pytest.mark.parametrize(
  'bad',
  ['', '../x', '/etc/x', 'a/b', 'a\0b', '..', '-x', 'a b', '1\n', 'x' * 999],
)
def test_ids_that_could_be_paths_are_refused(bad):
  with pytest.raises(errors.InputError, match='^id '):
    labels.check_id(bad)


def test_plain_ids_pass():
  assert labels.check_id('78687') == '78687'
  assert labels.check_id('video_0001-a') == 'video_0001-a'


def test_a_label_map_reads_back(tmp_path):
  names = ['Dropping something', 'Folding «something»']
  path = tmp_path / 'label_map.txt'
  path.write_text(labels.format_label_map(names), encoding='utf-8')
  assert labels.read_label_map(path) == names


@pytest.mark.parametrize('content', ['', 'a\n\nb\n'])
def test_a_label_map_has_one_name_a_line(tmp_path, content):
  path = tmp_path / 'label_map.txt'
  path.write_text(content)
  with pytest.raises(errors.InputError, match='label_map'):
    labels.read_label_map(path)


def test_flips_pair_left_with_right_and_leave_the_others():
  names = [
    'Pulling something from left to right',
    'Putting something upright on the table',
    'Turning the camera right while filming something',
    'Pulling something from right to left',
    'Pushing something from right to left',
    'Turning the camera left while filming something',
    'Pushing something from left to right',
  ]
  assert labels.mirrored_classes(names) == [3, 1, 5, 0, 6, 2, 4]


def test_a_class_without_its_mirror_image_cannot_be_flipped():
  with pytest.raises(errors.InputError, match='from right to left'):
    labels.mirrored_classes(['Pulling something from left to right'])
