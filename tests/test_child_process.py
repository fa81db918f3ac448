"""A process that ends with its parent, and not by Ctrl-C."""

import os
import signal

import pool_tasks
import pytest

from two_stream.preprocessing import child_process

pytestmark = pytest.mark.process


def test_it_talks_through_the_pipe():
  process, connection = child_process.start(pool_tasks.answer, 'a')
  connection.send('b')
  assert connection.recv() == 'ab'
  assert child_process.how_it_ended(process) == 'ended with status 0'


def test_ctrl_c_does_not_end_it_however_early():
  """A terminal sends the signal to all processes, which may just begin."""
  process, connection = child_process.start(pool_tasks.answer, 'a')
  os.kill(process.pid, signal.SIGINT)
  assert not connection.poll(0.2)
  os.kill(process.pid, signal.SIGINT)
  connection.send('b')
  assert connection.recv() == 'ab'
  assert child_process.how_it_ended(process) == 'ended with status 0'
  assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize(
  ('task', 'how'),
  [
    ('die', 'was ended by SIGKILL (out of memory?)'),
    ('crash', 'was ended by SIGSEGV'),
    ('exit', 'ended with status 7'),
  ],
)
def test_how_it_ended_is_told(task, how):
  process, connection = child_process.start(pool_tasks.answer, task)
  connection.send('')
  assert child_process.how_it_ended(process) == how


def test_a_traceback_is_obeyed_in_nothing(capsys):
  try:
    raise RuntimeError('a\x1b[2J\nb')
  except RuntimeError:
    child_process.print_traceback()
  text = capsys.readouterr().err
  assert text.startswith('Traceback')
  assert 'RuntimeError: a\\x1b[2J' in text


@pytest.mark.parametrize(
  ('error', 'line', 'has_traceback'),
  [
    (OSError(27, 'File too large'), 'a: [Errno 27] File too large', False),
    (MemoryError(), 'a: the system gives no memory', False),
    (KeyError('b\nc'), r"a: KeyError: 'b\nc'", True),
  ],
)
def test_the_reason_of_an_exception_is_one_line(
  error, line, has_traceback, capsys
):
  try:
    raise error
  except Exception as caught:
    assert str(child_process.reason('a', caught)) == line
  assert ('Traceback' in capsys.readouterr().err) == has_traceback
