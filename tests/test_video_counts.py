"""How many videos of a split were there."""

import json

import pytest

from two_stream import errors
from two_stream.evaluation import video_counts


@pytest.fixture(name='folder')
def make_folder(tmp_path):
  """Of 19 listed videos, 2 are missing and 1 failed; train has others."""
  count = {'videos': 19, 'shards': 2, 'sha256': ''}
  made = {'schema_version': 2, 'train': count, 'validation': count}
  (tmp_path / 'parameters.json').write_text(json.dumps(made))
  (tmp_path / 'failures').mkdir()
  write(tmp_path, 'train-00000-of-00002', {'id': 'x', 'missing': True})
  write(
    tmp_path,
    'validation-00000-of-00002',
    {'id': 'a', 'missing': True},
    {'id': 'b', 'reason': 'damaged'},
  )
  write(tmp_path, 'validation-00001-of-00002', {'id': 'c', 'missing': True})
  return tmp_path


def write(folder, shard, *entries):
  (folder / 'failures' / f'{shard}.jsonl').write_text(
    ''.join(f'{json.dumps({**entry, "shard": shard})}\n' for entry in entries)
  )


def test_videos_are_listed_missing_or_failed(folder):
  counts = video_counts.of_split(folder, 'validation')
  assert counts == (19, 2, 1)
  assert counts.line('validation') == (
    'validation: 16 of 19 videos (2 missing, 1 failed)'
  )


def test_records_of_other_programs_do_not_tell(folder):
  assert video_counts.of_split(folder, 'test') is None
  assert video_counts.of_split(folder / 'failures', 'train') is None


def test_a_damaged_list_of_failures_is_named(folder):
  path = folder / 'failures' / 'validation-00001-of-00002.jsonl'
  path.write_text('{}\n')
  with pytest.raises(errors.InputError, match='00001.*line 1'):
    video_counts.of_split(folder, 'validation')
