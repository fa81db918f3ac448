"""Any record of a split is found and read directly."""

import pytest
import small_records
import tensorflow as tf

from two_stream import errors
from two_stream.records import record_index, schema, tfrecords

CONTENTS = ((b'a' * 100, b''), (b'c' * 3000,), ())


@pytest.fixture(name='paths')
def write_shards(tmp_path):
  paths = [tmp_path / f'shard{number}' for number in range(len(CONTENTS))]
  for path, contents in zip(paths, CONTENTS):
    tfrecords.write_shard(path, contents)
  return paths


def read(index, record):
  """The content of a record, as a clip is read."""
  dataset = tf.data.Dataset.from_tensors(record).flat_map(index.read)
  (content,) = dataset.as_numpy_iterator()
  return content


def test_records_are_numbered_through_all_shards(paths):
  index = record_index.build(paths)
  assert len(index) == 3
  assert index.paths == [str(path) for path in paths]
  assert index.shards.tolist() == [0, 0, 1]
  assert index.offsets.tolist() == [0, 116, 0]
  assert index.torn == {}
  for record, content in enumerate([*CONTENTS[0], *CONTENTS[1]]):
    assert read(index, record) == content
    assert index.read_damaged(record) == content
  assert index.name(1) == f'{paths[0]}: the record at byte 116'


def test_a_shard_has_an_index_of_its_own(paths):
  index = record_index.build(paths)
  for path, contents in zip(index.paths, CONTENTS):
    alone = index.shard(path)
    assert alone.paths == [path]
    assert [read(alone, record) for record in range(len(alone))] == [*contents]


def test_a_shard_that_breaks_off_is_used_up_to_there(paths):
  paths[0].write_bytes(paths[0].read_bytes()[:-1])
  index = record_index.build(paths)
  assert index.offsets.tolist() == [0, 0]
  assert index.torn == {str(paths[0]): 116}


def test_a_damaged_record_is_read_as_it_is_or_not_at_all(paths):
  content = bytearray(paths[0].read_bytes())
  content[12 + 50] ^= 255
  paths[0].write_bytes(content)
  index = record_index.build(paths)
  assert index.read_damaged(0) == bytes(content[12:112])
  with pytest.raises(tf.errors.DataLossError):
    read(index, 0)


def test_a_record_whose_file_is_gone_is_an_error_that_ends(paths):
  index = record_index.build(paths)
  paths[1].unlink()
  with pytest.raises(tf.errors.NotFoundError):
    read(index, 2)
  datasets = tf.data.Dataset.from_tensors(2).flat_map(index.read)
  assert not list(datasets.ignore_errors())
  with pytest.raises(errors.InputError, match='shard1: cannot be read'):
    index.read_damaged(2)


def test_shards_without_a_record_are_refused(paths):
  with pytest.raises(errors.InputError, match='no record in 1 shards'):
    record_index.build(paths[2:])


def test_a_split_must_be_whole(tmp_path):
  paths = small_records.write(tmp_path)
  index = record_index.of_split(tmp_path, 'train', ['rgb', 'flow'])
  assert index.paths == [str(path) for path in paths]
  assert len(index) == 5
  paths[0].unlink()
  with pytest.raises(errors.InputError, match='has 1 of 2 train shards'):
    record_index.of_split(tmp_path, 'train', ['rgb', 'flow'])


def write_without_flow(folder, **more_features):
  record = small_records.record()
  lists = dict(record.feature_lists)
  del lists[schema.FLOW_ENCODED]
  record = record._replace(feature_lists={**lists, **more_features})
  tfrecords.write_shard(
    folder / 'train-00000-of-00001.tfrecord', [tfrecords.serialize(record)]
  )


def test_records_of_rgb_alone_serve_rgb_alone(tmp_path):
  write_without_flow(tmp_path)
  assert len(record_index.of_split(tmp_path, 'train', ['rgb'])) == 1
  with pytest.raises(errors.InputError, match=r'tfrecord: has no optical flow'):
    record_index.of_split(tmp_path, 'train', ['rgb', 'flow'])


def test_records_of_an_older_version_are_refused(tmp_path):
  write_without_flow(tmp_path, **{'forward_flow/encoded': [b'gray']})
  with pytest.raises(errors.InputError, match='make the records again'):
    record_index.of_split(tmp_path, 'train', ['rgb'])
