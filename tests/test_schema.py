"""A record gives back the clip that it was made of."""

import numpy as np
import pytest
import small_records

from two_stream import errors
from two_stream.records import schema, tfrecords
from two_stream.video import pixels


def test_reading_gives_both_streams_equally_long():
  frames, flows = small_records.frames_and_flows()
  record = small_records.record()
  stored = tfrecords.deserialize(tfrecords.serialize(record))
  rgb, flow = schema.read_clip(stored)
  assert rgb.shape == (6, 48, 64, 3)
  assert flow.shape == (6, 48, 64, 2)
  assert rgb.dtype == flow.dtype == np.float32
  shown = pixels.scale_rgb(frames[small_records.FRAME_INDEX[:-1]])
  assert np.abs(rgb - shown).mean() < 2 / 127.5
  zero = np.zeros_like(flows[0])
  moved = pixels.scale_flow(
    np.stack([zero, flows[0], flows[1], zero, zero, flows[2]])
  )
  assert np.abs(flow - moved).max() <= 0.5 / 127 + 1e-6
  assert not flow[[0, 3, 4]].any()


def test_a_window_is_that_part_of_the_clip():
  record = small_records.record()
  stored = tfrecords.deserialize(tfrecords.serialize(record))
  rgb, flow = schema.read_clip(stored)
  for start in range(6):
    for stop in range(start + 1, 7):
      part = schema.read_clip(stored, start, stop - start)
      np.testing.assert_array_equal(part[0], rgb[start:stop])
      np.testing.assert_array_equal(part[1], flow[start:stop])
  for start, num_frames in [(-1, 2), (0, 7), (6, 1), (2, 0)]:
    with pytest.raises(ValueError, match='of 6 time steps'):
      schema.read_clip(stored, start, num_frames)


def test_a_window_decodes_its_own_images_alone():
  record = small_records.record()
  record.feature_lists[schema.RGB_ENCODED][3] = b'damaged'
  record.feature_lists[schema.FLOW_ENCODED][2] = b'damaged'
  stored = tfrecords.deserialize(tfrecords.serialize(record))
  assert len(schema.read_clip(stored, 0, 5)[0]) == 5
  with pytest.raises(errors.InputError, match='does not decode|no PNG'):
    schema.read_clip(stored)


def test_records_that_cannot_serve_a_stream_are_refused_with_the_remedy():
  record = small_records.record()
  for stream in ('rgb', 'flow'):
    schema.check_kind(record, stream)
  lists = dict(record.feature_lists)
  del lists[schema.FLOW_ENCODED]
  rgb_alone = record._replace(feature_lists=lists)
  schema.check_kind(rgb_alone, 'rgb')
  with pytest.raises(errors.InputError, match=r'--streams=rgb,flow'):
    schema.check_kind(rgb_alone, 'flow')
  old = record._replace(
    feature_lists={**lists, 'forward_flow/encoded': [b'gray']}
  )
  for stream in ('rgb', 'flow'):
    with pytest.raises(errors.InputError, match='older version'):
      schema.check_kind(old, stream)
