"""The clips of the networks are made from video files."""

import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.evaluation import video_clips
from two_stream.preprocessing import clip_settings, distinct_frames, one_video
from two_stream.records import schema, tfrecords
from two_stream.video import pixels, tvl1

SMALL = clip_settings.Settings(short_side=48)


@pytest.fixture(name='video', scope='module')
def write_video(tmp_path_factory):
  """The texture moves right by 2 pixels a frame, at 12 frames a second."""
  return small_videos.write_video(tmp_path_factory.mktemp('a') / 'good.webm')


@pytest.fixture(name='small_crop')
def crop_less(monkeypatch):
  monkeypatch.setattr(pixels, 'CROP_SIZE', 32)


@pytest.mark.usefixtures('small_crop')
def test_the_clips_are_those_of_a_record(video):
  clips = dict(video_clips.read(video, SMALL).clips)
  rgb, flow = clips['rgb'], clips['flow']
  assert rgb.shape == (1, 19, 32, 32, 3)
  assert flow.shape == (1, 19, 32, 32, 2)
  assert rgb.dtype == flow.dtype == np.float32
  # The same clip read from a record, cropped, but for what compression loses.
  record = one_video.encode_video(
    one_video.Source(
      videos_dir=str(video.parent),
      sample=data_set.Sample(id='good', path='good.webm', label=None),
      label_index=None,
      data_set_name='test',
      settings=SMALL,
    )
  )
  stored = tfrecords.deserialize(tfrecords.serialize(record))
  stored_rgb, stored_flow = map(pixels.center_crop, schema.read_clip(stored))
  assert np.abs(rgb[0] - stored_rgb).mean() * 127.5 < 2
  assert np.abs(flow[0] - stored_flow).max() <= 0.5 / 127 + 1e-6


@pytest.mark.usefixtures('small_crop')
def test_no_flow_is_computed_where_none_is_asked_for(video, monkeypatch):
  both = dict(video_clips.read(video, SMALL).clips)

  def refuse(*frames):
    raise AssertionError('somebody computes flow')

  monkeypatch.setattr(tvl1, 'optical_flow', refuse)
  alone = dict(video_clips.read(video, SMALL, ['rgb']).clips)
  assert list(alone) == ['rgb']
  np.testing.assert_array_equal(alone['rgb'], both['rgb'])
  # The clip of RGB is there before flow is computed.
  stream, clip = next(video_clips.read(video, SMALL).clips)
  assert stream == 'rgb'
  np.testing.assert_array_equal(clip, both['rgb'])


@pytest.mark.usefixtures('small_crop')
def test_flow_has_the_same_bits_whatever_the_number_of_threads(video):
  one, many = (
    dict(video_clips.read(video, SMALL, ['flow'], num_threads).clips)['flow']
    for num_threads in (1, 3)
  )
  np.testing.assert_array_equal(one, many)


def test_flow_that_cannot_be_computed_ends_all_threads(monkeypatch):
  def fail(*frames):
    raise ValueError('cannot')

  monkeypatch.setattr(tvl1, 'optical_flow', fail)
  frames = small_videos.textured_frames(9)
  with pytest.raises(ValueError, match='cannot'):
    list(distinct_frames.optical_flows(frames, 3))


def test_a_clip_of_too_many_frames_is_refused(monkeypatch, video):
  """A high rate shows few frames very often."""
  monkeypatch.setattr(pixels, 'MAX_FRAMES', 19)
  with pytest.raises(errors.InputError, match='20 frames at 25 a second'):
    video_clips.read(video, SMALL)


def test_what_is_wrong_with_a_file_is_told(tmp_path):
  path = small_videos.write_truncated(tmp_path / 'a.webm')
  result = video_clips.read(path, SMALL, ['rgb'])
  assert result.damage.startswith('breaks off')
  assert result.notes == ()


def test_the_clip_is_224_pixels_of_256(tmp_path):
  frames = small_videos.textured_frames(10, size=(320, 240), step=4)
  path = small_videos.write_video(tmp_path / 'a.webm', frames)
  native = clip_settings.Settings(frames_per_second=None)
  clips = dict(video_clips.read(path, native).clips)
  rgb, flow = clips['rgb'], clips['flow']
  assert rgb.shape == (1, 9, 224, 224, 3)
  assert flow.shape == (1, 9, 224, 224, 2)
  assert -1 <= rgb.min() < rgb.max() <= 1
  moved = 4 * 256 / 240
  assert np.median(flow[..., 0]) == pytest.approx(moved / 20, abs=0.01)
  assert np.median(flow[..., 1]) == pytest.approx(0, abs=0.01)
