r"""Turns any data set of videos into TFRecord shards of RGB and flow.

    python preprocess_videos.py --dataset=kinetics --videos_dir=kinetics400 \
      --annotations=annotations --label_map=label_map.txt \
      --output_dir=kinetics_records --num_workers=16
    python preprocess_videos.py --dataset=folders --videos_dir=my_videos \
      --output_dir=my_records

Before it begins, the program says what it found: the classes, the videos of
each split, how many of them are missing, and how much disk and time the records
will take. --dry_run stops there.

Clips are made as preprocess_ssv2.py makes them, and the work can be
interrupted, continued and shared by many machines in the same way. --help
describes the files of each data set under --dataset.

Exit status: 0 if every video of this task is in a shard, but for videos that
are missing in a data set of which some always are (Kinetics); 2 if some videos
could not be used, in which case --output_dir/failures.jsonl names each with the
reason; 1 if the program had to stop.
"""

import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from two_stream import cli, errors
from two_stream.datasets import catalog, data_set, label_map
from two_stream.preprocessing import (
  forecast,
  inventory,
  job_flags,
  many_videos,
)
from two_stream.records import shard_folder

FLAGS = flags.FLAGS

SOME_FAILED = 2

_LAYOUTS = catalog.layouts()

flags.DEFINE_enum(
  'dataset',
  None,
  sorted(_LAYOUTS),
  'The data set, or how the files of your own one are laid out. '
  + ' '.join(f'{name}: {_LAYOUTS[name].LAYOUT}' for name in sorted(_LAYOUTS))
  + ' This flag is required.',
  required=True,
)
cli.define_path(
  'videos_dir', None, 'The folder of the videos, see --dataset.', required=True
)
cli.define_path(
  'annotations',
  None,
  'The file or folder of the lists of videos and labels, see --dataset.',
)
flags.DEFINE_list(
  'splits',
  None,
  'The splits to preprocess: some of '
  f'{", ".join(data_set.SPLITS)}, separated by commas. By default all that the '
  'data set has.',
)
flags.DEFINE_integer(
  'split_number',
  1,
  'Which of the three published divisions of UCF-101 or HMDB-51 into splits.',
  1,
  3,
)
cli.define_path(
  'label_map',
  None,
  'A file with a class name in each line, which fixes the order of the '
  'classes. The released networks need the order of their label_map.txt. By '
  'default, the order is that of the data set, or alphabetical if it has none.',
)
flags.DEFINE_float(
  'validation_share',
  0.1,
  'The share of the videos that are for validation, if the data set is your '
  'own and is not divided.',
  0,
  1,
)
flags.DEFINE_integer(
  'seed', 0, 'What the videos for validation are drawn with.'
)
flags.DEFINE_float(
  'frames_per_second_of_frames',
  None,
  'The frame rate of samples that are folders of numbered frames. By default, '
  '12 for Something-Something v1; other data sets need this flag.',
  0.001,
  1000,
)
flags.DEFINE_bool(
  'follow_links',
  False,
  'Use files that a link in --videos_dir names although they lie outside.',
)
flags.DEFINE_bool(
  'dry_run',
  False,
  'Only say what was found and what the records will take; write nothing.',
)
flags.adopt_module_key_flags(job_flags)


def main() -> int:
  """Runs one task; returns the exit status."""
  # TensorFlow only writes records here, so it must not occupy a GPU.
  os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
  videos = _LAYOUTS[FLAGS.dataset].read(request_from_flags())
  rate = FLAGS.frames_per_second_of_frames
  job = job_flags.job(
    videos,
    FLAGS.videos_dir,
    frames_per_second_of_frames=videos.frames_per_second_of_frames
    if rate is None
    else rate,
    follow_links=FLAGS.follow_links,
  )
  for line in describe(job, FLAGS.dry_run):
    print(
      errors.printable(line), file=sys.stdout if FLAGS.dry_run else sys.stderr
    )
  if FLAGS.dry_run:
    return 0
  summary, num_failed = many_videos.run(job)
  print('\n'.join(table(summary['splits'])))
  counts = summary['splits'].values()
  if any(count['missing'] or count['failed'] for count in counts):
    path = pathlib.Path(FLAGS.output_dir, shard_folder.FAILURES)
    print(f'{path} names the missing and failed videos')
  return SOME_FAILED if num_failed else 0


def request_from_flags() -> data_set.Request:
  """Reads from the flags which samples are wanted.

  Raises:
    InputError: the value of a flag, or the label map, cannot be used, or the
      data set makes no use of a flag that was given.
  """
  for name in ('annotations', 'split_number', 'validation_share', 'seed'):
    if FLAGS[name].present and name not in _LAYOUTS[FLAGS.dataset].OPTIONS:
      raise errors.InputError(
        f'--{name}: has no meaning for --dataset={FLAGS.dataset}; leave it out'
      )
  return data_set.Request(
    videos_dir=FLAGS.videos_dir,
    annotations=FLAGS.annotations,
    splits=FLAGS.splits and job_flags.splits_from_flag(FLAGS.splits),
    split_number=FLAGS.split_number,
    class_names=FLAGS.label_map and label_map.read(FLAGS.label_map),
    validation_share=FLAGS.validation_share,
    seed=FLAGS.seed,
    follow_links=FLAGS.follow_links,
  )


def describe(
  job: many_videos.PreprocessingJob, has_estimate: bool
) -> list[str]:
  """Says what was found.

  Args:
    job: what is to be done.
    has_estimate: whether disk and time are estimated even if the output folder
      has shards already. For a run that continues, the progress bar tells.
  """
  videos = job.data_set
  found = inventory.take(job.videos_dir, videos)
  lines = [
    f'{videos.name}: {len(videos.class_names)} classes in '
    f'{_name_order(videos.class_names)}',
    *inventory.table(found),
  ]
  parameters = pathlib.Path(job.output_dir, shard_folder.PARAMETERS)
  if has_estimate or not parameters.exists():
    present = [sample for split in found.values() for sample in split.present]
    costs = forecast.measure(job, present)
    lines.append(forecast.describe(costs, job, len(present)))
  return lines


def _name_order(class_names: Sequence[str]) -> str:
  """Returns the words for the order of the classes."""
  if FLAGS.label_map:
    return 'the order of the label map'
  if list(class_names) == sorted(class_names):
    return 'alphabetical order'
  return 'the order of the data set'


def table(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
  """Formats the counts of the output folder, see `ShardFolder.summarize`."""
  rows = [['split', 'listed', 'records', 'missing', 'failed', 'shards']]
  for split, counts in splits.items():
    numbers = (counts[key] for key in ('videos', 'clips', 'missing', 'failed'))
    shards = f'{counts["shards_written"]} of {counts["shards"]}'
    rows.append([split, *map(str, numbers), shards])
  return inventory.aligned(rows)


if __name__ == '__main__':
  cli.run(main)
