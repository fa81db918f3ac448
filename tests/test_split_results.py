"""What is printed and written of the logits of a split."""

import json
import pathlib

import numpy as np
import pytest
import small_records

from two_stream import errors
from two_stream.evaluation import (
  data_directory,
  split_logits,
  split_results,
)
from two_stream.records import schema

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
  )


def report(folder, logits):
  return split_results.report(folder, SPLIT, small_records.CLASS_NAMES, logits)


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
