"""A record's frames come one by one as its clip shows them."""

import numpy as np
import pytest
import small_records

from two_stream import errors
from two_stream.evaluation import record_frames
from two_stream.records import schema
from two_stream.video import pixels


def test_the_clip_is_that_of_the_record():
  record = small_records.record()
  frames = record_frames.RecordFrames(record, ['rgb', 'flow'], False)
  shown = list(frames)
  index = np.repeat(np.arange(len(shown)), [frame.num_ticks for frame in shown])
  rgb, flow = schema.expand(
    [frame.rgb for frame in shown], [frame.flow for frame in shown], index
  )
  expected_rgb, expected_flow = schema.read_clip(record)
  np.testing.assert_array_equal(rgb, expected_rgb)
  np.testing.assert_array_equal(flow, expected_flow)
  assert shown[-1].flow is None
  assert [frame.seconds for frame in shown] == [0, 0.083, 0.167, 0.25]
  assert (frames.length, frames.damage, frames.notes) == (0.25, '', ())


def test_rgb_alone_needs_no_flow(monkeypatch):
  monkeypatch.setattr(pixels, 'CROP_SIZE', 32)
  record = small_records.record()
  del record.feature_lists[schema.FLOW_ENCODED]
  shown = list(record_frames.RecordFrames(record, ['rgb'], True))
  assert {frame.flow for frame in shown} == {None}
  assert shown[0].rgb.shape == (32, 32, 3)
  with pytest.raises(errors.InputError, match='has no optical flow'):
    list(record_frames.RecordFrames(record, ['flow'], True))


def test_damage_and_notes_are_told():
  record = small_records.record()
  record.context[schema.DAMAGE] = [b'breaks off']
  record.context[schema.NOTES] = [b'odd']
  frames = record_frames.RecordFrames(record, ['rgb'], True)
  assert (frames.damage, frames.notes) == ('breaks off', ('odd',))


def test_a_record_without_times_is_refused():
  record = small_records.record()
  record.feature_lists[schema.RGB_TIMESTAMP] = [0]
  with pytest.raises(errors.InputError, match='frames without a time'):
    list(record_frames.RecordFrames(record, ['rgb'], False))
