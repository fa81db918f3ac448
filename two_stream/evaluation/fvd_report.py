"""What compute_fvd.py prints: the distance of two sets, and its basis."""

import dataclasses
import json
import logging
import pathlib
from collections.abc import Sequence
from typing import Any

from two_stream import errors, files
from two_stream.evaluation import (
  feature_cache,
  fvd,
  fvd_features,
  set_features,
  video_sets,
)
from two_stream.terminal import progress

_NUM_NAMED = 3
# Another number makes features that are kept useless: for when the steps from a
# video to its features change.
_FORM = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
  """What to compare, and how.

  Attributes:
    checkpoint: the prefix of the network's checkpoint.
    reference: the real videos.
    generated: the videos that are compared with them.
    settings: what a clip is.
    skips_unusable: whether videos that cannot be used are left out; otherwise
      they are an error.
    num_draws: how many times to draw videos for the interval; 0: no interval.
    cache_dir: where features are kept; None: nowhere.
    num_workers: how many processes decode videos.
  """

  checkpoint: files.PathLike
  reference: Sequence[video_sets.Source]
  generated: Sequence[video_sets.Source]
  settings: video_sets.ClipSettings
  skips_unusable: bool = False
  num_draws: int = 0
  cache_dir: pathlib.Path | None = None
  num_workers: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
  """The distance and what it rests on.

  Attributes:
    distance: the distance.
    interval: see `fvd.interval`; None if it was not asked for.
    num_draws: how many times videos were drawn for it.
    num_reference: the number of reference videos.
    num_generated: the number of generated videos.
    settings: what a clip is.
    network: what the network is.
    is_official: whether it is the one that the FVD is defined with.
    num_unusable: how many videos were left out.
  """

  distance: float
  interval: fvd.Interval | None
  num_draws: int
  num_reference: int
  num_generated: int
  settings: video_sets.ClipSettings
  network: str
  is_official: bool
  num_unusable: int

  def lines(self) -> list[str]:
    """Returns the lines to print. The second word is the distance."""
    rate = self.settings.frames_per_second
    at = '' if rate is None else f' at {rate} a second'
    lines = [
      f'FVD: {self.distance:.3f} ({self.num_reference:,} reference and '
      f'{self.num_generated:,} generated videos of {self.settings.num_frames} '
      f'frames{at}, {errors.printable(self.network)})'
    ]
    if self.interval is not None:
      lines.append(
        f'95 % interval: {self.interval.low:.3f} to {self.interval.high:.3f} '
        f'({self.num_draws:,} draws)'
      )
    return lines

  def write(self, path: files.PathLike) -> None:
    """Writes a JSON file.

    Raises:
      InputError: the file cannot be written.
    """
    content: dict[str, Any] = dataclasses.asdict(self)
    content = {'fvd': content.pop('distance'), **content}
    content['interval'] = self.interval and list(self.interval)
    with (
      files.errors_of_writing(path, 'choose another --output'),
      files.open_result(path, 'w') as stream,
    ):
      json.dump(content, stream, indent=2)
      stream.write('\n')


def compute(comparison: Comparison) -> Report:
  """Computes the distance of two sets, and says what speaks against it.

  Raises:
    InputError: a file cannot be read or written, a video cannot be used, or a
      set has fewer than two videos.
  """
  embed = fvd_features.Embedder(comparison.checkpoint)
  settings = comparison.settings
  cache = feature_cache.FeatureCache(
    comparison.cache_dir,
    f'{_FORM} {embed.digest} {settings.num_frames} '
    f'{settings.frames_per_second}',
    embed.num_features,
  )
  sets = [
    set_features.of_set(sources, settings, embed, cache, comparison.num_workers)
    for sources in (comparison.reference, comparison.generated)
  ]
  unusable = [reason for each in sets for reason in each.unusable]
  _treat_unusable(unusable, comparison.skips_unusable)
  a, b = (each.features for each in sets)
  distance = fvd.frechet_video_distance(a, b)
  _warn(embed, sets)
  interval = None
  if comparison.num_draws:
    draws = fvd.resample(a, b, comparison.num_draws)
    bar = progress.bar(draws, total=comparison.num_draws, desc='draws')
    interval = fvd.interval(distance, bar)
  return Report(
    distance=distance,
    interval=interval,
    num_draws=comparison.num_draws,
    num_reference=len(a),
    num_generated=len(b),
    settings=settings,
    network=embed.name,
    is_official=embed.is_official,
    num_unusable=len(unusable),
  )


def _treat_unusable(unusable: Sequence[str], skips: bool) -> None:
  """Warns of videos that are left out, or raises InputError."""
  if not unusable:
    return
  named = '; '.join(unusable[:_NUM_NAMED])
  more = '; ...' if len(unusable) > _NUM_NAMED else ''
  found = f'{len(unusable)} videos cannot be used: {named}{more}'
  if not skips:
    raise errors.InputError(
      f'{found}. Remove them, or leave them out with --skip_unusable'
    )
  logging.warning('%s. They are left out', found)


def _warn(
  embed: fvd_features.Embedder, sets: Sequence[set_features.SetFeatures]
) -> None:
  """Says why the distance cannot be compared with those of papers."""
  if not embed.is_official:
    logging.warning(
      "%s: the FVD is defined with DeepMind's %s; distances of other networks "
      'cannot be compared with it',
      embed.name,
      fvd_features.OFFICIAL_NETWORK,
    )
  numbers = [len(each.features) for each in sets]
  if min(numbers) < fvd.USUAL_VIDEOS:
    logging.warning(
      'sets of %d and %d videos; most papers take %d, and fewer give a larger '
      'distance',
      *numbers,
      fvd.USUAL_VIDEOS,
    )
  elif numbers[0] != numbers[1]:
    logging.warning(
      'the sets have %d and %d videos; the distance depends on their numbers',
      *numbers,
    )
  if sets[0].sizes != sets[1].sizes:
    logging.warning(
      'frames of %s pixels are compared with frames of %s; the distance '
      'depends on the size',
      *map(_sizes, sets),
    )


def _sizes(features: set_features.SetFeatures) -> str:
  """Names some of the sizes of a set."""
  sizes = sorted(features.sizes)
  named = ', '.join(f'{width} x {height}' for height, width in sizes[:3])
  return named + (', ...' if len(sizes) > 3 else '')
