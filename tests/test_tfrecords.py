"""Records keep a clip, for this project and for other readers."""

import numpy as np
import pytest
import small_records
import tensorflow as tf

from two_stream import errors
from two_stream.records import schema, tfrecords


def test_an_outsider_reads_the_mediasequence_keys(tmp_path):
  """Uses TensorFlow and the published keys, nothing of this project."""
  frames, flows = small_records.frames_and_flows()
  record = small_records.record()
  path = tmp_path / 'shard'
  tfrecords.write_shard(path, [tfrecords.serialize(record)])
  string_step = tf.io.FixedLenSequenceFeature([], tf.string)
  int_step = tf.io.FixedLenSequenceFeature([], tf.int64)
  for serialized in tf.data.TFRecordDataset(str(path)).batch(1):
    context, lists, lengths = tf.io.parse_sequence_example(
      serialized,
      context_features={
        'example/id': tf.io.FixedLenFeature([], tf.string),
        'clip/data_path': tf.io.FixedLenFeature([], tf.string),
        'clip/label/index': tf.io.FixedLenFeature([], tf.int64),
        'clip/label/string': tf.io.FixedLenFeature([], tf.string),
        'clip/label/text': tf.io.FixedLenFeature([], tf.string),
        'clip/start/timestamp': tf.io.FixedLenFeature([], tf.int64),
        'clip/end/timestamp': tf.io.FixedLenFeature([], tf.int64),
        'example/dataset_name': tf.io.FixedLenFeature([], tf.string),
        'image/frame_rate': tf.io.FixedLenFeature([], tf.float32),
        'image/format': tf.io.FixedLenFeature([], tf.string),
        'FORWARD_FLOW/image/channels': tf.io.FixedLenFeature([], tf.int64),
        'image/height': tf.io.FixedLenFeature([], tf.int64),
        'image/width': tf.io.FixedLenFeature([], tf.int64),
      },
      sequence_features={
        'image/encoded': string_step,
        'image/timestamp': int_step,
        'FORWARD_FLOW/image/encoded': string_step,
        'FORWARD_FLOW/image/timestamp': int_step,
      },
    )
  assert context['example/id'].numpy() == [b'78687']
  assert context['clip/data_path'].numpy() == [b'78687.webm']
  assert context['clip/label/index'].numpy() == [26]
  assert context['clip/label/string'].numpy() == [b'Holding something']
  assert context['clip/label/text'].numpy() == [b'Holding something']
  assert context['clip/start/timestamp'].numpy() == [0]
  assert context['clip/end/timestamp'].numpy() == [250_000]
  assert context['example/dataset_name'].numpy() == [b'something_something_v2']
  assert context['image/frame_rate'].numpy() == [25]
  assert context['FORWARD_FLOW/image/channels'].numpy() == [3]
  assert context['image/format'].numpy() == [b'JPEG']
  assert context['image/height'].numpy() == [48]
  assert context['image/width'].numpy() == [64]
  assert lengths['image/encoded'].numpy() == [4]
  assert lengths['FORWARD_FLOW/image/encoded'].numpy() == [3]
  assert lists['image/timestamp'].numpy().tolist() == [
    [0, 83_000, 167_000, 250_000]
  ]
  assert lists['FORWARD_FLOW/image/timestamp'].numpy().tolist() == [
    [0, 83_000, 167_000]
  ]
  image = tf.io.decode_jpeg(lists['image/encoded'][0, 2]).numpy()
  assert np.abs(image.astype(int) - frames[2]).mean() < 2
  codes = tf.io.decode_png(lists['FORWARD_FLOW/image/encoded'][0, 1]).numpy()
  assert codes.shape == (48, 64, 3)
  decoded = (codes[..., :2].astype(float) - 128) * 20 / 127
  np.testing.assert_allclose(decoded, np.clip(flows[1], -20, 20), atol=0.08)
  assert not codes[..., 2].any()


def test_parsing_in_a_graph_gives_the_undecoded_clip():
  record = small_records.record()
  dataset = tf.data.Dataset.from_tensors(tfrecords.serialize(record))
  (parsed,) = dataset.map(tfrecords.parse).as_numpy_iterator()
  assert parsed[schema.ID] == b'78687'
  assert parsed[schema.LABEL_INDEX] == 26
  assert parsed[schema.LABEL_STRING] == b'Holding something'
  assert parsed[schema.FRAME_INDEX].tolist() == small_records.FRAME_INDEX
  for key in (schema.RGB_ENCODED, schema.FLOW_ENCODED):
    assert parsed[key].tolist() == record.feature_lists[key]


def test_a_clip_without_a_public_label_says_so():
  record = small_records.record()
  del record.context[schema.LABEL_INDEX]
  del record.context[schema.LABEL_STRING]
  parsed = tfrecords.parse(tfrecords.serialize(record))
  assert parsed[schema.LABEL_INDEX].numpy() == schema.NO_LABEL
  assert parsed[schema.LABEL_STRING].numpy() == b''


def test_serializing_loses_nothing_and_is_deterministic():
  record = small_records.record()
  serialized = tfrecords.serialize(record)
  assert tfrecords.deserialize(serialized) == record
  backwards = schema.Record(
    dict(reversed(record.context.items())),
    dict(reversed(record.feature_lists.items())),
  )
  assert tfrecords.serialize(backwards) == serialized


def test_a_shard_reads_back_in_order(tmp_path):
  path = tmp_path / 'shard'
  examples = [b'a', b'', b'c' * 100_000]
  tfrecords.write_shard(path, examples)
  assert list(tfrecords.read_shard(path)) == examples
  assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_or_missing_shard_is_named(tmp_path):
  path = tmp_path / 'shard'
  tfrecords.write_shard(path, [b'abc' * 100])
  path.write_bytes(path.read_bytes()[:-10])
  for damaged in (path, tmp_path / 'missing'):
    with pytest.raises(errors.InputError, match=damaged.name):
      list(tfrecords.read_shard(damaged))


def test_a_writer_that_fails_midway_leaves_no_file(tmp_path):
  def examples():
    yield b'first'
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    tfrecords.write_shard(tmp_path / 'shard', examples())
  assert not list(tmp_path.iterdir())


def test_a_link_planted_before_tensorflow_opens_the_file_is_not_followed(
  tmp_path, monkeypatch
):
  victim = tmp_path / 'victim'
  victim.write_bytes(b'untouched')
  folder = tmp_path / 'folder'
  folder.mkdir()
  writer = tf.io.TFRecordWriter

  def plant_and_open(name):
    (temporary,) = folder.iterdir()
    temporary.unlink()
    temporary.symlink_to(victim)
    return writer(name)

  monkeypatch.setattr(tf.io, 'TFRecordWriter', plant_and_open)
  tfrecords.write_shard(folder / 'shard', [b'a'])
  assert victim.read_bytes() == b'untouched'


def test_records_of_other_programs_may_lack_all_but_frames():
  """MediaPipe's and DMVR's: no path, no frame index, no flow, no id."""
  record = small_records.record()
  frames = record.feature_lists[schema.RGB_ENCODED]
  bare = schema.Record(
    context={'clip/label/index': [26], 'clip/label/text': [b'Holding']},
    feature_lists={schema.RGB_ENCODED: frames},
  )
  parsed = tfrecords.parse(tf.constant(tfrecords.serialize(bare)))
  assert parsed[schema.FRAME_INDEX].numpy().tolist() == [0, 1, 2, 3]
  assert parsed[schema.LABEL_INDEX].numpy() == 26
  assert parsed[schema.RGB_ENCODED].numpy().tolist() == frames
  assert parsed[schema.FLOW_ENCODED].numpy().tolist() == []
  assert parsed[schema.ID].numpy() == b''
