"""The Frechet video distance of two sets of videos, from their features.

Each set is described by the mean and the covariance of its features. The
distance is that of two normal distributions with these (Unterthiner et al.,
https://arxiv.org/abs/1812.01717, equation 2):

    |mean_a - mean_b|^2 + trace(S_a + S_b - 2 (S_a S_b)^(1/2))

The features are the logits of one certain network, see docs/fvd.md. This module
is NumPy alone.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from two_stream import errors

# So many clips a set has in most papers, and so many are needed before the
# figure hardly depends on their number, see docs/fvd.md.
USUAL_VIDEOS = 2048
_FEWEST_VIDEOS = 2

Embed = Callable[[np.ndarray], np.ndarray]


class Interval(NamedTuple):
  """Between which figures most other choices of videos would lie.

  Attributes:
    low: the lower end, 0 or more.
    high: the upper end.
  """

  low: float
  high: float


def frechet_video_distance(
  a: np.ndarray, b: np.ndarray, embed: Embed | None = None
) -> float:
  """Computes the Frechet video distance of two sets.

  Args:
    a: the features of the videos of one set, [N, D], N >= 2. Or its videos,
      [N, T, H, W, 3], with values from 0 to 255.
    b: the same of the other set. The sets may differ in N alone, and videos may
      also differ in H and W.
    embed: turns videos into features, such as an `fvd_features.Embedder`. It is
      needed for videos alone.

  Returns:
    The distance, which is 0 or more.

  Raises:
    InputError: an array has another shape, fewer than two videos, or values
      that cannot be used.
  """
  features = [_features(name, x, embed) for name, x in (('a', a), ('b', b))]
  _check_alike(a, b, features)
  return _distance(*map(_moments, features))


def resample(
  a: np.ndarray, b: np.ndarray, number: int, seed: int = 0
) -> Iterator[float]:
  """Computes the distance of sets that are drawn from the two sets.

  Each draws as many videos as a set has, with replacement.

  Args:
    a: features [N, D], as in `frechet_video_distance`.
    b: features [M, D].
    number: how many times to draw.
    seed: the same seed gives the same draws.

  Yields:
    The distance of each draw.
  """
  rng = np.random.default_rng(seed)
  for _ in range(number):
    drawn = (x[rng.integers(len(x), size=len(x))] for x in (a, b))
    yield _distance(*map(_moments, drawn))


def interval(
  distance: float, resampled: Iterable[float], share: float = 0.95
) -> Interval:
  """Computes how much a distance depends on which videos were taken.

  A draw with replacement has fewer different videos than its set, so its
  distance is larger on average, as that of a smaller set is. Only the scatter
  of the draws is used, therefore: their percentiles, moved so that their mean
  lies at the distance itself.

  Args:
    distance: that of the sets.
    resampled: what `resample` yields, at least one.
    share: the share of the draws that lies between the percentiles.

  Returns:
    The interval.
  """
  draws = np.array(list(resampled))
  tails = [(1 - share) / 2, (1 + share) / 2]
  low, high = np.quantile(draws, tails) - draws.mean() + distance
  return Interval(max(0.0, float(low)), float(high))


def _features(name: str, x: np.ndarray, embed: Embed | None) -> np.ndarray:
  """Returns features as float64 [N, D]."""
  x = np.asarray(x)
  if x.ndim == 5:
    if embed is None:
      raise errors.InputError(
        f'{name} holds videos; give a network as `embed`, such as '
        'fvd_features.Embedder(checkpoint)'
      )
    x = embed(x)
  if x.ndim != 2 or x.dtype.kind not in 'fiu':
    raise errors.InputError(
      f'{name} is {x.dtype} {list(x.shape)}; give features [videos, numbers], '
      'or videos [videos, frames, height, width, 3]'
    )
  if len(x) < _FEWEST_VIDEOS:
    raise errors.InputError(
      f'{name} has {len(x)} videos; a covariance needs {_FEWEST_VIDEOS} or more'
    )
  x = x.astype(np.float64)
  if not np.isfinite(x).all():
    raise errors.InputError(f'{name} has features that are not finite')
  return x


def _check_alike(
  a: np.ndarray, b: np.ndarray, features: list[np.ndarray]
) -> None:
  """Raises InputError if two sets cannot be compared."""
  shapes = np.shape(a), np.shape(b)
  if len(shapes[0]) == len(shapes[1]) == 5 and shapes[0][1] != shapes[1][1]:
    raise errors.InputError(
      f'the videos of a have {shapes[0][1]} frames and those of b '
      f'{shapes[1][1]}; take equally many'
    )
  sizes = [x.shape[1] for x in features]
  if sizes[0] != sizes[1]:
    raise errors.InputError(
      f'a video of a has {sizes[0]} features and one of b {sizes[1]}; compute '
      'both with one network'
    )


class _Moments(NamedTuple):
  """What the distance takes of a set.

  Attributes:
    mean: float64 [D].
    factor: float64 [min(N, D), D]; factor' factor is the unbiased covariance.
  """

  mean: np.ndarray
  factor: np.ndarray


def _moments(x: np.ndarray) -> _Moments:
  """Computes the moments of features [N, D]."""
  x = np.asarray(x, np.float64)
  mean = x.mean(axis=0)
  factor = np.linalg.qr(x - mean, mode='r')
  return _Moments(mean, factor / np.sqrt(len(x) - 1))


def _distance(a: _Moments, b: _Moments) -> float:
  """Computes the distance of two sets.

  With S_a = A'A and S_b = B'B, the trace of (S_a S_b)^(1/2) is the sum of the
  singular values of AB'. So no square root is taken of eigenvalues that are
  zero but for rounding, which there are many of if a set has fewer videos than
  features.
  """
  means = np.square(a.mean - b.mean).sum()
  traces = np.square(a.factor).sum() + np.square(b.factor).sum()
  roots = np.linalg.svd(a.factor @ b.factor.T, compute_uv=False).sum()
  return max(0.0, float(means + traces - 2 * roots))
