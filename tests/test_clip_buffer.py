"""Frames are kept up to a limit of time and of memory."""

import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.video import clip_buffer, pixels

SECOND = 1_000_000


def test_frames_and_times_are_kept():
  clip = clip_buffer.ClipBuffer('a', small_videos.HEIGHT, 60)
  frames = small_videos.textured_frames(3)
  for number, frame in enumerate(frames):
    assert clip.add(frame, 7 + number)
  video = clip.video('broken', ('odd',))
  np.testing.assert_array_equal(video.frames, frames)
  assert video.timestamps.tolist() == [7, 8, 9]
  assert video.damage == 'broken'
  assert video.notes == ('odd',)


def test_the_limit_counts_from_the_first_frame_that_is_kept():
  clip = clip_buffer.ClipBuffer('a', 48, 10)
  (frame,) = small_videos.textured_frames(1)
  assert clip.add(frame, 100 * SECOND)
  assert clip.add(frame, 110 * SECOND - 1)
  assert not clip.add(frame, 110 * SECOND)
  assert clip.is_cut
  assert len(clip.video('', ()).frames) == 2
  assert clip.video('', ()).notes == (
    'longer than 10 seconds, or too large: cut',
  )


def test_longer_limits_have_more_memory(monkeypatch):
  monkeypatch.setattr(pixels, 'MAX_CLIP_BYTES', 30 * 48 * 64 * 3)
  (frame,) = small_videos.textured_frames(1)
  for seconds, expected in ((1, 30), (60, 30), (120, 60)):
    clip = clip_buffer.ClipBuffer('a', 48, seconds)
    clip.add(frame, 0)
    assert len(clip.frames) == expected


def test_other_sizes_are_scaled_to_the_first():
  clip = clip_buffer.ClipBuffer('a', 48, 60)
  clip.add(np.full((48, 64, 3), 9, np.uint8), 0)
  clip.add(np.full((96, 64, 3), 200, np.uint8), 1)
  video = clip.video('', ())
  assert video.frames.shape == (2, 48, 64, 3)
  assert (video.frames[1] == 200).all()
  assert video.notes == (clip_buffer.RESCALED,)


def test_absurd_shapes_are_refused():
  clip = clip_buffer.ClipBuffer('a.png', 256, 60)
  with pytest.raises(errors.InputError, match=r'a\.png: frames of 4096 x 2'):
    clip.add(np.zeros((2, 4096, 3), np.uint8), 0)
