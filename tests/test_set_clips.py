"""The clip of a video is its first frames, in TensorFlow 1's grid."""

import cv2
import made_videos
import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.evaluation import set_clips, video_sets
from two_stream.video import tf1_bilinear

FRAMES = small_videos.textured_frames(14)
SETTINGS = video_sets.ClipSettings(num_frames=10)


def resized(frames):
  return np.stack([tf1_bilinear.resize(frame, 224) for frame in frames])


def source(path, **options):
  return video_sets.Source(path=str(path), name=path.name, **options)


def write_images(folder, frames=FRAMES):
  folder.mkdir()
  for i, frame in enumerate(frames):
    assert cv2.imwrite(str(folder / f'{i:03}.png'), frame[..., ::-1])
  return source(folder, inside=str(folder.parent))


def write_array(path, frames=FRAMES):
  np.save(path, np.stack([frames, frames[::-1]]))
  return source(path, index=0)


def write_video(path, frames=FRAMES, **options):
  made_videos.write(path, frames, codec='ffv1', pixels='bgr0', **options)
  return source(path)


@pytest.mark.parametrize(
  ('write', 'name'),
  [(write_images, 'a'), (write_array, 'a.npy'), (write_video, 'a.mkv')],
)
def test_the_first_frames_are_taken_unchanged(tmp_path, write, name):
  video = write(tmp_path / name)
  clip = set_clips.load((video, SETTINGS))
  np.testing.assert_array_equal(clip.frames, resized(FRAMES[:10]))
  assert clip.frames.dtype == np.float32
  assert clip.size == FRAMES.shape[1:3]
  assert clip.digest == set_clips.digest(video, SETTINGS)
  assert clip.notes == ()
  too_long = video_sets.ClipSettings(num_frames=15)
  with pytest.raises(errors.InputError, match='14 frames'):
    set_clips.load((video, too_long))


def test_another_video_of_an_array_is_another_clip(tmp_path):
  first = write_array(tmp_path / 'a.npy')
  second = source(tmp_path / 'a.npy', index=1)
  clip = set_clips.load((second, SETTINGS))
  np.testing.assert_array_equal(clip.frames, resized(FRAMES[:3:-1]))
  assert clip.digest != set_clips.digest(first, SETTINGS)


def test_files_are_resampled_and_images_are_not(tmp_path):
  """At half the rate, every second frame is shown."""
  half = video_sets.ClipSettings(num_frames=7, frames_per_second=5)
  video = write_video(tmp_path / 'a.mkv', rate=10)
  clip = set_clips.load((video, half))
  np.testing.assert_array_equal(clip.frames, resized(FRAMES[::2]))
  images = write_images(tmp_path / 'a')
  clip = set_clips.load((images, half))
  np.testing.assert_array_equal(clip.frames, resized(FRAMES[:7]))
  double = video_sets.ClipSettings(num_frames=10, frames_per_second=20)
  clip = set_clips.load((video, double))
  expected = resized(FRAMES[:5]).repeat(2, axis=0)
  np.testing.assert_array_equal(clip.frames, expected)
  more = video_sets.ClipSettings(num_frames=10, frames_per_second=5)
  with pytest.raises(errors.InputError, match='8 frames at 5 a second, fewer'):
    set_clips.load((video, more))


def test_a_digest_tells_what_a_clip_is_made_from(tmp_path):
  one = write_images(tmp_path / 'a')
  same = write_images(tmp_path / 'b')
  first = set_clips.digest(one, SETTINGS)
  assert first == set_clips.digest(same, SETTINGS)
  (tmp_path / 'b' / '001.png').rename(tmp_path / 'b' / '100.png')
  assert first != set_clips.digest(same, SETTINGS)
  (tmp_path / 'a' / '000.png').write_bytes(b'')
  assert first != set_clips.digest(one, SETTINGS)


def test_images_of_zeros_and_ones_are_refused(tmp_path):
  """What becomes of floats between 0 and 1 when they are written."""
  write_images(tmp_path / 'dark', np.minimum(FRAMES, 1))
  with pytest.raises(errors.InputError, match='no value above 1'):
    set_clips.load(
      (source(tmp_path / 'dark'), video_sets.ClipSettings(num_frames=2))
    )


def test_damaged_videos_and_links_out_are_refused(tmp_path):
  images = write_images(tmp_path / 'a')
  (tmp_path / 'a' / '003.png').write_bytes(b'no image')
  with pytest.raises(errors.InputError, match='1 of 1. images do not decode'):
    set_clips.load((images, SETTINGS))
  video = tmp_path / 'b.mkv'
  video.write_bytes(b'no video')
  with pytest.raises(errors.InputError, match='not a video'):
    set_clips.load((source(video), SETTINGS))
  (tmp_path / 'set').mkdir()
  (tmp_path / 'set' / 'c.mkv').symlink_to(video)
  link = source(tmp_path / 'set' / 'c.mkv', inside=str(tmp_path / 'set'))
  with pytest.raises(errors.InputError, match='is a link out of'):
    set_clips.load((link, SETTINGS))
