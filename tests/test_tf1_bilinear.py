"""Resizing is TensorFlow 1's, beside TensorFlow and beside plain loops."""

import math

import numpy as np
import pytest
import tensorflow as tf

from two_stream.video import tf1_bilinear

SIZES = [(64, 64), (240, 320), (300, 17), (1, 5), (224, 224), (223, 448)]


def image_of(height, width):
  rng = np.random.default_rng(height)
  return rng.integers(0, 256, [height, width, 3], np.uint8)


def by_loops(image, size):
  """Interpolates the pixels around i * (old size / new size), in float64."""
  height, width = image.shape[:2]
  result = np.empty([size, size, 3])
  for i in range(size):
    for j in range(size):
      y, x = i * height / size, j * width / size
      top, left = math.floor(y), math.floor(x)
      total = 0
      for row, share in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, part in ((left, 1 - (x - left)), (left + 1, x - left)):
          pixel = image[min(row, height - 1), min(column, width - 1)]
          total = total + share * part * pixel.astype(float)
      result[i, j] = total
  return result


@pytest.mark.parametrize('size', SIZES)
def test_it_is_tensorflow_1s_default(size):
  image = image_of(*size)
  ours = tf1_bilinear.resize(image, 224)
  theirs = tf.compat.v1.image.resize_bilinear(image[np.newaxis], [224, 224])[0]
  assert ours.dtype == np.float32
  np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize('size', SIZES)
def test_it_is_what_the_grid_says(size):
  image = image_of(*size)
  np.testing.assert_allclose(
    tf1_bilinear.resize(image, 20), by_loops(image, 20), rtol=0, atol=0.01
  )


def test_it_is_not_the_grid_of_half_pixels():
  image = image_of(64, 64)
  half = tf.image.resize(image, [224, 224])
  difference = np.abs(tf1_bilinear.resize(image, 224) - half)
  assert difference.mean() > 10


def test_floats_are_not_rounded_and_an_image_of_that_size_stays():
  image = image_of(224, 224) / np.float32(3)
  np.testing.assert_array_equal(tf1_bilinear.resize(image, 224), image)
