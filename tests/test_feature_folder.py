"""A folder of features remembers what it was made from."""

import dataclasses
import json

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import (
  feature_file,
  feature_folder,
  feature_settings,
)
from two_stream.preprocessing import task_share

SETTINGS = feature_settings.FeatureSettings(
  eval_type='rgb', checkpoints={'rgb': 'abc'}
)


def open_folder(path, settings=SETTINGS, **share):
  return feature_folder.FeatureFolder(
    path, settings, task_share.TaskShare(**share)
  )


def write(folder, video_id, source):
  writer = feature_file.FeatureWriter(folder.path(video_id))
  writer.add([0], [0.0], {'rgb': np.zeros((1, 2), np.float32)})
  writer.write(folder.how(source=source))
  writer.close()


def test_a_file_counts_for_the_same_settings_and_content(tmp_path):
  folder = open_folder(tmp_path / 'a')
  assert folder.path('x/y') == tmp_path / 'a' / 'x' / 'y.npz'
  assert not folder.is_done('x/y', {'bytes': 3})
  write(folder, 'x/y', {'bytes': 3, 'id': '\udcff'})
  folder.close()
  folder = open_folder(tmp_path / 'a')
  assert folder.is_done('x/y', {'bytes': 3, 'id': '\udcff'})
  assert not folder.is_done('x/y', {'bytes': 4, 'id': '\udcff'})
  folder.path('x/y').write_bytes(b'damaged')
  assert not folder.is_done('x/y', {'bytes': 3, 'id': '\udcff'})


def test_other_settings_are_refused_in_one_line(tmp_path):
  folder = open_folder(tmp_path)
  write(folder, 'a', {})
  folder.close()
  other = dataclasses.replace(SETTINGS, window_frames=16)
  message = 'settings.json: .*window_frames was 64 and is 16 now.*another --out'
  with pytest.raises(errors.InputError, match=message):
    open_folder(tmp_path, other)
  (tmp_path / 'settings.json').unlink()
  folder = open_folder(tmp_path, other)
  with pytest.raises(errors.InputError, match='a.npz: the features were made'):
    folder.is_done('a', {})
  (tmp_path / 'settings.json').write_text('[]')
  folder.close()
  with pytest.raises(errors.InputError, match='not a list of settings'):
    open_folder(tmp_path)


def test_failures_are_those_of_the_last_run(tmp_path):
  folder = open_folder(tmp_path)
  folder.fail('a', errors.InputError('broken\nfile'))
  folder.fail('b', errors.MissingFileError('gone'))
  assert (folder.num_failed, folder.num_missing) == (1, 1)
  lines = (tmp_path / 'failures.jsonl').read_text().splitlines()
  assert list(map(json.loads, lines)) == [
    {'id': 'a', 'reason': 'broken file'},
    {'id': 'b', 'reason': 'gone', 'missing': True},
  ]
  folder.close()
  open_folder(tmp_path)
  assert not (tmp_path / 'failures.jsonl').exists()


def test_tasks_share_a_folder_and_no_two_runs_do_the_same_task(tmp_path):
  folder = open_folder(tmp_path, task_index=0, num_tasks=2)
  other = open_folder(tmp_path, task_index=1, num_tasks=2)
  other.fail('a', errors.InputError('broken'))
  assert other.failures.name == 'failures-00001-of-00002.jsonl'
  with pytest.raises(errors.InputError, match='another run does this task'):
    open_folder(tmp_path, task_index=0, num_tasks=2)
  folder.close()
  open_folder(tmp_path, task_index=0, num_tasks=2)
