"""The flags of programs whose work many tasks share."""

import os

from absl import flags

from two_stream.preprocessing import task_share

FLAGS = flags.FLAGS

flags.DEFINE_integer(
  'task_index',
  None,
  'Which of the --num_tasks shares of the work this run does, counted from 0. '
  'By default, the position of this task in the Slurm job array, or the index '
  'of this pod in a Kubernetes Indexed Job; 0 without these.',
)
flags.DEFINE_integer(
  'num_tasks',
  None,
  'The number of shares into which the work is divided. By default, the size '
  'of the Slurm job array, and 1 without such an array. An Indexed Job does '
  'not tell its size, so there this flag is required.',
)


def share() -> task_share.TaskShare:
  """Finds the share of this task.

  Raises:
    InputError: see `task_share.find`.
  """
  return task_share.find(FLAGS.task_index, FLAGS.num_tasks, os.environ)
