"""The frames that a clip shows, each once, and the flow between them."""

import itertools

import cv2
import made_videos
import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.preprocessing import clip_settings, distinct_frames
from two_stream.video import reader, resampling, tvl1


@pytest.fixture(name='video', scope='module')
def write_video(tmp_path_factory):
  """Ten frames at 12 frames a second."""
  return small_videos.write_video(tmp_path_factory.mktemp('a') / 'a.webm')


@pytest.mark.parametrize('rate', [None, 6, 12, 25])
def test_the_clip_is_the_resampled_video(video, rate):
  how = clip_settings.Settings(short_side=48, frames_per_second=rate)
  frames, timestamps, index, *_ = distinct_frames.read(video, how)
  source = reader.read_video(video, 48)
  shown = (
    range(10) if rate is None else resampling.resample(source.timestamps, rate)
  )
  np.testing.assert_array_equal(frames[index], source.frames[list(shown)])
  np.testing.assert_array_equal(
    timestamps[index], source.timestamps[list(shown)]
  )
  assert len(frames) == len(set(shown))


def test_the_frames_take_the_memory_of_the_decoded_ones(video):
  how = clip_settings.Settings(short_side=48, frames_per_second=6)
  frames = distinct_frames.read(video, how).frames
  assert len(frames) < 10
  assert frames.base is not None  # A part of the array that was decoded to.


def test_a_part_is_resampled_from_its_own_first_frame(tmp_path):
  """As its own file would be, which begins at time zero."""
  frames = small_videos.textured_frames(30)
  whole = made_videos.write(
    tmp_path / 'a.mkv', frames, codec='ffv1', pixels='yuv444p', rate=12
  )
  alone = made_videos.write(
    tmp_path / 'b.mkv', frames[7:19], codec='ffv1', pixels='yuv444p', rate=12
  )
  how = clip_settings.Settings(short_side=48)
  part = distinct_frames.read(whole, how, start=7 / 12, end=19 / 12)
  expected = distinct_frames.read(alone, how)
  np.testing.assert_array_equal(part.frames, expected.frames)
  np.testing.assert_array_equal(part.frame_index, expected.frame_index)
  assert part.timestamps[0] == 583_000  # That of the file: milliseconds.


def test_a_folder_is_read_at_the_rate_of_its_frames(tmp_path):
  frames = small_videos.textured_frames(6)
  for number, frame in enumerate(frames, 1):
    cv2.imwrite(str(tmp_path / f'{number:05}.png'), frame[..., ::-1])
  how = clip_settings.Settings(short_side=48, frames_per_second_of_frames=12.5)
  clip = distinct_frames.read(tmp_path, how, tmp_path.parent)
  assert clip.frame_index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
  np.testing.assert_array_equal(clip.frames, frames)
  part = distinct_frames.read(tmp_path, how, start=0.16, end=0.4)
  np.testing.assert_array_equal(part.frames, frames[2:5])
  with pytest.raises(
    errors.InputError, match='of them a second has with --frames_per_second_of'
  ):
    distinct_frames.read(tmp_path, clip_settings.Settings())


def test_a_clip_of_one_frame_has_no_flow(tmp_path):
  path = small_videos.write_video(
    tmp_path / 'a.webm', small_videos.textured_frames(1)
  )
  with pytest.raises(errors.InputError, match='one frame only; flow needs two'):
    distinct_frames.read(path, clip_settings.Settings())


@pytest.mark.parametrize('num_threads', [1, 2, 5])
def test_flows_come_in_order_whatever_the_number_of_threads(num_threads):
  frames = small_videos.textured_frames(12)
  flows = [*distinct_frames.optical_flows(frames, num_threads)]
  assert len(flows) == 11
  gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
  expected = [tvl1.optical_flow(*pair) for pair in itertools.pairwise(gray)]
  np.testing.assert_array_equal(flows, expected)


def test_few_pairs_wait_at_a_time():
  """So that Ctrl-C ends the program at once."""
  taken = []

  def frames():
    for frame in small_videos.textured_frames(30):
      taken.append(frame)
      yield frame

  flows = distinct_frames.optical_flows(frames(), 2)
  next(flows)
  assert len(taken) <= 7
  flows.close()
