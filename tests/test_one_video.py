"""One video becomes a two-stream clip, in process or as a record."""

import dataclasses
import json
import os

import cv2
import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.preprocessing import (
  clip_settings,
  distinct_frames,
  one_video,
  worker_pool,
)
from two_stream.records import schema, tfrecords
from two_stream.video import pixels, reader, resampling


@pytest.fixture(name='videos', scope='module')
def write_videos(tmp_path_factory):
  """The texture moves right by 2 pixels a frame, at 12 frames a second."""
  folder = tmp_path_factory.mktemp('videos')
  small_videos.write_video(folder / 'good.webm')
  frames = small_videos.textured_frames(num_frames=1)
  small_videos.write_video(folder / 'single.webm', frames)
  small_videos.write_truncated(folder / 'truncated.webm')
  return folder


SMALL = clip_settings.Settings(short_side=48)


def source(
  videos, name='good', label='Holding something', how=SMALL, **changes
):
  arguments = {
    'videos_dir': str(videos),
    'sample': data_set.Sample(id=name, path=f'{name}.webm', label=label),
    'label_index': 3,
    'data_set_name': 'something_something_v2',
    'settings': how,
    **changes,
  }
  return one_video.Source(**arguments)


def small(**changes):
  return dataclasses.replace(SMALL, **changes)


def test_the_record_of_a_video_reads_back_as_its_clip(videos):
  record = one_video.encode_video(source(videos))
  stored = tfrecords.deserialize(tfrecords.serialize(record))
  rgb, flow = schema.read_clip(stored)
  frames, timestamps, *_ = reader.read_video(videos / 'good.webm', 48)
  shown = resampling.resample(timestamps)
  assert len(rgb) == len(flow) == len(shown) - 1 == 19
  expected = pixels.scale_rgb(frames[shown[:-1]])
  assert np.abs(rgb - expected).mean() * 127.5 < 2
  repeated = np.diff(shown) == 0
  assert repeated.any()
  assert not flow[repeated].any()
  inner = flow[~repeated][:, 12:-12, 12:-12] * pixels.FLOW_BOUND
  np.testing.assert_allclose(np.median(inner, (0, 1, 2)), [2, 0], atol=0.25)


def test_each_distinct_frame_is_stored_once_with_its_time(videos):
  record = one_video.encode_video(source(videos))
  assert len(record.feature_lists[schema.RGB_ENCODED]) == 10
  assert len(record.feature_lists[schema.FLOW_ENCODED]) == 9
  timestamps = record.feature_lists[schema.RGB_TIMESTAMP]
  np.testing.assert_allclose(timestamps, np.arange(10) * 1e6 / 12, atol=500)
  frame_index = record.context[schema.FRAME_INDEX]
  assert frame_index[0] == 0
  assert frame_index[-1] == 9
  assert set(np.diff(frame_index)) == {0, 1}


def test_frames_that_no_tick_shows_are_not_stored(videos):
  record = one_video.encode_video(
    source(videos, how=small(frames_per_second=6))
  )
  assert record.context[schema.FRAME_INDEX] == [0, 1, 2, 3, 4, 5]
  assert len(record.feature_lists[schema.RGB_ENCODED]) == 6


def test_native_keeps_the_frames_as_they_are(videos):
  record = one_video.encode_video(
    source(videos, how=small(frames_per_second=None))
  )
  assert record.context[schema.FRAME_INDEX] == list(range(10))
  parameters = json.loads(record.context[schema.PARAMETERS][0])
  assert parameters['frames_per_second'] == 'native'


def test_the_record_tells_how_it_was_made(videos):
  record = one_video.encode_video(source(videos))
  assert record.context[schema.ID] == [b'good']
  assert record.context[schema.DATA_PATH] == [b'good.webm']
  assert record.context[schema.LABEL_INDEX] == [3]
  assert record.context[schema.LABEL_STRING] == [b'Holding something']
  assert record.context[schema.LABEL_TEXT] == [b'Holding something']
  assert record.context[schema.DATA_SET] == [b'something_something_v2']
  assert record.context[schema.FRAME_RATE] == [25.0]
  assert record.context[schema.START] == [0]
  assert record.context[schema.END] == [750_000]  # The tenth frame.
  parameters = json.loads(record.context[schema.PARAMETERS][0])
  assert parameters['frames_per_second'] == 25
  assert parameters['short_side'] == 48
  assert parameters['jpeg_quality'] == 95
  assert parameters['flow_bound'] == 20
  assert parameters['tvl1']['lambda'] == 0.15
  assert parameters['numpy'] == np.__version__


def test_a_video_without_a_public_label_has_none(videos):
  record = one_video.encode_video(source(videos, label=None, label_index=None))
  assert schema.LABEL_INDEX not in record.context
  assert schema.LABEL_STRING not in record.context
  assert schema.LABEL_TEXT not in record.context


def test_unusable_videos_are_refused_with_the_reason(videos):
  for bad, reason in [
    (source(videos, 'single'), r'single\.webm: one frame only'),
    (source(videos, 'truncated'), r'truncated\.webm: breaks off after'),
    (source(videos, 'missing'), r'missing\.webm: cannot be read: No such'),
    (source(videos, label_index=None), "'Holding something' is not in the"),
    (source(videos, '../videos/good'), 'must lead to a file in the folder'),
  ]:
    with pytest.raises(errors.InputError, match=reason):
      one_video.encode_video(bad)


def test_a_truncated_video_is_used_where_asked_for(videos):
  record = one_video.encode_video(
    source(videos, 'truncated', keep_truncated=True)
  )
  assert 1 < len(record.feature_lists[schema.RGB_ENCODED]) < 24


def test_the_record_of_a_part_has_its_times_in_the_video(videos):
  sample = data_set.Sample(
    id='good 0.25', path='good.webm', label='a', start=0.25, end=0.5
  )
  record = one_video.encode_video(source(videos, sample=sample))
  assert record.context[schema.START] == [250_000]
  assert record.context[schema.END] == [417_000]
  assert record.feature_lists[schema.RGB_TIMESTAMP] == [
    250_000,
    333_000,
    417_000,
  ]
  assert record.context[schema.FRAME_INDEX] == [0, 0, 1, 1, 2]


def test_a_part_that_the_video_lacks_is_refused(videos):
  sample = data_set.Sample(id='a', path='good.webm', label='a', start=3, end=9)
  with pytest.raises(errors.InputError, match=r'it is 0\.83 seconds long'):
    one_video.encode_video(source(videos, sample=sample))


def test_a_folder_of_frames_becomes_a_record(videos, tmp_path):
  folder = tmp_path / '74225'
  folder.mkdir()
  for number, frame in enumerate(small_videos.textured_frames(5), 1):
    cv2.imwrite(str(folder / f'{number:05}.jpg'), frame[..., ::-1])
  sample = data_set.Sample(id='74225', path='74225', label='a')
  record = one_video.encode_video(
    source(tmp_path, sample=sample, how=small(frames_per_second_of_frames=12))
  )
  assert len(record.feature_lists[schema.RGB_ENCODED]) == 5
  assert record.context[schema.END] == [333_333]
  parameters = json.loads(record.context[schema.PARAMETERS][0])
  assert parameters['frames_per_second_of_frames'] == 12


def test_links_leave_the_folder_only_where_asked_for(videos, tmp_path):
  elsewhere = small_videos.write_video(tmp_path / 'elsewhere.webm')
  folder = tmp_path / 'videos'
  folder.mkdir()
  (folder / 'out.webm').symlink_to(elsewhere)
  with pytest.raises(errors.InputError, match=r'out\.webm: is a link out of'):
    one_video.encode_video(source(folder, 'out'))
  assert one_video.encode_video(source(folder, 'out', follow_links=True))
  small_videos.write_video(folder / 'a.webm')
  (folder / 'in.webm').symlink_to(folder / 'a.webm')
  assert one_video.encode_video(source(folder, 'in'))


@pytest.mark.process
def test_a_folder_whose_name_is_no_text_is_read(tmp_path):
  folder = tmp_path / os.fsdecode(b'\xff\n')
  folder.mkdir()
  small_videos.write_video(tmp_path / 'a.webm').rename(folder / 'a.webm')
  with worker_pool.worker_pool(
    one_video.encode_video, 1, 60, distinct_frames.use_one_thread
  ) as pool:
    (record,) = pool.map([source(folder, 'a')])
  assert record.context[schema.ID] == [b'a']


def test_a_record_of_rgb_alone_has_no_flow(videos):
  record = one_video.encode_video(source(videos, how=small(streams=('rgb',))))
  both = one_video.encode_video(source(videos))
  assert not [key for key in record.context if 'FLOW' in key]
  assert not [key for key in record.feature_lists if 'FLOW' in key]
  for key in (schema.RGB_ENCODED, schema.RGB_TIMESTAMP):
    assert record.feature_lists[key] == both.feature_lists[key]
  assert record.context[schema.FRAME_INDEX] == both.context[schema.FRAME_INDEX]


def test_a_record_tells_what_was_done_to_an_unusual_video(videos):
  cut = one_video.encode_video(source(videos, how=small(max_seconds=0.5)))
  assert schema.notes(cut) == ['longer than 0.5 seconds, or too large: cut']
  damaged = one_video.encode_video(
    source(videos, 'truncated', keep_truncated=True)
  )
  assert schema.notes(damaged) == [one_video.DAMAGED]
  (damage,) = damaged.context[schema.DAMAGE]
  assert damage.startswith(b'breaks off after')
  assert schema.notes(one_video.encode_video(source(videos))) == []
