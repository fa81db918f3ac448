"""Frames and flow fields survive compression."""

import cv2
import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.video import codecs


def test_flow_errs_by_at_most_half_a_step():
  rng = np.random.default_rng(0)
  flow = rng.uniform(-20, 20, (256, 340, 2)).astype(np.float32)
  pixels = codecs.decode_flow(codecs.encode_flow(flow)) * 20
  errors_ = np.abs(pixels - flow)
  assert errors_.max() <= 20 / 127 / 2 + 1e-5
  assert errors_.mean() <= 0.08
  assert abs((pixels - flow).mean()) < 0.001  # Rounded, not cut off.


def test_zero_and_the_bounds_are_exact():
  flow = np.zeros((8, 8, 2), np.float32)
  flow[0, 0] = 20, -20
  flow[0, 1] = 100, -100
  decoded = codecs.decode_flow(codecs.encode_flow(flow))
  assert decoded[0, 0].tolist() == [1, -1]
  assert decoded[0, 1].tolist() == [1, -1]
  assert not decoded[1:].any()
  assert decoded.dtype == np.float32


def test_x_is_red_and_y_is_green_and_blue_is_empty():
  flow = np.zeros((6, 10, 2), np.float32)
  flow[..., 0], flow[..., 1] = 10, -5
  encoded = np.frombuffer(codecs.encode_flow(flow), np.uint8)
  image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)  # Blue, green, red.
  assert image.shape == (6, 10, 3)
  assert (image[..., 2] == 128 + 64).all()  # 63.5 rounds to the even code.
  assert (image[..., 1] == 128 - 32).all()
  assert not image[..., 0].any()


def test_flow_takes_no_more_bytes_than_as_one_gray_image():
  """What records held before: x above y, by OpenCV's own choice of options."""
  rng = np.random.default_rng(0)
  noise = rng.normal(0, 1, (256, 340, 2)).astype(np.float32)
  flow = cv2.GaussianBlur(noise, (0, 0), 6) * 60
  codes = np.rint(np.clip(flow, -20, 20) / 20 * 127).astype(int) + 128
  gray = np.concatenate([codes[..., 0], codes[..., 1]]).astype(np.uint8)
  size_before = len(cv2.imencode('.png', gray)[1])
  assert len(codecs.encode_flow(flow)) < 1.05 * size_before


def test_flow_as_jpeg_is_refused():
  """MediaPipe writes it so, with other codes."""
  encoded = cv2.imencode('.jpg', np.full((8, 8, 3), 128, np.uint8))[1]
  with pytest.raises(errors.InputError, match='no PNG image'):
    codecs.decode_flow(encoded.tobytes())


def test_rgb_errs_by_less_than_two_grey_levels():
  frame = small_videos.textured_frames(1, size=(340, 256))[0]
  decoded = codecs.decode_rgb(codecs.encode_rgb(frame))
  assert np.abs(decoded.astype(int) - frame).mean() <= 2


@pytest.mark.parametrize('encoded', [b'', b'no image'])
@pytest.mark.parametrize('decode', [codecs.decode_rgb, codecs.decode_flow])
def test_damaged_images_are_refused(decode, encoded):
  """OpenCV raises an error of its own for no bytes at all."""
  with pytest.raises(errors.InputError, match='does not decode|no PNG'):
    decode(encoded)
