"""How the process of a task starts, prints and ends."""

import asyncio
import signal
import sys

import programs
import pytest

from two_stream.cluster import task_process

pytestmark = pytest.mark.process

TASK = task_process.TaskName('worker', 1)


def end_of(code):
  """Runs Python code as a task and returns its `Process` once it has ended."""

  async def run():
    events = asyncio.Queue()
    process = await task_process.Process.start(
      TASK, [sys.executable, '-c', code], programs.IMPORTABLE, events
    )
    assert await asyncio.wait_for(events.get(), 60) is process
    return process

  return asyncio.run(run())


def test_every_line_stands_behind_the_name_of_its_task(capfd):
  end_of(r"print('a\nb\rc', end=''); import sys; sys.stderr.write('d\n')")
  out, err = capfd.readouterr()
  assert out == '[worker 1] a\n[worker 1] b\r[worker 1] c\n'
  assert err == '[worker 1] d\n'


@pytest.mark.parametrize(
  'code, status, end',
  [
    ('pass', 0, 'ended with status 0'),
    ('import sys; sys.exit(3)', 3, 'ended with status 3'),
    (
      'import os, signal; os.kill(os.getpid(), signal.SIGKILL)',
      128 + signal.SIGKILL,
      'was ended by SIGKILL',
    ),
  ],
)
def test_the_end_is_told_as_a_status_and_in_words(code, status, end):
  process = end_of(code)
  assert (process.status, process.end) == (status, end)


@pytest.mark.parametrize(
  'line, status, told',
  [('error: no', 1, True), ('error: no', 2, False), ('no', 1, False)],
)
def test_only_an_error_in_one_line_with_status_1_is_final(line, status, told):
  process = end_of(
    f'import sys; print({line!r}, file=sys.stderr); sys.exit({status})'
  )
  assert process.has_told_why == told


def test_the_chief_has_no_number():
  assert str(task_process.TaskName('chief', 0)) == 'chief'
  assert str(TASK) == 'worker 1'
