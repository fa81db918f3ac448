"""The features of a set of videos: worker processes beside the network."""

import collections
import dataclasses
import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from two_stream import errors, identity
from two_stream.evaluation import (
  feature_cache,
  fvd_features,
  set_clips,
  video_sets,
)
from two_stream.preprocessing import worker_pool
from two_stream.terminal import progress

# Videos whose features are computed between two writings of the cache.
_PART = 32
_TASKS_AHEAD = 2
_TIMEOUT = 600.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SetFeatures:
  """The features of a set.

  Attributes:
    features: float32 [N, D].
    sizes: the sizes (height, width) that frames have in the set.
    unusable: why videos are left out, one line each.
  """

  features: np.ndarray
  sizes: frozenset[tuple[int, int]]
  unusable: tuple[str, ...]


def of_set(
  sources: Sequence[video_sets.Source],
  settings: video_sets.ClipSettings,
  embed: fvd_features.Embedder,
  cache: feature_cache.FeatureCache,
  num_workers: int,
) -> SetFeatures:
  """Computes the features of a set, as far as they are not known.

  Args:
    sources: the videos.
    settings: what a clip is.
    embed: the network.
    cache: what is known; what is computed is added to it.
    num_workers: how many processes decode videos.

  Returns:
    The features. Videos that cannot be used are left out of them.

  Raises:
    InputError: a file changed, or cannot be read or written.
  """
  digests: list[str | None] = []
  unusable: list[str] = []
  for source in progress.bar(sources, desc='read', unit='video'):
    try:
      digests.append(set_clips.digest(source, settings))
    except errors.InputError as error:
      digests.append(None)
      unusable.append(str(error))
  # A video that a set has twice is computed once.
  lacking = {
    digest: source
    for source, digest in zip(sources, digests)
    if digest is not None and digest not in cache.rows
  }
  if lacking:
    unusable += _compute(lacking, settings, embed, cache, num_workers)
  rows = [cache.rows[d] for d in digests if d is not None and d in cache.rows]
  return SetFeatures(
    features=np.array([row.features for row in rows], np.float32).reshape(
      len(rows), embed.num_features
    ),
    sizes=frozenset(row.size for row in rows),
    unusable=tuple(unusable),
  )


def _compute(
  lacking: Mapping[str, video_sets.Source],
  settings: video_sets.ClipSettings,
  embed: fvd_features.Embedder,
  cache: feature_cache.FeatureCache,
  num_workers: int,
) -> list[str]:
  """Adds features to the cache; returns why videos cannot be used."""
  unusable: list[str] = []
  with worker_pool.worker_pool(
    set_clips.load,
    min(num_workers, len(lacking)),
    _TIMEOUT,
    set_clips.use_one_thread,
    _TASKS_AHEAD,
  ) as pool:
    results = pool.map((source, settings) for source in lacking.values())
    bar = progress.bar(
      results, total=len(lacking), desc='features', unit='video'
    )
    # The bar comes first in the pairs, so that it is taken to its end.
    clips = _usable(zip(bar, lacking.items()), unusable)
    rows = _rows(clips, fvd_features.batch_size(settings.num_frames), embed)
    while part := dict(itertools.islice(rows, _PART)):
      cache.add(part)
  return unusable


def _usable(
  results: Iterable[tuple[Any, tuple[str, video_sets.Source]]],
  unusable: list[str],
) -> Iterator[set_clips.Clip]:
  """Yields the clips of what the workers return, and says what they note.

  Args:
    results: the clip or the failure, and (digest, video).
    unusable: gets a line for each failure.
  """
  notes: collections.Counter[str] = collections.Counter()
  for result, (digest, source) in results:
    if isinstance(result, worker_pool.Failure):
      reason = result.reason
      path = source.path
      unusable.append(reason if path in reason else f'{path}: {reason}')
      continue
    if result.digest != digest:
      raise identity.changed(source.path)
    notes.update(result.notes)
    yield result
  for note, count in notes.most_common():
    logging.warning('%d videos: %s', count, note)


def _rows(
  clips: Iterator[set_clips.Clip], batch: int, embed: fvd_features.Embedder
) -> Iterator[tuple[str, feature_cache.Row]]:
  """Yields the digest and the row of each clip."""
  while some := list(itertools.islice(clips, batch)):
    features = embed.of_clips(np.stack([clip.frames for clip in some]))
    for clip, row in zip(some, features):
      yield clip.digest, feature_cache.Row(row, clip.size)
