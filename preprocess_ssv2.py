r"""Turns Something-Something v2 videos into TFRecord shards of RGB and flow.

    python preprocess_ssv2.py --videos_dir=20bn-something-something-v2 \
      --labels_dir=labels --output_dir=ssv2_records --num_workers=16

For each video: 25 frames a second, the smaller side resized to 256 pixels,
TV-L1 flow between the frames (README of google-deepmind/kinetics-i3d). The
shards appear in --output_dir one by one. Run the same command again to continue
after an interruption or to try failed videos once more.

Many machines share the work by --task_index and --num_tasks, which in a Slurm
job array are known: sbatch --array=0-31 --wrap='python preprocess_ssv2.py ...'

Exit status: 0 when every video of this task is in a shard; 2 when some could
not be used, which --output_dir/failures.jsonl names with the reason; 1 when
nothing could go on.
"""

import os

from absl import flags

from two_stream import cli, documents, errors
from two_stream.datasets import data_set, something_something
from two_stream.preprocessing import many_videos, task_share
from two_stream.video import resampling

FLAGS = flags.FLAGS

SOME_FAILED = 2

cli.define_path(
  'videos_dir', None, 'Folder of the <id>.webm files.', required=True
)
cli.define_path(
  'labels_dir',
  None,
  'Folder of labels.json, train.json and so on, in either of their namings.',
  required=True,
)
cli.define_path(
  'output_dir', None, 'Folder of the shards, made if missing.', required=True
)
flags.DEFINE_list(
  'splits',
  ['train', 'validation'],
  f'Some of {", ".join(data_set.SPLITS)}.',
)
flags.DEFINE_integer(
  'num_workers',
  len(os.sched_getaffinity(0)),
  'Worker processes of one thread each; the default is one a core. Each takes '
  '150 MB, and 1.3 GB on the longest videos allowed.',
  lower_bound=1,
)
flags.DEFINE_string(
  'fps',
  str(resampling.FRAMES_PER_SECOND),
  f'Frames a second of the clips, or {resampling.NATIVE} to keep the frames as '
  'they are.',
)
flags.DEFINE_integer(
  'shard_size',
  many_videos.SHARD_SIZE,
  'The most videos of a shard; 64 are about 200 MB.',
  lower_bound=1,
)
flags.DEFINE_bool(
  'keep_truncated', False, 'Use videos that break off as far as they go.'
)
flags.DEFINE_float(
  'video_timeout',
  many_videos.VIDEO_TIMEOUT,
  'Seconds after which a video is given up.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'task_index',
  None,
  'Which share of the work is this run; default: its place in the Slurm array.',
)
flags.DEFINE_integer(
  'num_tasks', None, 'Number of shares; default: size of the Slurm array.'
)


def main():
  """Runs one task; returns the exit status."""
  # TensorFlow only frames records here and must not take a GPU.
  os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
  share = task_share.find(FLAGS.task_index, FLAGS.num_tasks, os.environ)
  splits = splits_from_flag(FLAGS.splits)
  rate = frames_per_second_from_flag(FLAGS.fps)
  summary, num_failed = many_videos.run(
    many_videos.PreprocessingJob(
      data_set=something_something.read(FLAGS.labels_dir, splits),
      videos_dir=FLAGS.videos_dir,
      output_dir=FLAGS.output_dir,
      num_workers=FLAGS.num_workers,
      frames_per_second=rate,
      shard_size=FLAGS.shard_size,
      share=share,
      keep_truncated=FLAGS.keep_truncated,
      video_timeout=FLAGS.video_timeout,
    )
  )
  for split, counts in summary['splits'].items():
    print(
      f'{split}: {counts["clips"]} of {counts["videos"]} videos in '
      f'{counts["shards_written"]} of {counts["shards"]} shards, '
      f'{counts["failed"]} failed'
    )
  return SOME_FAILED if num_failed else 0


def splits_from_flag(splits):
  """Checks the names and removes repetitions."""
  for split in splits:
    if split not in data_set.SPLITS:
      raise errors.InputError(
        f'--splits: {split!r} is none of {", ".join(data_set.SPLITS)}'
      )
  return tuple(dict.fromkeys(splits))


def frames_per_second_from_flag(fps):
  """Returns an integer, or None for the frames as they are."""
  if fps == resampling.NATIVE:
    return None
  try:
    rate = documents.whole_number(fps, '--fps')
  except errors.InputError:
    rate = 0
  if not 1 <= rate <= resampling.MAX_FRAMES_PER_SECOND:
    raise errors.InputError(
      f'--fps: {documents.quote(fps)} is neither {resampling.NATIVE} nor a '
      f'whole number from 1 to {resampling.MAX_FRAMES_PER_SECOND}'
    )
  return rate


if __name__ == '__main__':
  cli.run(main)
