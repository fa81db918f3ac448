"""Errors that the user can mend are one line; the others stay.

That of a loss that is not finite and of damaged records are made for real in
test_sync_replicas.py.
"""

import re

import pytest
import small_training
import tensorflow as tf

from two_stream import errors
from two_stream.training import explained_errors


# As TensorFlow tells of a full disk, and of a full GPU.
@pytest.mark.parametrize(
  'reason, remedy',
  [
    (
      'run/model.ckpt-2.data; No space left on device',
      'mend it, and run again',
    ),
  ],
)
def test_what_there_is_no_room_for_is_one_line(reason, remedy):
  message = f"""Graph execution error:

Detected at node 'save/SaveV2' defined at (most recent call last):
    File "train.py", line 151, in <module>
Node: 'save/SaveV2'
{reason}
\t [[{{{{node save/SaveV2}}}}]]
Hint: If you want to see a list of allocated tensors when OOM happens..."""
  job = small_training.job('records', 'run')
  with (
    pytest.raises(errors.InputError, match=re.escape(f'{reason}; {remedy}')),
    explained_errors.explained(job, step=None, advice=None),
  ):
    raise tf.errors.ResourceExhaustedError(None, None, message)


def test_a_gpu_that_another_program_fills_is_one_line():
  """CUDA's own error is no ResourceExhaustedError."""
  reason = 'cudaSetDevice() on GPU:0 failed. Status: out of memory'
  job = small_training.job('records', 'run')
  with (
    pytest.raises(errors.InputError, match=re.escape(f'{reason}; lower ')),
    explained_errors.explained(job, step=None, advice=None),
  ):
    raise tf.errors.InternalError(None, None, reason)


@pytest.mark.parametrize(
  'kind', [tf.errors.UnavailableError, tf.errors.InternalError]
)
def test_other_errors_are_left_to_a_restart(kind):
  job = small_training.job('records', 'run')
  with (
    pytest.raises(kind),
    explained_errors.explained(job, step=None, advice=None),
  ):
    raise kind(None, None, 'the ps is gone')
