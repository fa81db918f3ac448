r"""Turns Something-Something v2 videos into TFRecord shards of RGB and flow.

    python preprocess_ssv2.py --videos_dir=20bn-something-something-v2 \
      --labels_dir=labels --output_dir=ssv2_records --num_workers=16

Each video is sampled at 25 frames a second, its smaller side is resized to 256
pixels, and the TV-L1 flow between its frames is computed (README of
google-deepmind/kinetics-i3d). The shards appear in --output_dir one by one. To
continue after an interruption, or to try failed videos again, run the same
command again.

Many machines can share the work: each runs the same command with --num_tasks
and a --task_index of its own. In a Slurm job array the program finds both:

    sbatch --array=0-31 --wrap='python preprocess_ssv2.py ...'

Exit status: 0 if every video of this task is in a shard; 2 if some videos could
not be used, in which case --output_dir/failures.jsonl names each with the
reason; 1 if the program had to stop.
"""

import os

from absl import flags

from two_stream import cli
from two_stream.datasets import data_set, something_something
from two_stream.preprocessing import (
  flag_values,
  job_flags,
  many_videos,
  task_flags,
)

FLAGS = flags.FLAGS

SOME_FAILED = 2

cli.define_path(
  'videos_dir', None, 'The folder of the <id>.webm files.', required=True
)
cli.define_path(
  'labels_dir',
  None,
  'The folder of the label files: labels.json, train.json and so on, or '
  'something-something-v2-labels.json and so on.',
  required=True,
)
flags.DEFINE_list(
  'splits',
  ['train', 'validation'],
  'The splits to preprocess: some of '
  f'{", ".join(data_set.SPLITS)}, separated by commas.',
)
flags.adopt_module_key_flags(job_flags)
flags.adopt_module_key_flags(task_flags)


def main() -> int:
  """Runs one task; returns the exit status."""
  # TensorFlow only writes records here, so it must not occupy a GPU.
  os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
  splits = flag_values.splits(FLAGS.splits)
  videos = something_something.read(FLAGS.labels_dir, splits)
  summary, num_failed = many_videos.run(job_flags.job(videos, FLAGS.videos_dir))
  for split, counts in summary['splits'].items():
    print(
      f'{split}: {counts["clips"]} of {counts["videos"]} videos in '
      f'{counts["shards_written"]} of {counts["shards"]} shards, '
      f'{counts["failed"] + counts["missing"]} failed'
    )
  if num_failed:
    print(f'{FLAGS.output_dir}/failures.jsonl names the failed videos')
  return SOME_FAILED if num_failed else 0


if __name__ == '__main__':
  cli.run(main)
