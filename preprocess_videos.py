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

from two_stream import cli, documents, errors
from two_stream.preprocessing import (
  data_set_flags,
  forecast,
  inventory,
  job_flags,
  many_videos,
  task_flags,
)
from two_stream.records import shard_folder

FLAGS = flags.FLAGS

SOME_FAILED = 2

flags.DEFINE_bool(
  'dry_run',
  False,
  'Only say what was found and what the records will take; write nothing.',
)
flags.adopt_module_key_flags(data_set_flags)
flags.adopt_module_key_flags(job_flags)
flags.adopt_module_key_flags(task_flags)
for required in ('dataset', 'videos_dir'):
  flags.mark_flag_as_required(required)
  FLAGS[required].help += ' This flag is required.'


def main() -> int:
  """Runs one task; returns the exit status."""
  # TensorFlow only writes records here, so it must not occupy a GPU.
  os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
  videos = data_set_flags.read()
  job = job_flags.job(
    videos,
    FLAGS.videos_dir,
    frames_per_second_of_frames=data_set_flags.rate_of_frames(videos),
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
  path = pathlib.Path(FLAGS.output_dir, shard_folder.FAILURES)
  failures = documents.read_json_lines(path)
  if failures:
    print(f'{path} names the missing and failed videos')
  failed = [entry for entry in failures if 'missing' not in entry]
  if failed:
    print(errors.printable(f'for example: {failed[0]["reason"]}'))
  return SOME_FAILED if num_failed else 0


def describe(
  job: many_videos.PreprocessingJob, has_estimate: bool
) -> list[str]:
  """Says what was found.

  Args:
    job: what is to be done.
    has_estimate: whether disk and time are estimated even if the output folder
      has shards already. For a run that continues, the progress bar tells.

  Raises:
    InputError: a sample is a folder of frames whose rate is not known.
  """
  videos = job.data_set
  found = inventory.take(job.videos_dir, videos)
  folder = inventory.find_folder(job.videos_dir, found)
  if folder and job.settings.frames_per_second_of_frames is None:
    raise errors.InputError(
      f'{pathlib.Path(job.videos_dir, folder)}: is a folder of frames; say how '
      'many of them a second has with --frames_per_second_of_frames'
    )
  lines = [
    f'{videos.name}: {len(videos.class_names)} classes in '
    f'{_name_order(videos.class_names)}',
    *inventory.table(found),
  ]
  if FLAGS.splits is None and not {'validation', 'test'} & found.keys():
    lines.append(
      'there is no validation split and no test split, so a training on these '
      'records cannot be evaluated'
    )
  parameters = pathlib.Path(job.output_dir, shard_folder.PARAMETERS)
  if has_estimate or not parameters.exists():
    present = [sample for split in found.values() for sample in split.present]
    measured = forecast.measure(job, present)
    lines += forecast.describe(measured, job, len(present))
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
