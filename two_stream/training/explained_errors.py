"""What a user is told of TensorFlow's errors in training.

Those that a restart would not mend end the task with one line; all others,
such as that of a lost ps, stay what they are.
"""

import contextlib

import tensorflow as tf

from two_stream import errors
from two_stream.training import training_graph


@contextlib.contextmanager
def explained(job, step, advice):
  """Turns TensorFlow's errors in the block into `InputError`s.

  Args:
    job: a `training_job.Job`.
    step: function that tells the number of steps done.
    advice: function that tells how to go on after divergence.

  Raises:
    InputError: naming what is wrong and the remedy.
  """
  try:
    yield
  except (
    tf.errors.InvalidArgumentError,
    tf.errors.DataLossError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
  ) as error:
    explanation = _explanation(job, step, advice, error)
    if explanation is None:
      raise
    raise errors.InputError(explanation) from error


def _explanation(job, step, advice, error):
  """One line; None if the error is not a known one."""
  # Before it stands where the ops were made, after it how they are called.
  reason = error.message.partition('\n\t [[')[0].rpartition('\n')[2]
  if training_graph.NOT_FINITE in error.message:
    return (
      f'step {step()}: {training_graph.NOT_FINITE}; stopped before it was '
      f'applied. {advice()}'
    )
  if 'IteratorGetNext' in error.message:
    return (
      f'{job.records_dir}: 10 records in a row cannot be used ({reason}); '
      'preprocess again'
    )
  if str(job.train_dir) in reason:
    return f'{reason}; mend it, and run again to continue'
  if isinstance(error, tf.errors.ResourceExhaustedError):
    return f'{reason}; lower --batch_size or --num_frames'
  return None
