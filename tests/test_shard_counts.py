"""A shard that lost records is told from a whole one, and foreign files too."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.records import framing, shard_counts, shard_folder, shards


def sample(sample_id, label):
  return data_set.Sample(id=sample_id, path=f'{sample_id}.webm', label=label)


SAMPLES = [sample(str(i), 'a') for i in range(101)]
PLAN = shards.plan('train', SAMPLES, shard_size=50)  # Of 34, 34 and 33.
NAMES = [shard.name for shard in PLAN]


def with_records(count, torn=None):
  return framing.Framing(list(range(count)), torn)


@pytest.fixture(name='folder')
def make_folder(tmp_path):
  """What preprocessing leaves beside the shards: two videos failed."""
  folder = shard_folder.ShardFolder(tmp_path)
  folder.remember_parameters({'frames_per_second': 25}, ['a'], {'train': PLAN})
  folder.record_failures(
    PLAN[1],
    [
      shard_counts.LackingVideo(sample, 'why')
      for sample in PLAN[1].samples[3:5]
    ],
  )
  return tmp_path


def check(folder, *counts, torn=None):
  framings = dict(zip(NAMES, map(with_records, counts)))
  if torn is not None:
    framings[NAMES[-1]] = with_records(counts[-1], torn)
  shard_counts.check(folder, shard_counts.expected(folder, NAMES), framings)


def test_a_shard_has_a_record_of_each_video_that_did_not_fail(folder):
  assert shard_counts.expected(folder, NAMES) == {
    NAMES[0]: (34, 34),
    NAMES[1]: (32, 34),
    NAMES[2]: (33, 33),
  }
  check(folder, 34, 32, 33)
  check(folder, 34, 34, 33)  # Killed before the failures were forgotten.


@pytest.mark.parametrize(
  ('counts', 'torn', 'message'),
  [
    (
      (0, 32, 33),
      None,
      f'{NAMES[0]}.tfrecord: has 0 records instead of 34; run',
    ),
    ((34, 31, 33), None, f'{NAMES[1]}.tfrecord: has 31 records instead of 32'),
    ((34, 35, 33), None, f'{NAMES[1]}.* has 35 records and was made of 34 vid'),
    ((34, 32, 33), 99, f'{NAMES[2]}.tfrecord: breaks off at byte 99; run'),
    (
      (33, 32, 0),
      None,
      f'{NAMES[0]}.* of 34, and 1 other shards are not whole',
    ),
  ],
)
def test_a_shard_without_all_its_records_is_named(
  folder, counts, torn, message
):
  with pytest.raises(errors.InputError, match=message):
    check(folder, *counts, torn=torn)


def test_shards_of_another_run_are_named(folder):
  with pytest.raises(
    errors.InputError, match='of-00002.tfrecord: .* of 3 train'
  ):
    shard_counts.expected(folder, ['train-00000-of-00002'])


def test_what_a_folder_does_not_know_is_not_checked_and_that_is_said(
  folder, caplog
):
  caplog.set_level('INFO')
  check(folder, 34, 32, 33)
  assert not caplog.text
  name = 'test-00000-of-00001'
  assert shard_counts.expected(folder, [name]) == {}
  shard_counts.check(folder, {}, {name: with_records(1)})
  assert 'no parameters.json tells how many records' in caplog.text
  (folder / 'parameters.json').unlink()
  caplog.clear()
  check(folder, 1, 1, 1)
  assert 'no parameters.json tells how many records' in caplog.text


GOOD = {'videos': 101, 'shards': 3, 'sha256': ''}


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('{"train": ', 'line 1'),
    ('[]', 'not a JSON object; copy it back'),
    ('{"train": 3}', "'train' is not an object; copy it back"),
    ('{"classes": [1]}', "'classes' is not an object"),
    ('{"parameters": "25"}', "'parameters' is not an object"),
    ('{"schema_version": 3}', 'written by a newer program'),
    ('{"schema_version": 1}', 'older version'),
    ('{}', 'older version'),
    ('{"schema_version": 0}', "'schema_version' is not a version"),
    ('{"schema_version": "1"}', "'schema_version' is not a version"),
    (json.dumps({'train': {**GOOD, 'videos': True}}), "'videos' of 'train'"),
    (json.dumps({'train': {**GOOD, 'videos': 3.0}}), "'videos' of 'train'"),
    (json.dumps({'train': {**GOOD, 'shards': -3}}), "'shards' of 'train'"),
    (json.dumps({'test': {'videos': 3}}), "'shards' of 'test' is not a number"),
    ('{"train": {}, "train": {}}', "'train' stands twice"),
  ],
)
def test_parameters_that_are_malformed_are_refused(folder, content, message):
  (folder / 'parameters.json').write_text(content)
  with pytest.raises(errors.InputError, match=message) as error:
    shard_counts.expected(folder, NAMES)
  assert str(error.value).startswith(f'{folder}/parameters.json: ')


@pytest.mark.parametrize(
  ('line', 'message'),
  [
    ('{"id": "3"', 'line 2 is not JSON'),
    ('', 'line 2 is not JSON'),
    ('"3"', 'line 2 names no video of this shard'),
    (f'{{"id": 3, "shard": "{NAMES[1]}"}}', 'line 2 names no video'),
    (f'{{"id": "3", "shard": "{NAMES[0]}"}}', 'line 2 names no video'),
    ('{"id": "3", "id": "3"}', 'stands twice'),
  ],
)
def test_failures_that_are_malformed_are_refused(folder, line, message):
  path = folder / 'failures' / f'{NAMES[1]}.jsonl'
  lines = path.read_text().splitlines()
  path.write_text(f'{lines[0]}\n{line}\n{lines[1]}\n')
  with pytest.raises(errors.InputError, match=message) as error:
    shard_counts.expected(folder, NAMES)
  assert str(error.value).startswith(f'{path}: ')
  assert str(error.value).endswith(
    f'; remove it and {NAMES[1]}.tfrecord, and preprocess again'
  )


JSON = st.recursive(
  st.none()
  | st.booleans()
  | st.integers()
  | st.floats()
  | st.text(max_size=5)
  | st.sampled_from(['train', 'videos', 'shards', 'id', 'shard', NAMES[1]]),
  lambda children: (
    st.lists(children, max_size=3)
    | st.dictionaries(
      st.sampled_from(['train', 'test', 'videos', 'shards', 'id', 'shard']),
      children,
      max_size=4,
    )
  ),
  max_leaves=8,
)
FILES = (
  st.binary(max_size=60)
  | JSON.map(lambda value: json.dumps(value).encode())
  | st.lists(JSON.map(json.dumps), max_size=3).map(
    lambda lines: '\n'.join(lines).encode()
  )
)


@pytest.mark.parametrize(
  'examples', [50, pytest.param(50_000, marks=pytest.mark.slow)]
)
def test_no_content_of_the_files_is_a_traceback(tmp_path, examples):
  (tmp_path / 'failures').mkdir()
  parameters = tmp_path / 'parameters.json'
  failures = tmp_path / 'failures' / f'{NAMES[1]}.jsonl'
  good = {'schema_version': 2, 'train': {**GOOD}}

  @settings(max_examples=examples, deadline=None)
  @example(b'{"train": {"videos": 1' + b'0' * 400 + b', "shards": 3}}')
  @example(b'[' * 100_000)
  @given(FILES)
  def check(content):
    parameters.write_bytes(content)
    failures.unlink(missing_ok=True)
    expect_counts_or_one_line(tmp_path)
    parameters.write_text(json.dumps(good))
    failures.write_bytes(content)
    expect_counts_or_one_line(tmp_path)

  check()


def expect_counts_or_one_line(folder):
  try:
    counts = shard_counts.expected(folder, NAMES)
  except errors.InputError as error:
    assert str(error).startswith(str(folder)) and '\n' not in str(error)
  else:
    assert all(0 <= least <= most for least, most in counts.values())
