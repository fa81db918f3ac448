r"""Turns videos into features: what a network sees in windows of time.

    python extract_features.py --videos=my_videos --output_dir=features
    python extract_features.py --videos=long.mp4 --output_dir=features \
      --eval_type=rgb --window_frames=21 --stride_frames=1 --pad
    python extract_features.py --dataset=ucf101 --videos_dir=UCF-101 \
      --annotations=ucfTrainTestlist --output_dir=ucf101_features
    python extract_features.py --records_dir=ssv2_records --split=validation \
      --output_dir=ssv2_features

Each video becomes one file of --output_dir, such as a.mp4.npz, with the arrays
rgb and flow (a row for each window), start_frame and start_seconds (where each
window begins) and how (JSON that tells how they were made). docs/features.md
describes them and compares them with the features of other programs.

Videos may have any length. After an interruption, run the same command again to
continue. Many machines share the work by --task_index and --num_tasks.

Exit status: 0 if every video of this task has its features, but for videos that
are missing in a data set of which some always are (Kinetics); 2 if some videos
could not be used, in which case --output_dir/failures.jsonl names each with the
reason; 1 if the program had to stop.
"""

import os
import pathlib
from collections.abc import Sequence

from absl import flags

from two_stream import cli, errors
from two_stream.datasets import data_set
from two_stream.evaluation import (
  data_directory,
  feature_folder,
  feature_settings,
  feature_videos,
)
from two_stream.preprocessing import (
  data_set_flags,
  flag_values,
  task_flags,
)
from two_stream.records import shards
from two_stream.video import resampling

FLAGS = flags.FLAGS

SOME_FAILED = 2

cli.define_path(
  'data_dir',
  str(pathlib.Path(__file__).parent / 'data'),
  'The folder of label maps and checkpoints. data/README.md describes it.',
)
flags.DEFINE_enum(
  'eval_type',
  'joint',
  list(data_directory.EVALUATIONS),
  'The networks to use: rgb, flow, joint, which means both, or rgb600, which '
  'means the RGB network that was trained on Kinetics-600.',
)
flags.DEFINE_boolean(
  'imagenet_pretrained',
  True,
  'Use the networks whose training started from ImageNet weights. '
  '--noimagenet_pretrained uses those trained from scratch. rgb600 was trained '
  'from scratch in any case.',
)
cli.define_path(
  'videos',
  None,
  'A video; a folder, whose videos are found however deep they are; or a list: '
  'a text file whose name ends in .txt, with the path of a video on each line, '
  'relative to the folder of the list. Instead, --dataset or --records_dir '
  'choose what to read.',
)
cli.define_path(
  'records_dir', None, 'A folder of shards that preprocessing has written.'
)
flags.DEFINE_enum(
  'split', 'validation', data_set.SPLITS, 'The split of --records_dir.'
)
cli.define_path(
  'output_dir',
  None,
  'The folder for the features. It is made if it is missing.',
  required=True,
)
flags.DEFINE_enum(
  'endpoint',
  'pooled',
  feature_settings.ENDPOINTS,
  'The layer whose output is the feature of a window. pooled is what the '
  'logits are computed from, 1024 numbers: Mixed_5c, averaged over time and '
  'space.',
)
flags.DEFINE_integer(
  'window_frames',
  64,
  'The number of frames of a window, at least 8, or 9 for Logits and '
  'Predictions. A shorter video gives one window of all its frames.',
  lower_bound=1,
  upper_bound=1024,
)
flags.DEFINE_integer(
  'stride_frames',
  16,
  'How many frames later the next window begins.',
  lower_bound=1,
)
flags.DEFINE_boolean(
  'pad',
  False,
  'Give a window to every --stride_frames-th frame of the video, which then '
  'lies in the middle of the window. The first and the last frame are repeated '
  'as often as needed. By default, windows lie inside the video.',
)
flags.DEFINE_string(
  'fps',
  None,
  'The frame rate of the clips: a whole number of frames a second, or '
  f'{resampling.NATIVE} to keep the frames of the videos as they are. By '
  'default, the rate that the networks were trained on. Records have their own '
  'rate.',
)
flags.DEFINE_enum(
  'crops',
  '1',
  [str(number) for number in feature_settings.NUM_CROPS],
  'How many crops of 224 x 224 pixels each window is seen in: 1, the centre; '
  'or 10, which are the corners, the centre, and their mirror images. The '
  'features of ten crops are kept apart.',
)
flags.DEFINE_integer(
  'batch_windows',
  1,
  'How many windows go through a network at a time. More of them do not help a '
  'processor; a GPU may be faster. A window of 64 frames takes about 0.3 GB.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'num_workers',
  len(os.sched_getaffinity(0)),
  'How many flows are computed at a time, while the network works; by default '
  'one for each core.',
  lower_bound=1,
)
flags.DEFINE_boolean(
  'keep_truncated',
  False,
  'Use what can be decoded of a video whose file is damaged or breaks off. '
  'Otherwise such a video counts as failed.',
)
flags.DEFINE_enum(
  'precision',
  'float32',
  ['float32', 'bfloat16'],
  'The type of the weights and activations. bfloat16 is faster on processors '
  'that have instructions for it, and slower on others.',
)
flags.adopt_module_key_flags(data_set_flags)
flags.adopt_module_key_flags(task_flags)


def main() -> int:
  """Writes the features of this task's videos; returns the exit status."""
  refuse_other_sources()
  paths = data_directory.stream_checkpoints(
    FLAGS.data_dir, FLAGS.eval_type, FLAGS.imagenet_pretrained
  )
  share = task_flags.share()
  rate_of_frames, lacks_videos = FLAGS.frames_per_second_of_frames, False
  videos: Sequence[feature_videos.WantedVideo] = ()
  if FLAGS.records_dir:
    shards.find(FLAGS.records_dir, FLAGS.split)  # Before TensorFlow starts.
  elif FLAGS.videos:
    videos = feature_videos.of_path(FLAGS.videos, FLAGS.follow_links)
  else:
    found = data_set_flags.read()
    rate_of_frames = data_set_flags.rate_of_frames(found)
    lacks_videos = found.lacks_videos
    videos = feature_videos.of_data_set(
      found, FLAGS.videos_dir, FLAGS.follow_links
    )
  cli.start_tensorflow()
  from two_stream.evaluation import feature_extraction  # noqa: PLC0415
  from two_stream.networks import feature_network  # noqa: PLC0415
  from two_stream.records import record_index  # noqa: PLC0415

  settings = settings_from_flags(
    {stream: feature_network.digest(path) for stream, path in paths.items()}
  )
  folder = feature_folder.FeatureFolder(FLAGS.output_dir, settings, share)
  extraction = feature_extraction.Extraction(
    folder=folder,
    settings=settings,
    networks={
      stream: feature_network.FeatureNetwork(
        path, stream, FLAGS.endpoint, FLAGS.precision
      )
      for stream, path in paths.items()
    },
    batch_windows=FLAGS.batch_windows,
    keep_truncated=FLAGS.keep_truncated,
  )
  if FLAGS.records_dir:
    index = record_index.of_split(FLAGS.records_dir, FLAGS.split, [*paths])
    numbers = range(len(index))[share.task_index :: share.num_tasks]
    feature_extraction.of_records(extraction, FLAGS.split, index, numbers)
  else:
    feature_extraction.of_videos(
      extraction,
      videos[share.task_index :: share.num_tasks],
      FLAGS.num_workers,
      rate_of_frames,
    )
  folder.close()
  if folder.num_failed or folder.num_missing:
    print(
      f'{folder.num_failed} videos failed, {folder.num_missing} are missing; '
      f'{folder.failures} names them'
    )
  has_failed = folder.num_failed or (folder.num_missing and not lacks_videos)
  return SOME_FAILED if has_failed else 0


def refuse_other_sources() -> None:
  """Raises InputError unless the flags name one source of videos."""
  sources = [
    name for name in ('videos', 'dataset', 'records_dir') if FLAGS[name].value
  ]
  if len(sources) != 1:
    given = ' and '.join(f'--{name}' for name in sources) or 'none of them'
    raise errors.InputError(
      'give one of --videos, --dataset with --videos_dir, and --records_dir; '
      f'there is {given}'
    )
  if FLAGS.dataset and not FLAGS.videos_dir:
    raise errors.InputError('--videos_dir: --dataset needs it')
  if FLAGS.records_dir and FLAGS.fps:
    raise errors.InputError(
      f'--fps={FLAGS.fps}: records have a frame rate of their own; leave it out'
    )


def settings_from_flags(
  checkpoints: dict[str, str],
) -> feature_settings.FeatureSettings:
  """Makes the settings of the flags.

  Args:
    checkpoints: stream -> the digest of its checkpoint.

  Raises:
    InputError: the value of a flag cannot be used.
  """
  rate = (
    flag_values.frames_per_second(FLAGS.fps)
    if FLAGS.fps
    else data_directory.frames_per_second(FLAGS.records_dir or FLAGS.data_dir)
  )
  if FLAGS.records_dir:
    data_directory.warn_of_other_rate(FLAGS.data_dir, FLAGS.records_dir)
  return feature_settings.FeatureSettings(
    eval_type=FLAGS.eval_type,
    checkpoints=checkpoints,
    endpoint=FLAGS.endpoint,
    window_frames=FLAGS.window_frames,
    stride_frames=FLAGS.stride_frames,
    is_padded=FLAGS.pad,
    num_crops=int(FLAGS.crops),
    frames_per_second=rate,
    precision=FLAGS.precision,
    is_of_records=bool(FLAGS.records_dir),
  )


if __name__ == '__main__':
  cli.run(main)
