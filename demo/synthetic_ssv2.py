r"""Renders a small stand-in for Something-Something v2.

The real data set needs a licence and 20 GB. This one has the same files - VP9
videos of 240 pixels' height and 12 frames a second, JSON labels - for 17 of the
real class names, drawn with objects and hands that a person recognizes. The
objects of the validation and test splits do not occur in training.

    python demo/synthetic_ssv2.py --output_dir=/tmp/synthetic_ssv2

The same seed gives the same bytes. A rerun renders what is missing, so a run
that was interrupted goes on, and a larger --num_train adds clips.
"""

import functools
import os
import pathlib
import sys

import cv2
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from demo import dataset
from two_stream import cli, errors
from two_stream.preprocessing.worker_pool import Failure, worker_pool
from two_stream.terminal import progress

TIMEOUT = 300  # seconds; a clip takes about two

FLAGS = flags.FLAGS
cli.define_path(
  'output_dir', None, 'Folder of the data set; made if need be.', required=True
)
flags.DEFINE_integer('num_train', 1020, 'Clips for training.', lower_bound=0)
flags.DEFINE_integer('num_validation', 170, 'Clips to validate.', lower_bound=0)
flags.DEFINE_integer('num_test', 340, 'Clips to test.', lower_bound=0)
flags.DEFINE_float('min_seconds', 2.0, 'Shortest clip.', lower_bound=0.25)
flags.DEFINE_float('max_seconds', 4.0, 'Longest clip.', lower_bound=0.25)
flags.DEFINE_integer('seed', 0, 'Another seed, other clips.', lower_bound=0)
flags.DEFINE_integer(
  'num_workers', os.cpu_count(), 'Rendering processes.', lower_bound=1
)


def main():
  """Renders the clips that are missing, then writes the label files."""
  if FLAGS.min_seconds > FLAGS.max_seconds:
    raise errors.InputError('--min_seconds: is larger than --max_seconds')
  folder = pathlib.Path(FLAGS.output_dir)
  settings = dataset.Settings(FLAGS.seed, FLAGS.min_seconds, FLAGS.max_seconds)
  counts = {
    'train': FLAGS.num_train,
    'validation': FLAGS.num_validation,
    'test': FLAGS.num_test,
  }
  try:
    dataset.prepare(folder, settings)
    entries = render_all(folder, settings, counts)
    dataset.write_labels(folder, entries)
  except OSError as error:
    raise errors.InputError(f'--output_dir: {error}') from None
  for split, count in counts.items():
    print(f'{split}: {count} clips')


def render_all(folder, settings, counts):
  """Renders clips in several processes.

  Args:
    folder: pathlib.Path of the data set.
    settings: dataset.Settings.
    counts: dict of split -> number of clips.

  Returns:
    A dict of split -> list of the clips' entries for JSON, in order.

  Raises:
    InputError: a clip could not be rendered.
  """
  tasks = [(split, i) for split, count in counts.items() for i in range(count)]
  entries = {split: [] for split in counts}
  render = functools.partial(dataset.render, folder, settings)
  one_thread = functools.partial(cv2.setNumThreads, 1)
  with worker_pool(render, FLAGS.num_workers, TIMEOUT, one_thread) as pool:
    results = progress.bar(pool.map(tasks), total=len(tasks), unit='clip')
    for (split, number), entry in zip(tasks, results):
      if isinstance(entry, Failure):
        raise errors.InputError(
          f'{split} clip {number}: {entry.reason}; mend it and run again'
        )
      entries[split].append(entry)
  return entries


if __name__ == '__main__':
  cli.run(main)
