"""Videos are decoded, resampled and scaled as published."""

import cv2
import hypothesis
import numpy as np
import pytest
import small_videos
from hypothesis import strategies as st

from two_stream import errors, video


def test_frames_are_rgb_and_timestamps_microseconds(tmp_path):
  frames = small_videos.textured_frames(num_frames=12)
  frames[..., 0] = 230  # Red, so that swapped channels would show.
  path = small_videos.write_video(tmp_path / 'a.webm', frames)
  decoded, timestamps, truncated = video.read_video(path, short_side=48)
  assert decoded.shape == frames.shape
  assert decoded.dtype == np.uint8
  assert np.abs(decoded.astype(int) - frames).mean() < 8  # VP9 loses some.
  np.testing.assert_allclose(timestamps, np.arange(12) * 1e6 / 12, atol=500)
  assert timestamps.dtype == np.int64
  assert not truncated


@pytest.mark.parametrize(
  ('size', 'expected'),
  [
    ((427, 240), (256, 455)),  # Something-Something: up.
    ((320, 240), (256, 341)),
    ((1920, 1080), (256, 455)),  # Down.
    ((240, 320), (341, 256)),  # Portrait.
    ((341, 256), (256, 341)),
  ],
)
def test_the_smaller_side_becomes_256_and_the_aspect_stays(size, expected):
  frame = np.zeros((size[1], size[0], 3), np.uint8)
  assert video.resize(frame).shape == (*expected, 3)


def test_resizing_is_bilinear():
  ramp = np.tile(np.arange(0, 240, 10, np.uint8), (24, 1))
  frame = np.repeat(ramp[..., np.newaxis], 3, axis=-1)
  larger = video.resize(frame, 48)[10, :, 0].astype(float)
  centres = (np.arange(48) + 0.5) / 2 - 0.5
  np.testing.assert_allclose(larger, np.clip(centres, 0, 23) * 10, atol=0.6)


def test_a_file_that_breaks_off_is_flagged(tmp_path):
  path = small_videos.write_truncated(tmp_path / 'a.webm')
  result = video.read_video(path, short_side=48)
  assert result.truncated
  assert 0 < len(result.frames) < 24


def test_a_single_frame_is_a_video(tmp_path):
  frames = small_videos.textured_frames(num_frames=1)
  path = small_videos.write_video(tmp_path / 'a.webm', frames)
  assert len(video.read_video(path, short_side=48).frames) == 1


@pytest.mark.parametrize(
  'content', [b'', b'\x1aE\xdf\xa3' * 99, b'<html>' * 99]
)
def test_a_file_that_is_no_video_is_named(tmp_path, content):
  path = tmp_path / 'a.webm'
  path.write_bytes(content)
  with pytest.raises(errors.InputError, match=r'a\.webm: not a video'):
    video.read_video(path)


def test_sound_without_picture_is_refused(tmp_path):
  path = small_videos.write_audio(tmp_path / 'a.webm')
  with pytest.raises(errors.InputError, match=r'a\.webm'):
    video.read_video(path)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(errors.InputError, match=r'a\.webm: no such'):
    video.read_video(tmp_path / 'a.webm')
  with pytest.raises(errors.InputError, match='no such'):
    video.read_video(tmp_path)


def test_a_header_without_frames_is_refused(tmp_path):
  path = small_videos.write_video(tmp_path / 'a.webm')
  header = path.read_bytes().index(b'\x1f\x43\xb6\x75')  # The first cluster.
  path.write_bytes(path.read_bytes()[:header])
  with pytest.raises(errors.InputError, match=r'a\.webm: (no frame|not a vid)'):
    video.read_video(path)


def test_a_play_list_cannot_open_files_elsewhere(tmp_path):
  target = small_videos.write_video(tmp_path / 'elsewhere.webm')
  folder = tmp_path / 'videos'
  folder.mkdir()
  path = folder / 'a.webm'
  for text in (
    f'ffconcat version 1.0\nfile {target}\n',
    'ffconcat version 1.0\nfile ../elsewhere.webm\n',
    f'#EXTM3U\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n',
    '#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.webm\n#EXT-X-ENDLIST\n',
  ):
    path.write_text(text)
    with pytest.raises(errors.InputError, match=r'a\.webm'):
      video.read_video(path)


def test_long_clips_end_with_an_error_and_not_all_memory(tmp_path, monkeypatch):
  path = small_videos.write_video(tmp_path / 'a.webm')
  with monkeypatch.context() as patch:
    patch.setattr(video, 'MAX_CLIP_BYTES', 5 * 48 * 64 * 3)
    with pytest.raises(errors.InputError, match='cut it into clips'):
      video.read_video(path, short_side=48)
  with monkeypatch.context() as patch:
    patch.setattr(video, 'MAX_SECONDS', 0.5)
    with pytest.raises(errors.InputError, match='cut it into clips'):
      video.read_video(path, short_side=48)
  with monkeypatch.context() as patch:
    patch.setattr(video, 'MAX_SOURCE_PIXELS', 1000)
    with pytest.raises(errors.InputError, match='64 x 48'):
      video.read_video(path, short_side=48)


class FakeCapture:
  """Stands in for a decoder with given timestamps."""

  def __init__(self, milliseconds, fps=0.0, count=0):
    self.milliseconds = list(milliseconds)
    self.position = -1
    self.properties = {
      cv2.CAP_PROP_FPS: fps,
      cv2.CAP_PROP_FRAME_COUNT: count,
    }

  def isOpened(self):  # noqa: D102, N802
    return True

  def release(self):  # noqa: D102
    pass

  def read(self):  # noqa: D102
    self.position += 1
    frame = np.full((8, 8, 3), self.position, np.uint8)
    return self.position < len(self.milliseconds), frame

  def get(self, name):  # noqa: D102
    if name == cv2.CAP_PROP_POS_MSEC:
      return self.milliseconds[self.position]
    return self.properties.get(name, 0)


def read_fake(tmp_path, monkeypatch, capture):
  path = tmp_path / 'fake.webm'
  path.touch()
  monkeypatch.setattr(cv2, 'VideoCapture', lambda *arguments: capture)
  return video.read_video(path, short_side=8)


def test_frames_whose_time_does_not_increase_are_dropped(tmp_path, monkeypatch):
  capture = FakeCapture([0, 83, 83, 40, 167])
  frames, timestamps, _ = read_fake(tmp_path, monkeypatch, capture)
  assert timestamps.tolist() == [0, 83_000, 167_000]
  assert frames[:, 0, 0, 0].tolist() == [0, 1, 4]


@pytest.mark.parametrize(
  ('milliseconds', 'fps', 'count', 'truncated'),
  [
    ([0, 40, 80, 120], 25, 4, False),
    ([0, 40, 80, 120], 25, 5, False),  # One frame is rounding.
    ([0, 40, 80, 120], 25, 6, True),
    # Variable rate: the count is the duration at the average rate, 118 where 52
    # frames are, and the last frame may last as long as the longest.
    ([0, 40, 80, 1000, 2000], 25, 75, False),
    ([0, 40, 80, 1000, 2000], 25, 118, True),
    ([0, 40, 80, 120], 0, 0, False),  # The container claims nothing.
  ],
)
def test_truncation_compares_the_claimed_duration(
  tmp_path, monkeypatch, milliseconds, fps, count, truncated
):
  capture = FakeCapture(milliseconds, fps, count)
  assert read_fake(tmp_path, monkeypatch, capture).truncated == truncated


def reference_resample(timestamps, frames_per_second):
  """The rule tick by tick, in words: period, nearest, later, most recent."""
  second = 10**6

  def period(timestamp):
    return (2 * timestamp * frames_per_second + second) // (2 * second)

  shown = []
  for tick in range(period(timestamps[0]), period(timestamps[-1]) + 1):
    best = None
    for i, timestamp in enumerate(timestamps):
      if period(timestamp) != tick:
        continue
      distance = abs(timestamp * frames_per_second - tick * second)
      if best is None or distance <= best[0]:
        best = (distance, i)
    if best is None:
      best = max(
        (timestamp, i)
        for i, timestamp in enumerate(timestamps)
        if period(timestamp) < tick
      )
    shown.append(best[1])
  return shown


def gaps_around(values):
  """Microseconds between frames; exact halves of periods are frequent."""
  return st.one_of(
    st.sampled_from(values),
    st.integers(min_value=1, max_value=150_000),
    st.integers(min_value=1, max_value=15).map(lambda n: n * 20_000),
  )


@hypothesis.settings(max_examples=2000, deadline=None, derandomize=True)
@hypothesis.given(
  first=st.one_of(st.just(0), st.integers(0, 200_000)),
  gaps=st.lists(gaps_around([83_333, 83_000, 40_000, 16_683]), max_size=20),
  frames_per_second=st.sampled_from([25, 25, 25, 12, 30]),
)
def test_resampling_equals_the_rule_word_by_word(
  first, gaps, frames_per_second
):
  timestamps = np.cumsum([first, *gaps])
  shown = video.resample(timestamps, frames_per_second)
  expected = reference_resample(timestamps.tolist(), frames_per_second)
  assert shown.tolist() == expected


def test_twelve_frames_a_second_repeat_every_frame_about_twice():
  timestamps = np.round(np.arange(48) * 1e6 / 12).astype(np.int64)
  shown = video.resample(timestamps)
  assert len(shown) == round(25 * 47 / 12) + 1
  assert shown[:10].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
  assert set(np.diff(shown)) == {0, 1}
  assert 0.45 < np.mean(np.diff(shown) == 0) < 0.55


def test_scaling_covers_minus_one_to_one():
  pixels = np.array([0, 255], np.uint8)
  assert video.scale_rgb(pixels).tolist() == [-1, 1]
  flow = np.array([-50.0, -20, 0, 10, 20.5])
  assert video.scale_flow(flow).tolist() == [-1, -1, 0, 0.5, 1]
  assert video.scale_flow(flow).dtype == np.float32


def test_the_crop_is_central():
  image = np.arange(256 * 341).reshape(1, 256, 341, 1)
  crop = video.center_crop(image)
  assert crop.shape == (1, 224, 224, 1)
  assert crop[0, 0, 0, 0] == 16 * 341 + 58
