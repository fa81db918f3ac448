"""Tests of the bicubic interpolation."""

import cv2
import numpy as np

from two_stream.video import bicubic, compiled


@compiled.kernel
def sample_all(image, width, points, results):
  """Samples at points [N, 2], (x, y) as distances from pixel (1, 1)."""
  for i in range(len(points)):
    left, top = np.floor(points[i, 0]), np.floor(points[i, 1])
    row = np.uint64(4 * width)
    first = np.uint64(top) * row + np.uint64(left) * np.uint64(4)
    channels = bicubic.sample(
      image, first, row, points[i, 0] - left, points[i, 1] - top
    )
    for channel in range(4):
      results[i, channel] = channels[channel]


def random_image(rng):
  return rng.uniform(-1, 1, (9, 8, 4)).astype(np.float32)


def test_agrees_with_opencv_at_multiples_of_a_32nd_of_a_pixel():
  rng = np.random.default_rng(0)
  image = random_image(rng)
  points = rng.integers(0, 4 * 32, (50, 2)).astype(np.float32) / 32
  results = np.zeros((50, 4), np.float32)
  sample_all(image.reshape(-1), 8, points, results)
  x, y = (points + 1).T.copy()
  expected = cv2.remap(image, x, y, cv2.INTER_CUBIC).reshape(-1, 4)
  np.testing.assert_allclose(results, expected, atol=2e-6)


def test_gives_the_pixels_themselves_and_is_continuous_between_them():
  image = random_image(np.random.default_rng(1))
  x = np.float32([0, 1 - 1e-6, 1, 2, 3])
  points = np.stack([x, np.full_like(x, 2)], -1)
  results = np.zeros((len(x), 4), np.float32)
  sample_all(image.reshape(-1), 8, points, results)
  expected = image[3, [1, 2, 2, 3, 4]]
  np.testing.assert_allclose(results, expected, atol=1e-5)
