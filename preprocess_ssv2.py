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
from collections.abc import Sequence

from absl import flags

from two_stream import cli, documents, errors
from two_stream.datasets import data_set, something_something
from two_stream.preprocessing import clip_settings, many_videos, task_share
from two_stream.video import reader, resampling

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
cli.define_path(
  'output_dir',
  None,
  'The folder of the shards. It is made if it is missing.',
  required=True,
)
flags.DEFINE_list(
  'splits',
  ['train', 'validation'],
  'The splits to preprocess: some of '
  f'{", ".join(data_set.SPLITS)}, separated by commas.',
)
flags.DEFINE_integer(
  'num_workers',
  len(os.sched_getaffinity(0)),
  'The number of worker processes, each of one thread; by default one for each '
  'core. A process takes 150 MB of memory, and up to 1.3 GB for the longest '
  'videos that are accepted.',
  lower_bound=1,
)
flags.DEFINE_string(
  'fps',
  str(resampling.FRAMES_PER_SECOND),
  'The frame rate of the clips: a whole number of frames a second from 1 to '
  f'{resampling.MAX_FRAMES_PER_SECOND}, or {resampling.NATIVE} to keep the '
  'frames of the videos as they are.',
)
flags.DEFINE_list(
  'streams',
  list(clip_settings.STREAMS),
  'What the records hold: rgb,flow for both streams, or rgb, which leaves out '
  'nearly all of the work and two fifths of the space.',
)
flags.DEFINE_float(
  'max_seconds',
  reader.MAX_SECONDS,
  'A longer video is cut after this many seconds.',
  lower_bound=1,
  upper_bound=3600,
)
flags.DEFINE_integer(
  'shard_size',
  many_videos.SHARD_SIZE,
  'The largest number of videos in a shard. 64 videos take about 200 MB.',
  lower_bound=1,
)
flags.DEFINE_bool(
  'keep_truncated',
  False,
  'Use what can be decoded of a video whose file is damaged or breaks off. '
  'Otherwise such a video counts as failed.',
)
flags.DEFINE_float(
  'video_timeout',
  many_videos.VIDEO_TIMEOUT,
  'A video that takes more seconds than this counts as failed.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'task_index',
  None,
  'Which of the --num_tasks shares of the work this run does, counted from 0. '
  'By default, the position of this task in the Slurm job array, and 0 without '
  'such an array.',
)
flags.DEFINE_integer(
  'num_tasks',
  None,
  'The number of shares into which the work is divided. By default, the size '
  'of the Slurm job array, and 1 without such an array.',
)


def main() -> int:
  """Runs one task; returns the exit status."""
  # TensorFlow only writes records here, so it must not occupy a GPU.
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
      settings=clip_settings.Settings(
        frames_per_second=rate,
        streams=streams_from_flag(FLAGS.streams),
        max_seconds=FLAGS.max_seconds,
      ),
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
  if num_failed:
    print(f'{FLAGS.output_dir}/failures.jsonl names the failed videos')
  return SOME_FAILED if num_failed else 0


def splits_from_flag(splits: Sequence[str]) -> tuple[str, ...]:
  """Returns the splits without repetitions.

  Raises:
    InputError: a name is not that of a split.
  """
  for split in splits:
    if split not in data_set.SPLITS:
      raise errors.InputError(
        f'--splits: {split!r} is none of {", ".join(data_set.SPLITS)}'
      )
  return tuple(dict.fromkeys(splits))


def streams_from_flag(streams: Sequence[str]) -> tuple[str, ...]:
  """Returns the streams of the records, always in the same order.

  Raises:
    InputError: the choice is none of those that records can hold.
  """
  for choice in (clip_settings.STREAMS, clip_settings.STREAMS[:1]):
    if set(streams) == set(choice):
      return choice
  raise errors.InputError(
    f'--streams: {documents.quote(",".join(streams))} is neither rgb,flow nor '
    'rgb'
  )


def frames_per_second_from_flag(fps: str) -> int | None:
  """Returns the frame rate, or None to keep the frames as they are.

  Raises:
    InputError: the text is no frame rate.
  """
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
