"""The Frechet video distance, beside SciPy's matrix square root."""

import numpy as np
import pytest
import scipy.linalg

from two_stream import errors
from two_stream.evaluation import fvd


def features(number, size, seed, scale=1.0, shift=0.0):
  """Features that depend on one another, as logits do."""
  mixed = np.random.default_rng(size).normal(size=[size, size]) / size**0.5
  rng = np.random.default_rng(seed)
  rows = (scale * rng.normal(size=[number, size]) + shift) @ mixed
  return rows.astype(np.float32)


def by_scipy(a, b):
  """The formula as the paper has it."""
  a, b = a.astype(np.float64), b.astype(np.float64)
  s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
  root = np.real(scipy.linalg.sqrtm(s @ t))
  means = a.mean(axis=0) - b.mean(axis=0)
  return means @ means + np.trace(s + t - 2 * root)


@pytest.mark.parametrize(
  ('numbers', 'size'),
  [
    ((300, 300), 40),
    ((300, 280), 150),
    ((300, 300), 320),  # Fewer videos than features.
    ((20, 300), 120),
  ],
)
def test_the_distance_is_that_of_scipys_square_root(numbers, size):
  a = features(numbers[0], size, 1)
  b = features(numbers[1], size, 2, 1.3, 0.1)
  distance = fvd.frechet_video_distance(a, b)
  assert distance == pytest.approx(by_scipy(a, b), rel=1e-6)
  assert fvd.frechet_video_distance(b, a) == pytest.approx(distance, rel=1e-12)


def test_the_distance_of_normal_distributions_of_one_number_each():
  """It is (difference of means)^2 + (difference of deviations)^2."""
  a, b = np.array([[0.0], [2.0]]), np.array([[10.0], [14.0]])
  expected = (12 - 1) ** 2 + (8**0.5 - 2**0.5) ** 2
  assert fvd.frechet_video_distance(a, b) == pytest.approx(expected)


@pytest.mark.parametrize('number', [2, 30, 300])
def test_a_set_is_at_no_distance_from_itself(number):
  a = 10 + features(number, 120, 1, 30)
  trace = a.var(axis=0).sum()
  for same in (a, a[::-1], a.astype(np.float64)):
    assert 0 <= fvd.frechet_video_distance(a, same) <= 1e-6 * trace


def test_more_noise_is_more_distance():
  a = features(300, 50, 1)
  distances = [
    fvd.frechet_video_distance(a, a + features(300, 50, 2, scale))
    for scale in (0, 0.1, 0.2, 0.5, 1, 2)
  ]
  assert distances[0] == pytest.approx(0, abs=1e-9)
  assert (np.diff(distances) > 0).all()


def test_videos_are_embedded():
  def embed(videos):
    assert videos.dtype == np.uint8
    return videos.reshape(len(videos), -1)[:, :3].astype(np.float32)

  rng = np.random.default_rng(0)
  a, b = rng.integers(0, 256, [2, 9, 10, 8, 8, 3], np.uint8)
  assert fvd.frechet_video_distance(a, b, embed) == pytest.approx(
    by_scipy(embed(a), embed(b)), rel=1e-6
  )
  with pytest.raises(errors.InputError, match='a holds videos; give a network'):
    fvd.frechet_video_distance(a, b)
  with pytest.raises(errors.InputError, match='a have 9 frames and those of b'):
    fvd.frechet_video_distance(a[:, :9], b, embed)


GOOD = np.eye(4)


@pytest.mark.parametrize(
  ('b', 'message'),
  [
    (np.eye(3), 'a video of a has 4 features and one of b 3; compute both'),
    (GOOD[:1], 'b has 1 videos; a covariance needs 2 or more'),
    (GOOD[0], r'b is float64 \[4\]; give features'),
    (GOOD.astype(complex), r'b is complex128 \[4, 4\]; give features'),
    (np.where(GOOD, np.nan, GOOD), 'b has features that are not finite'),
  ],
)
def test_other_arrays_are_refused(b, message):
  with pytest.raises(errors.InputError, match=message):
    fvd.frechet_video_distance(GOOD, b)


def test_the_interval_is_as_wide_as_other_sets_scatter():
  """Sets of one distribution scatter by about as much as the interval says."""
  others = [
    fvd.frechet_video_distance(
      features(200, 5, seed), features(200, 5, 1000 + seed, 1.5, 0.5)
    )
    for seed in range(100, 300)
  ]
  low, high = np.quantile(others, [0.025, 0.975])
  a, b = features(200, 5, 1), features(200, 5, 2, 1.5, 0.5)
  distance = fvd.frechet_video_distance(a, b)
  found = fvd.interval(distance, fvd.resample(a, b, 200))
  assert found.low < distance < found.high
  assert found.high - found.low == pytest.approx(high - low, rel=0.25)


def test_draws_are_the_same_every_time_and_no_interval_is_negative():
  a, b = features(30, 5, 1), features(30, 5, 2)
  first, again = (list(fvd.resample(a, b, 20)) for _ in range(2))
  assert first == again
  assert len(set(first)) == 20
  assert list(fvd.resample(a, b, 20, seed=1)) != first
  assert fvd.interval(0.001, first).low == 0
