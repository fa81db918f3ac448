"""The loops of TV-L1, each by itself."""

import numpy as np
import pytest

from two_stream.video import tvl1_kernels

LEFT, BORDER = tvl1_kernels.LEFT, tvl1_kernels.BORDER


def inside(field, shape):
  return field[1 : shape[0] + 1, LEFT : LEFT + shape[1]]


def bordered(image):
  height, width = image.shape
  result = np.zeros((height + 2 * BORDER, width + 2 * BORDER, 4), np.float32)
  tvl1_kernels.set_image(image, result)
  return result


@pytest.mark.parametrize('width', [1, 16, 17, 100])
def test_rows_of_fields_begin_at_cache_lines(width):
  fields = tvl1_kernels.fields(3, 5, width)
  assert fields.shape[:2] == (3, 7)
  assert fields.shape[2] >= LEFT + width + 1
  assert fields.ctypes.data % 64 == 0
  assert fields.strides[1] % 64 == 0
  assert not fields.any()


def test_an_image_gets_central_differences_and_a_border_of_zeros():
  rng = np.random.default_rng(0)
  image = rng.uniform(0, 255, (6, 9)).astype(np.float32)
  result = bordered(image)
  padded = np.pad(image, 1, mode='edge')
  middle = result[BORDER:-BORDER, BORDER:-BORDER]
  np.testing.assert_array_equal(middle[..., 0], image)
  np.testing.assert_allclose(
    middle[..., 1], (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2, rtol=1e-6
  )
  np.testing.assert_allclose(
    middle[..., 2], (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2, rtol=1e-6
  )
  middle[:] = 0
  assert not result.any()


def test_for_whole_pixels_the_linearization_takes_the_pixel_itself():
  rng = np.random.default_rng(1)
  frame, following = rng.uniform(0, 255, (2, 8, 20)).astype(np.float32)
  image = bordered(following)
  flow = tvl1_kernels.fields(2, *frame.shape)
  linear = tvl1_kernels.fields(3, *frame.shape)
  for dx, dy in ((0, 0), (2, -1)):
    flow[0], flow[1] = dx, dy
    tvl1_kernels.linearize(image.reshape(-1), frame, *flow, *linear)
    moved = np.roll(image, (-dy, -dx), (0, 1))[BORDER:-BORDER, BORDER:-BORDER]
    value, image_x, image_y, _ = np.moveaxis(moved, -1, 0)
    expected = [image_x, image_y, value - image_x * dx - image_y * dy - frame]
    for field, wanted in zip(linear, expected):
      np.testing.assert_allclose(
        inside(field, frame.shape), wanted, rtol=1e-4, atol=1e-3
      )


def test_where_nothing_differs_one_iteration_is_enough():
  shape = 8, 20
  u, p = tvl1_kernels.fields(2, *shape), tvl1_kernels.fields(4, *shape)
  linear = tvl1_kernels.fields(3, *shape)
  has_right = np.zeros(u.shape[-1], np.float32)
  has_right[LEFT : LEFT + shape[1] - 1] = 1
  assert tvl1_kernels.inner_loop(*u, *p, *linear, has_right, 20, 0.0) == (1, 0)
  assert not u.any()


def test_an_inner_loop_ends_after_the_published_number_of_iterations():
  rng = np.random.default_rng(2)
  shape = 8, 20
  u, p = tvl1_kernels.fields(2, *shape), tvl1_kernels.fields(4, *shape)
  linear = tvl1_kernels.fields(3, *shape)
  for field in linear:
    inside(field, shape)[:] = rng.normal(0, 10, shape)
  has_right = np.zeros(u.shape[-1], np.float32)
  has_right[LEFT : LEFT + shape[1] - 1] = 1
  iterations, change = tvl1_kernels.inner_loop(
    *u, *p, *linear, has_right, shape[1], 0.0
  )
  assert iterations == tvl1_kernels.INNER_ITERATIONS == 30
  assert change > 0
  assert np.isfinite(u).all()
