r"""Renders a small stand-in for Something-Something v2.

The real data set needs a licence and 20 GB. This one has the same kinds of
files: VP9 videos with a height of 240 pixels and 12 frames per second, and
labels in JSON. It has 17 of the real classes, drawn with objects and hands that
a person recognizes. The objects of the validation and test splits do not occur
in the train split.

    python demo/synthetic_ssv2.py --output_dir=/tmp/synthetic_ssv2

The same seed gives the same bytes. A second run renders only the clips that are
missing: it continues a run that was interrupted, and a larger --num_train adds
clips.
"""

import functools
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import cv2
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from demo import dataset
from two_stream import cli, errors
from two_stream.preprocessing.worker_pool import Failure, worker_pool
from two_stream.terminal import progress

TIMEOUT = 300  # Seconds for one clip, which takes about two.

FLAGS = flags.FLAGS
cli.define_path(
  'output_dir',
  None,
  'Folder of the data set, which is made if it does not exist.',
  required=True,
)
flags.DEFINE_integer(
  'num_train', 1020, 'Number of clips for training.', lower_bound=0
)
flags.DEFINE_integer(
  'num_validation', 170, 'Number of clips for validation.', lower_bound=0
)
flags.DEFINE_integer(
  'num_test', 340, 'Number of clips for testing.', lower_bound=0
)
flags.DEFINE_float(
  'min_seconds', 2.0, 'Duration of the shortest clips.', lower_bound=0.25
)
flags.DEFINE_float(
  'max_seconds', 4.0, 'Duration of the longest clips.', lower_bound=0.25
)
flags.DEFINE_integer('seed', 0, 'Seed of all that is random.', lower_bound=0)
flags.DEFINE_integer(
  'num_workers',
  os.cpu_count(),
  'Number of processes that render.',
  lower_bound=1,
)


def main() -> None:
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


def render_all(
  folder: pathlib.Path, settings: dataset.Settings, counts: Mapping[str, int]
) -> dict[str, list[dict[str, Any]]]:
  """Renders clips in several processes.

  Args:
    folder: of the data set.
    settings: of the data set.
    counts: {split: number of clips}.

  Returns:
    {split: the clips' entries in its JSON file, in order}.

  Raises:
    InputError: if a clip could not be rendered.
  """
  tasks = [(split, i) for split, count in counts.items() for i in range(count)]
  entries: dict[str, list[dict[str, Any]]] = {split: [] for split in counts}
  render = functools.partial(dataset.render, folder, settings)
  one_thread = functools.partial(cv2.setNumThreads, 1)
  with worker_pool(render, FLAGS.num_workers, TIMEOUT, one_thread) as pool:
    results = progress.bar(pool.map(tasks), total=len(tasks), unit='clip')
    for (split, number), entry in zip(tasks, results):
      if isinstance(entry, Failure):
        raise errors.InputError(
          f'{split} clip {number}: {entry.reason}; correct this and run again'
        )
      entries[split].append(entry)
  return entries


if __name__ == '__main__':
  cli.run(main)
