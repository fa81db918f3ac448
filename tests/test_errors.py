"""Text of foreign origin is shown in one line, whatever it holds."""

import pathlib

import pytest
import tensorflow as tf

from two_stream import errors


@pytest.mark.parametrize(
  ('text', 'shown'),
  [
    ('Holding something', 'Holding something'),
    ('fünf 五', 'fünf 五'),
    ('a\x1b[2J', r'a\x1b[2J'),
    ('first\nerror: second\r', r'first\nerror: second\r'),
    ('left\u202eright', r'left\u202eright'),
    ('no\udcfftext', r'no\udcfftext'),
    (pathlib.Path('a\tb'), r'a\tb'),
  ],
)
def test_what_is_not_printable_is_escaped(text, shown):
  assert errors.printable(text) == shown


def test_a_users_mistake_is_a_value_that_is_wrong():
  assert issubclass(errors.InputError, ValueError)


@pytest.mark.parametrize(
  ('kind', 'line'),
  [
    (tf.errors.ResourceExhaustedError, 'OOM when allocating tensor with s'),
    (tf.errors.ResourceExhaustedError, 'Out of memory while trying to alloc'),
    (tf.errors.InternalError, 'cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY: out of'),
    (tf.errors.UnknownError, 'CUDNN_STATUS_ALLOC_FAILED in stream'),
  ],
)
def test_a_full_memory_is_told_by_the_line_that_says_so(kind, line):
  hint = 'Hint: If you want to see a list of allocated tensors when OOM happens'
  error = kind(
    None, None, f'Graph execution error:\n{line}\n\t [[node]]\n{hint}'
  )
  assert errors.no_memory(error) == line


@pytest.mark.parametrize(
  'error',
  [
    tf.errors.ResourceExhaustedError(None, None, 'No space left on device'),
    errors.InputError('out of memory.mp4: cannot be read'),
  ],
)
def test_other_errors_say_nothing_of_memory(error):
  assert errors.no_memory(error) is None
