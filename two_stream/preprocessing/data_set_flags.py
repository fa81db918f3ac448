"""The flags that choose the videos of a data set.

preprocess_videos.py and extract_features.py take the same data sets.
"""

from absl import flags

from two_stream import cli, errors
from two_stream.datasets import catalog, data_set, label_map
from two_stream.preprocessing import flag_values

FLAGS = flags.FLAGS

_LAYOUTS = catalog.layouts()

flags.DEFINE_enum(
  'dataset',
  None,
  sorted(_LAYOUTS),
  'The data set, or how the files of your own one are laid out. '
  + ' '.join(f'{name}: {_LAYOUTS[name].LAYOUT}' for name in sorted(_LAYOUTS)),
)
cli.define_path('videos_dir', None, 'The folder of the videos, see --dataset.')
cli.define_path(
  'annotations',
  None,
  'The file or folder of the lists of videos and labels, see --dataset.',
)
flags.DEFINE_list(
  'splits',
  None,
  'The splits to take: some of '
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


def read() -> data_set.DataSet:
  """Reads the data set of the flags.

  Raises:
    InputError: a flag or a file cannot be used, or the data set makes no use of
      a flag that was given.
  """
  return _LAYOUTS[FLAGS.dataset].read(_request())


def rate_of_frames(videos: data_set.DataSet) -> float | None:
  """Finds the rate of samples that are folders of numbered frames.

  Args:
    videos: the data set.

  Returns:
    Frames a second; None if neither the flag nor the data set tells.
  """
  rate: float | None = FLAGS.frames_per_second_of_frames
  return videos.frames_per_second_of_frames if rate is None else rate


def _request() -> data_set.Request:
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
    splits=None if FLAGS.splits is None else flag_values.splits(FLAGS.splits),
    split_number=FLAGS.split_number,
    class_names=FLAGS.label_map and label_map.read(FLAGS.label_map),
    validation_share=FLAGS.validation_share,
    seed=FLAGS.seed,
    follow_links=FLAGS.follow_links,
  )
