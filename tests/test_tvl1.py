"""Our TV-L1 against OpenCV's, and against known motions."""

import pathlib

import numpy as np
import pytest

from benchmarks import moving_textures
from two_stream.video import tvl1

GOLDEN = pathlib.Path(__file__).parent / 'golden' / 'tvl1.npz'


def end_point_error(flow, other):
  return np.linalg.norm(flow - other, axis=-1)


@pytest.mark.parametrize('name', moving_textures.SCENES)
def test_flow_equals_opencvs(name):
  flow = tvl1.optical_flow(
    *moving_textures.render(moving_textures.SCENES[name])
  )
  expected = np.load(GOLDEN, allow_pickle=False)[name]
  error = end_point_error(flow[::4, ::4], expected)
  assert np.median(error) <= 0.01
  assert np.mean(error) <= 0.05


@pytest.mark.parametrize('x, y', [(0.5, 0.0), (-2.25, 1.5), (4.0, -3.0)])
def test_recovers_a_translation(x, y):
  scene = moving_textures.Scene(7, 128, 160, moving_textures.Motion(x, y))
  flow = tvl1.optical_flow(*moving_textures.render(scene))
  inner = flow[16:-16, 16:-16]
  assert np.median(end_point_error(inner, [x, y])) < 0.1
  assert np.abs(inner.mean((0, 1)) - [x, y]).max() < 0.1


def test_identical_frames_have_no_flow():
  frame, _ = moving_textures.render(moving_textures.SCENES['small'])
  assert not tvl1.optical_flow(frame, frame.copy()).any()


def test_buffers_carry_nothing_from_pair_to_pair():
  first, second = moving_textures.render(moving_textures.SCENES['small'])
  solver = tvl1.Solver(*first.shape)
  flow = solver.solve(first, second)
  kept = flow.copy()
  solver.solve(second, first)
  np.testing.assert_array_equal(flow, kept)
  np.testing.assert_array_equal(solver.solve(first, second), kept)
  np.testing.assert_array_equal(tvl1.optical_flow(first, second), kept)


@pytest.mark.parametrize('size', [(1, 1), (2, 3), (5, 40), (17, 16), (33, 90)])
def test_any_size_gives_finite_flow(size):
  rng = np.random.default_rng(0)
  frame, other = rng.integers(0, 256, (2, *size), np.uint8)
  flow = tvl1.optical_flow(frame, other)
  assert flow.shape == (*size, 2)
  assert flow.dtype == np.float32
  assert np.isfinite(flow).all()


@pytest.mark.parametrize(
  'frame',
  [
    np.zeros((8, 8), np.float32),
    np.zeros((8, 8, 3), np.uint8),
    np.zeros((0, 8), np.uint8),
  ],
)
def test_refuses_what_is_no_gray_image(frame):
  with pytest.raises(ValueError, match='gray images'):
    tvl1.optical_flow(frame, frame)


def test_refuses_frames_of_two_sizes():
  with pytest.raises(ValueError, match='different sizes'):
    tvl1.optical_flow(np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8))
