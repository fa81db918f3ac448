"""What a user is told about TensorFlow's errors in training.

An error that a restart would not mend ends the task with one line. All others,
such as the error of a lost ps, stay as they are.
"""

import contextlib
from collections.abc import Callable, Iterator

import tensorflow as tf

from two_stream import errors
from two_stream.training import objective, training_job


@contextlib.contextmanager
def explained(
  job: training_job.Job,
  step: Callable[[], int],
  advice: Callable[[], str],
) -> Iterator[None]:
  """Turns TensorFlow's errors in the block into `InputError`s.

  Args:
    job: the job.
    step: a function that returns how many steps have been done.
    advice: a function that returns how to go on after divergence.

  Raises:
    InputError: what is wrong, and the remedy.
  """
  try:
    yield
  except (
    tf.errors.InvalidArgumentError,
    tf.errors.DataLossError,
    tf.errors.InternalError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnknownError,
  ) as error:
    explanation = _explanation(job, step, advice, error)
    if explanation is None:
      raise
    raise errors.InputError(explanation) from error


def _explanation(
  job: training_job.Job,
  step: Callable[[], int],
  advice: Callable[[], str],
  error: tf.errors.OpError,
) -> str | None:
  """Explains an error in one line; returns None if it is not a known one."""
  reason = _reason(error)
  if objective.NOT_FINITE in error.message:
    return (
      f'step {step()}: {objective.NOT_FINITE}; stopped before it was '
      f'applied. {advice()}'
    )
  if 'IteratorGetNext' in error.message:
    return (
      f'{job.records_dir}: 10 records in a row cannot be used ({reason}); '
      'preprocess again'
    )
  if str(job.train_dir) in reason:
    return f'{reason}; mend it, and run again to continue'
  if full := errors.no_memory(error):
    return (
      f'{full}; lower --batch_size or --num_frames, or take '
      '--precision=bfloat16'
    )
  return None


def _reason(error: tf.errors.OpError) -> str:
  """Finds the line of an error that says what happened.

  TensorFlow writes where the ops were made before that line, and the names of
  the ops after it.
  """
  return error.message.partition('\n\t [[')[0].rpartition('\n')[2]
