r"""Computes the Frechet video distance (FVD) of generated videos.

    python compute_fvd.py --data_dir=kinetics-i3d/data \
      --reference_dir=real_videos --generated_dir=my_videos

A set is a folder of videos, a folder of folders of numbered frames, or a .npy
file, uint8 [videos, frames, height, width, 3]. The script prints one line:

    FVD: 123.456 (2,048 reference and 2,048 generated videos of 16 frames, ...)

and, with --bootstrap, a second one:

    95 % interval: 120.345 to 126.789 (1,000 draws)

After an interruption, run the same command again to continue: features are kept
in --cache_dir. docs/fvd.md tells what the figure means and what it can be
compared with.
"""

import logging
import os
import pathlib

from absl import flags

from two_stream import cli, errors, recipe
from two_stream.evaluation import data_directory, video_sets
from two_stream.video import resampling

_DATA_DIR = cli.define_path(
  'data_dir',
  None,
  "The folder of DeepMind's checkpoints, of which rgb_scratch is taken.",
  required=True,
)
_REFERENCE_DIR = cli.define_path(
  'reference_dir', None, 'The set of real videos.', required=True
)
_GENERATED_DIR = cli.define_path(
  'generated_dir',
  None,
  'The set of videos that are compared with them.',
  required=True,
)
_NUM_FRAMES = flags.DEFINE_integer(
  'num_frames',
  16,
  'How many frames a clip has. They are the first ones of each video.',
  lower_bound=recipe.MIN_FRAMES,
  upper_bound=recipe.MAX_TEST_FRAMES,
)
_NUM_VIDEOS = flags.DEFINE_integer(
  'num_videos',
  None,
  'How many videos to take of each set, always the same ones. Default: all.',
  lower_bound=2,
)
_FRAMES_PER_SECOND = flags.DEFINE_integer(
  'frames_per_second',
  None,
  'The rate to which video files are resampled. Numbered frames and arrays are '
  'taken as they are. Default: each video keeps its own rate.',
  lower_bound=1,
  upper_bound=resampling.MAX_FRAMES_PER_SECOND,
)
_SKIP_UNUSABLE = flags.DEFINE_boolean(
  'skip_unusable',
  False,
  'Leave out videos that are damaged or have fewer than --num_frames frames. '
  'Otherwise one of them is an error.',
)
_FOLLOW_LINKS = flags.DEFINE_boolean(
  'follow_links',
  False,
  'Follow links to folders, and links that lead out of the folder of a set.',
)
_BOOTSTRAP = flags.DEFINE_integer(
  'bootstrap',
  0,
  'How many times to draw videos with replacement, for an interval in which '
  'the distances of 95 % of other choices of videos would lie. 1000 are usual.',
  lower_bound=0,
)
_CACHE_DIR = cli.define_path(
  'cache_dir',
  'fvd_cache',
  'The folder in which features of videos are kept. It is made if it is '
  'missing.',
)
_NUM_WORKERS = flags.DEFINE_integer(
  'num_workers',
  len(os.sched_getaffinity(0)),
  'The number of processes that decode videos; by default one for each core.',
  lower_bound=1,
)
_OUTPUT = cli.define_path(
  'output', None, 'A JSON file to write, with the figures and how they came.'
)


def main() -> None:
  """Finds the videos of both sets, computes their distance, and prints it."""
  cli.refuse_overwriting(
    'output', _OUTPUT.value, _REFERENCE_DIR.value, _GENERATED_DIR.value
  )
  settings = video_sets.ClipSettings(
    num_frames=_NUM_FRAMES.value, frames_per_second=_FRAMES_PER_SECOND.value
  )
  checkpoint = data_directory.checkpoint(_DATA_DIR.value, 'rgb', 'rgb', False)
  # A mistake in a path is reported at once, before TensorFlow starts.
  sets = {
    name: video_sets.choose(
      video_sets.find(path, settings, _FOLLOW_LINKS.value), _NUM_VIDEOS.value
    )
    for name, path in (
      ('reference', _REFERENCE_DIR.value),
      ('generated', _GENERATED_DIR.value),
    )
  }
  for name, sources in sets.items():
    if len(sources) < 2:
      raise errors.InputError(
        f'--{name}_dir: has {len(sources)} video; a distance needs 2 or more'
      )
  cli.start_tensorflow()
  from two_stream.evaluation import fvd_report  # noqa: PLC0415

  report = fvd_report.compute(
    fvd_report.Comparison(
      checkpoint=checkpoint,
      reference=sets['reference'],
      generated=sets['generated'],
      settings=settings,
      skips_unusable=_SKIP_UNUSABLE.value,
      num_draws=_BOOTSTRAP.value,
      cache_dir=pathlib.Path(_CACHE_DIR.value),
      num_workers=_NUM_WORKERS.value,
    )
  )
  print('\n'.join(report.lines()))
  if _OUTPUT.value:
    report.write(_OUTPUT.value)
    logging.info('%s is written', _OUTPUT.value)


if __name__ == '__main__':
  cli.run(main)
