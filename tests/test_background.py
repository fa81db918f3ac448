"""A function runs while the program does something else."""

import subprocess
import threading

import programs
import pytest

from two_stream.evaluation import background


def test_the_call_runs_meanwhile_and_its_result_is_kept():
  go_on = threading.Event()

  def double(number, *, plus):
    assert go_on.wait(10)
    return 2 * number + plus

  call = background.Call(double, 3, plus=1)
  go_on.set()  # It had begun: otherwise it would wait for ever.
  assert call.result() == call.result() == 7


def test_an_error_reaches_who_asks_for_the_result():
  def fail():
    raise ValueError('no')

  call = background.Call(fail)
  with pytest.raises(ValueError, match='no'):
    call.result()


@pytest.mark.process
def test_a_program_that_ends_does_not_wait_for_the_call():
  code = (
    'import time\nfrom two_stream.evaluation import background\n'
    'background.Call(time.sleep, 1000)'
  )
  with programs.started_code(code, stderr=subprocess.PIPE) as process:
    _, stderr = process.communicate(timeout=60)
  assert process.returncode == 0
  assert not stderr
