"""What is printed and written of the logits of a split."""

import csv
import io
import json
import pathlib

import numpy as np
import pytest
import small_records

from two_stream import errors
from two_stream.evaluation import (
  confusion_picture,
  data_directory,
  split_logits,
  split_results,
  split_summary,
  video_counts,
)
from two_stream.records import schema, view_plan

SPLIT = 'validation'
FIRST, SECOND, THIRD = (f'{SPLIT}-{n:05d}-of-00003.tfrecord' for n in range(3))


def logits_of(initialization, labels, damaged=()):
  """Random logits of both streams for clips with these labels."""
  ids = [str(number) for number in range(len(labels))]
  rng = np.random.default_rng(0)
  networks = [
    data_directory.Network(
      initialization=initialization,
      stream=stream,
      checkpoint=pathlib.Path(stream, 'model.ckpt'),
    )
    for stream in ('rgb', 'flow')
  ]
  return split_logits.Logits(
    ids=np.array(ids),
    labels=np.array(labels, np.int32),
    networks={
      network: rng.normal(size=[len(labels), 3]).astype(np.float32)
      for network in networks
    },
    damaged=list(damaged),
    repeated=np.zeros(len(labels), bool),
  )


def report(folder, logits, class_names=small_records.CLASS_NAMES, **others):
  evaluated = split_summary.Evaluated(
    split=SPLIT, class_names=class_names, **others
  )
  return split_results.report(folder, evaluated, logits)


def damage(sample_id, shard, record, breaks_off=False):
  return split_logits.Damage(
    id=sample_id, shard=shard, record=record, byte=100, breaks_off=breaks_off
  )


def test_damaged_records_are_named(tmp_path):
  damaged = [
    damage('1', FIRST, 1),
    damage('4', SECOND, 0),
    damage(None, SECOND, 1),
    damage(None, THIRD, 1, breaks_off=True),
  ]
  lines = report(tmp_path, logits_of('imagenet', [0, 2, 0, 0], damaged))
  assert lines[0] == 'validation: 4 clips, 4 with a label; 4 damaged'
  assert lines[1] == f'  damaged: 1 (record 1 of {FIRST}, at byte 100)'
  assert lines[3].startswith(f'  damaged: id unreadable (record 1 of {SECOND}')
  assert lines[4].endswith('where the file breaks off)')
  summary = json.loads((tmp_path / f'{SPLIT}.json').read_text())
  assert summary['damaged'] == 4
  assert summary['damaged_records'][0] == {
    'id': '1',
    'shard': FIRST,
    'record': 1,
    'byte': 100,
    'breaks_off': False,
  }
  ids = [each['id'] for each in summary['damaged_records']]
  assert ids == ['1', '4', None, None]


def test_without_labels_there_are_logits_and_no_accuracy(tmp_path):
  lines = report(tmp_path, logits_of('scratch', [schema.NO_LABEL] * 2))
  assert lines[0] == 'validation: 2 clips, 0 with a label; 0 damaged'
  assert lines[-1] == '| Two-Stream I3D | not available |'
  with np.load(tmp_path / f'{SPLIT}_logits.npz', allow_pickle=False) as content:
    assert set(content) == {'ids', 'labels', 'rgb_scratch', 'flow_scratch'}
    assert content['rgb_scratch'].shape == (2, 3)
    assert content['labels'].tolist() == [schema.NO_LABEL] * 2
  summary = json.loads((tmp_path / f'{SPLIT}.json').read_text())
  assert summary['accuracy']['scratch']['joint'] is None
  assert not list(tmp_path.glob('*.png'))


def test_the_file_of_logits_gives_them_back(tmp_path):
  logits = logits_of('imagenet', [0, 1, schema.NO_LABEL])
  report(tmp_path, logits)
  with np.load(tmp_path / f'{SPLIT}_logits.npz', allow_pickle=False) as content:
    np.testing.assert_array_equal(content['ids'], logits.ids)
    np.testing.assert_array_equal(content['labels'], logits.labels)
    for network, values in logits.networks.items():
      np.testing.assert_array_equal(content[network.name], values)


def test_a_folder_that_takes_no_files_is_named_with_the_remedy(tmp_path):
  with pytest.raises(errors.InputError, match='gone.*make room and run again'):
    report(tmp_path / 'gone', logits_of('imagenet', [0]))


def test_what_is_printed_besides_the_tables(tmp_path):
  """The number of videos, and views that are not the usual ones."""
  logits = logits_of('imagenet', [0, 1])
  logits.repeated[1] = True
  lines = report(
    tmp_path,
    logits,
    videos=video_counts.VideoCounts(listed=19906, missing=480, failed=22),
    plan=view_plan.ViewPlan(num_clips=10, clip_frames=64, num_crops=3),
  )
  assert lines[:4] == [
    'validation: 19,404 of 19,906 videos (480 missing, 22 failed)',
    'validation: 2 clips, 2 with a label; 0 damaged',
    'views of each clip: 10 windows of 64 frames, 3 crops',
    '  clips of less than 64 frames, which were repeated from their start: 1',
  ]
  summary = json.loads((tmp_path / f'{SPLIT}.json').read_text())
  assert summary['videos'] == {'listed': 19906, 'missing': 480, 'failed': 22}
  assert summary['views'] == {
    'num_clips': 10,
    'clip_frames': 64,
    'num_crops': 3,
  }
  assert summary['repeated'] == 1


def test_the_table_of_mean_class_accuracy_is_below_the_other(tmp_path):
  """Of class 0, one of three clips is right; of class 1, the only one."""
  logits = logits_of('scratch', [0, 0, 0, 1])
  for values in logits.networks.values():
    values[:] = np.eye(3)[[0, 1, 2, 1]]
  lines = report(tmp_path, logits)
  assert lines[1] == 'top-1 / top-5 accuracy, %:'
  assert lines[5] == '| RGB-I3D        | 50.0 / 100.0 |'
  assert lines[8:] == [
    '',
    'mean class accuracy, %, over 2 of 3 classes, those that have clips:',
    '',
    '| Model          | from scratch |',
    '| -------------- | ------------ |',
    '| RGB-I3D        | 66.7         |',
    '| Flow-I3D       | 66.7         |',
    '| Two-Stream I3D | 66.7         |',
  ]
  summary = json.loads((tmp_path / f'{SPLIT}.json').read_text())
  assert summary['classes_with_clips'] == 2
  assert summary['accuracy']['scratch']['rgb'] == {
    'top_1': 0.5,
    'top_5': 1,
    'mean_class': pytest.approx(2 / 3),
  }
  first, second, third = summary['classes']
  assert (first['name'], first['clips']) == ('Moving left', 3)
  assert first['accuracy']['scratch']['joint'] == {
    'top_1': pytest.approx(1 / 3),
    'top_5': 1,
  }
  assert second['clips'] == 1
  assert third == {'name': 'Resting', 'clips': 0, 'accuracy': None}


def test_clips_without_a_label_have_files_of_answers(tmp_path):
  """The logits of both streams are added; the files say the same."""
  logits = logits_of('imagenet', [schema.NO_LABEL] * 4)
  logits.ids[0] = '-'
  report(tmp_path, logits)
  added = sum(logits.networks.values())
  predicted, sent_in = (
    (tmp_path / f'{SPLIT}_{kind}_joint_imagenet.csv').read_text()
    for kind in ('predictions', 'submission')
  )
  rows = csv.DictReader(io.StringIO(predicted))
  lines = sent_in.splitlines()
  for number, (row, line) in enumerate(zip(rows, lines, strict=True)):
    best = sorted(range(3), key=lambda index: -added[number, index])
    assert row['id'] == (str(number) if number else '-')
    assert [row[f'class_{rank}'] for rank in (1, 2, 3)] == [
      small_records.CLASS_NAMES[index] for index in best
    ]
    assert line == ';'.join(map(str, [row['id'], *best]))


def test_labelled_clips_alone_have_no_files_of_answers(tmp_path):
  report(tmp_path, logits_of('imagenet', [0, 1]))
  assert not list(tmp_path.glob('*.csv'))


def test_an_id_that_20bns_form_cannot_hold_is_told(tmp_path, caplog):
  logits = logits_of('imagenet', [schema.NO_LABEL] * 2)
  logits.ids[1] = ';'
  report(tmp_path, logits)
  assert [path.name for path in tmp_path.glob('*.csv')] == [
    f'{SPLIT}_predictions_joint_imagenet.csv'
  ]
  assert "submission_joint_imagenet.csv is not written: id ';'" in caplog.text


def test_a_picture_of_too_many_classes_is_left_out_and_told(
  tmp_path, caplog, monkeypatch
):
  monkeypatch.setattr(confusion_picture, 'MOST_CLASSES', 2)
  report(tmp_path, logits_of('imagenet', [0, 1]))
  assert not list(tmp_path.glob('*.png'))
  assert '3 classes are more than the 2' in caplog.text
