"""The parts of a split are put together, and what is damaged is named."""

import pathlib

import numpy as np
import pytest
import small_records

from two_stream import errors
from two_stream.evaluation import data_directory, logit_parts, split_logits
from two_stream.records import record_index, schema, tfrecords

NETWORKS = [
  data_directory.Network(
    initialization='scratch',
    stream=stream,
    checkpoint=pathlib.Path(stream, 'model.ckpt'),
  )
  for stream in ('rgb', 'flow')
]


@pytest.fixture(name='paths')
def write_shards(tmp_path):
  return small_records.write(tmp_path)


def shards_of(paths):
  return split_logits.SplitShards(record_index.build(paths))


def part(records, labels=None):
  """A part whose logits tell which record they are of."""
  labels = labels or [record % 3 for record in records]
  rows = [
    (record, str(record), label, np.full(3, record, np.float32), False)
    for record, label in zip(records, labels)
  ]
  return logit_parts.Part.of_rows(rows, 3)


def combine(paths, of_first, of_second):
  """Combines the parts of both networks, which are listed shard by shard."""
  parts = {
    (network, str(path)): each
    for network, of_network in zip(NETWORKS, (of_first, of_second))
    for path, each in zip(paths, of_network)
  }
  return split_logits.combine(shards_of(paths), NETWORKS, parts)


def test_the_shards_follow_each_other(paths):
  parts = [part([0, 1, 2]), part([0, 1])]
  logits = combine(paths, parts, parts)
  assert logits.ids.tolist() == ['0', '1', '2', '0', '1']
  assert logits.labels.tolist() == [0, 1, 2, 0, 1]
  assert list(logits.networks) == NETWORKS
  for values in logits.networks.values():
    assert values[:, 0].tolist() == [0, 1, 2, 0, 1]
  assert logits.damaged == []


def test_clips_that_one_network_could_not_read_are_left_out_for_all(paths):
  """The damaged record is named by its id, if that can be read."""
  first = [part([0, 2]), part([0, 1])]
  second = [part([0, 1, 2]), part([1])]
  logits = combine(paths, first, second)
  for values in logits.networks.values():
    assert values[:, 0].tolist() == [0, 2, 1]
  offsets = record_index.build(paths).offsets.tolist()
  names = [path.name for path in paths]
  assert logits.damaged == [
    split_logits.Damage(
      id='1', shard=names[0], record=1, byte=offsets[1], breaks_off=False
    ),
    split_logits.Damage(
      id='3', shard=names[1], record=0, byte=0, breaks_off=False
    ),
  ]


def test_a_damaged_id_is_not_shown(tmp_path):
  record = small_records.record()
  record.context[schema.ID] = [b'\x1b[2J']
  path = tmp_path / 'shard'
  tfrecords.write_shard(
    path,
    [
      tfrecords.serialize(record),
      b'no clip',
      tfrecords.serialize(small_records.record()),
    ],
  )
  logits = combine([path], [part([2])], [part([2])])
  assert [damage.id for damage in logits.damaged] == [None, None]


def test_the_end_of_a_shard_that_breaks_off_is_damaged(paths):
  paths[1].write_bytes(paths[1].read_bytes()[:-1])
  logits = combine(paths, *[[part([0, 1, 2]), part([0])]] * 2)
  (damage,) = logits.damaged
  assert damage == split_logits.Damage(
    id=None,
    shard=paths[1].name,
    record=1,
    byte=record_index.build(paths).torn[str(paths[1])],
    breaks_off=True,
  )


def test_no_readable_record_at_all_is_an_error(paths):
  with pytest.raises(errors.InputError, match='no record can be read'):
    combine(paths, *[[part([]), part([])]] * 2)


@pytest.mark.parametrize('label', [3, -5])
def test_a_label_beyond_the_networks_classes_is_refused(paths, label):
  parts = [part([0, 1], [schema.NO_LABEL, label]), part([])]
  with pytest.raises(
    errors.InputError, match=f'label {label} and the networks 3'
  ):
    combine(paths, parts, parts)


def test_a_shard_that_changed_since_it_was_indexed_is_refused(paths):
  shards = shards_of(paths)
  seen = shards.identity(str(paths[0]))
  assert shards.identity(str(paths[0])) is seen
  seen.check()
  tfrecords.write_shard(paths[1], [b'another'])
  with pytest.raises(errors.InputError, match=paths[1].name):
    shards.identity(str(paths[1]))
