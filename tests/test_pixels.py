"""Frames are resized, cropped and scaled as published."""

import numpy as np
import pytest
import tensorflow as tf

from two_stream.video import pixels


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
  assert pixels.resized(size[1], size[0], 256) == expected


def test_resizing_is_bilinear():
  ramp = np.tile(np.arange(0, 240, 10, np.uint8), (24, 1))
  frame = np.repeat(ramp[..., np.newaxis], 3, axis=-1)
  larger = np.empty((48, 48, 3), np.uint8)
  pixels.resize_into(frame, larger)
  centres = (np.arange(48) + 0.5) / 2 - 0.5
  np.testing.assert_allclose(
    larger[10, :, 0], np.clip(centres, 0, 23) * 10, atol=0.6
  )


def test_scaling_covers_minus_one_to_one():
  frames = np.array([0, 255], np.uint8)
  assert pixels.scale_rgb(frames).tolist() == [-1, 1]
  flow = np.array([-50.0, -20, 0, 10, 20.5])
  assert pixels.scale_flow(flow).tolist() == [-1, -1, 0, 0.5, 1]
  assert pixels.scale_flow(flow).dtype == np.float32


def test_the_crop_is_central():
  image = np.arange(256 * 341).reshape(1, 256, 341, 1)
  crop = pixels.center_crop(image)
  assert crop.shape == (1, 224, 224, 1)
  assert crop[0, 0, 0, 0] == 16 * 341 + 58


@pytest.mark.parametrize('stream', ['rgb', 'flow'])
def test_arrays_and_tensors_are_scaled_by_the_same_arithmetic(stream):
  codes = np.arange(256, dtype=np.float32)
  of_array = pixels.unit_range(codes, stream)
  of_tensor = pixels.unit_range(tf.constant(codes), stream)
  assert of_array.dtype == np.float32
  np.testing.assert_array_equal(of_array, of_tensor.numpy())


def test_rgb_values_come_back():
  codes = np.arange(256, dtype=np.uint8)
  back = pixels.unscale_rgb(pixels.scale_rgb(codes))
  assert back.dtype == np.uint8
  np.testing.assert_array_equal(back, codes)
