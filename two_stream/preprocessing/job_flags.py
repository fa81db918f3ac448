"""The flags that all programs of preprocessing have, and the job they describe.

preprocess_ssv2.py and preprocess_videos.py differ in how they find the videos.
All else is here.
"""

import os
from collections.abc import Sequence

from absl import flags

from two_stream import cli, documents, errors, files
from two_stream.datasets import data_set
from two_stream.preprocessing import (
  clip_settings,
  flag_values,
  many_videos,
  task_flags,
)
from two_stream.video import reader, resampling

FLAGS = flags.FLAGS

cli.define_path(
  'output_dir',
  None,
  'The folder of the shards. It is made if it is missing.',
  required=True,
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


def job(
  videos: data_set.DataSet,
  videos_dir: files.PathLike,
  frames_per_second_of_frames: float | None = None,
  follow_links: bool = False,
) -> many_videos.PreprocessingJob:
  """Makes the job of the flags.

  Args:
    videos: the data set.
    videos_dir: the folder of its videos.
    frames_per_second_of_frames: the rate of samples that are folders of frames.
    follow_links: whether a link may lead out of that folder.

  Raises:
    InputError: the value of a flag cannot be used.
  """
  return many_videos.PreprocessingJob(
    data_set=videos,
    videos_dir=videos_dir,
    output_dir=FLAGS.output_dir,
    num_workers=FLAGS.num_workers,
    settings=clip_settings.Settings(
      frames_per_second=flag_values.frames_per_second(FLAGS.fps),
      streams=streams_from_flag(FLAGS.streams),
      max_seconds=FLAGS.max_seconds,
      frames_per_second_of_frames=frames_per_second_of_frames,
    ),
    shard_size=FLAGS.shard_size,
    share=task_flags.share(),
    keep_truncated=FLAGS.keep_truncated,
    follow_links=follow_links,
    video_timeout=FLAGS.video_timeout,
  )


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
