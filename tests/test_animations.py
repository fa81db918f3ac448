"""Animations show the clip, and colours the direction of flow."""

import cv2
import numpy as np
import pytest
import small_videos

from two_stream.evaluation import animations
from two_stream.video import pixels


def decode(encoded):
  buffer = np.frombuffer(encoded, np.uint8)[np.newaxis]
  decoded, animation = cv2.imdecodeanimation(buffer)
  assert decoded
  frames = [frame[..., 2::-1] for frame in animation.frames]
  return np.stack(frames), animation


@pytest.mark.parametrize('ending, error', [('.webp', 4), ('.gif', 6)])
def test_an_animation_plays_the_frames_in_a_loop(ending, error):
  frames = small_videos.textured_frames(9, (224, 224))
  encoded = animations.encode(frames, 12.5, ending)
  shown, animation = decode(encoded)
  assert shown.shape == frames.shape
  assert np.abs(shown.astype(int) - frames).mean() < error
  assert list(animation.durations) == [80] * 9
  assert animation.loop_count == 0


def test_frames_survive_the_networks_range():
  frames = small_videos.textured_frames(2)
  np.testing.assert_array_equal(
    animations.rgb_frames(pixels.scale_rgb(frames)), frames
  )


@pytest.mark.parametrize(
  'vector, colour',
  [
    ((0, 0), (255, 255, 255)),
    ((1, 0), (255, 0, 0)),
    ((-1, 0), (0, 255, 255)),
    ((9, 0), (255, 0, 0)),
    ((0.5, 0), (255, 128, 128)),
    ((0, 1), (127, 255, 0)),
    ((0, -1), (127, 0, 255)),
  ],
)
def test_a_direction_is_a_hue_and_stillness_white(vector, colour):
  flow = np.full([4, 5, 2], vector, np.float32)
  drawn = animations.colour_flow(flow)
  assert drawn.shape == (4, 5, 3)
  assert np.abs(drawn.astype(int) - colour).max() <= 1


def test_flow_is_drawn_relative_to_the_fastest_of_the_clip():
  clip = np.zeros([9, 8, 8, 2], np.float32)
  clip[3:, :, :, 0] = 0.25  # 5 pixels to the right.
  frames, longest = animations.flow_frames(clip)
  assert longest == pytest.approx(5)
  assert (frames[0] == 255).all()
  assert (frames[8] == (255, 0, 0)).all()


def test_noise_stays_pale():
  rng = np.random.default_rng(0)
  clip = rng.normal(0, 0.05 / 20, [9, 8, 8, 2]).astype(np.float32)
  frames, longest = animations.flow_frames(clip)
  assert longest == 1
  assert frames.min() > 180


def test_the_wheel_is_white_in_the_middle_and_red_at_the_right():
  wheel = cv2.imdecode(
    np.frombuffer(animations.flow_wheel(), np.uint8), cv2.IMREAD_COLOR
  )[..., ::-1]
  middle, end = wheel.shape[0] // 2, wheel.shape[1] - 2
  assert wheel[middle, middle].min() > 245
  assert wheel[middle, end, 0] == 255 and wheel[middle, end, 1:].max() < 15
  assert (wheel[0, 0] == 255).all()
