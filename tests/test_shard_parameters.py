"""A change of what shards are made from is told by a digest."""

import hashlib
import json

import pytest

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.records import shard_parameters, shards

SAMPLES = [
  data_set.Sample(id=str(i), path=f'{i}.webm', label='a') for i in range(2)
]


def fingerprint(*samples, shard_size=2):
  return shard_parameters.fingerprint(shards.plan('train', samples, shard_size))


def test_a_digest_is_that_of_the_json_of_the_ids_and_labels():
  ordered = sorted(
    SAMPLES, key=lambda sample: hashlib.sha256(sample.id.encode()).digest()
  )
  text = json.dumps([[sample.id, sample.label] for sample in ordered])
  assert fingerprint(*SAMPLES) == {
    'videos': 2,
    'shards': 1,
    'sha256': hashlib.sha256(text.encode()).hexdigest(),
  }


def test_other_files_of_a_sample_are_no_change_and_another_id_is():
  moved = data_set.Sample(id='0', path='b/0.webm', label='a')
  of_whole = data_set.Sample(id='0', path='w.webm', label='a', start=1, end=2)
  part = data_set.Sample(id='0@1-2', path='0.webm', label='a', start=1, end=2)
  assert fingerprint(moved) == fingerprint(SAMPLES[0])
  assert fingerprint(of_whole) == fingerprint(SAMPLES[0])
  assert fingerprint(part) != fingerprint(SAMPLES[0])


def test_a_change_is_named():
  old = fingerprint(*SAMPLES)
  shard_parameters.refuse_change('p', 'train', old, dict(old))
  with pytest.raises(
    errors.InputError, match='p: .*train: videos was 2 and is 1'
  ):
    shard_parameters.refuse_change('p', 'train', old, fingerprint(SAMPLES[0]))
  other = data_set.Sample(id='7', path='7.webm', label='a')
  with pytest.raises(errors.InputError, match='train: other names, labels or'):
    shard_parameters.refuse_change(
      'p', 'train', old, fingerprint(SAMPLES[0], other)
    )
