"""How scripts end."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from absl import flags
from two_stream import cli, errors
flags.DEFINE_boolean('imagenet_pretrained', True, 'help text')
flags.DEFINE_string('outcome', 'return', 'help text')
def main():
  outcome = flags.FLAGS.outcome
  if outcome == 'input':
    raise errors.InputError('clip.npy has 8 frames')
  if outcome == 'interrupt':
    raise KeyboardInterrupt
  if outcome == 'print':
    print('a line\\n' * 100_000)
  if outcome == 'bug':
    raise RuntimeError('a bug')
  return 3 if outcome == 'three' else None
cli.run(main)
"""


def run(*arguments):
  return subprocess.run(
    [sys.executable, '-c', PROGRAM, *arguments],
    capture_output=True,
    text=True,
    check=False,
  )


@pytest.mark.parametrize(
  'outcome, status', [('return', 0), ('three', 3), ('interrupt', 130)]
)
def test_exit_statuses(outcome, status):
  result = run(f'--outcome={outcome}')
  assert result.returncode == status
  assert 'Traceback' not in result.stderr


def test_output_that_nobody_reads_ends_quietly():
  with subprocess.Popen(
    [sys.executable, '-c', PROGRAM, '--outcome=print'],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  ) as process:
    assert process.stdout.readline() == b'a line\n'
    process.stdout.close()
    assert process.stderr.read() == b''
    assert process.wait() == 141


def test_a_users_mistake_is_one_line_and_status_1():
  result = run('--outcome=input')
  assert result.returncode == 1
  assert result.stderr == 'error: clip.npy has 8 frames\n'


def test_a_bug_keeps_its_traceback():
  result = run('--outcome=bug')
  assert result.returncode == 1
  assert 'Traceback' in result.stderr


def test_a_boolean_given_as_a_word_is_refused_with_the_right_spelling():
  result = run('--imagenet_pretrained', 'false')
  assert result.returncode == 1
  assert '--noimagenet_pretrained' in result.stderr
  assert result.stderr.count('\n') == 1


def test_a_stray_argument_is_refused():
  result = run('clip.mp4')
  assert result.returncode == 1
  assert result.stderr.startswith("error: unexpected argument 'clip.mp4'")


def test_an_unknown_flag_is_refused():
  result = run('--eval_typ=rgb')
  assert result.returncode == 1
  assert 'eval_typ' in result.stderr
  assert 'Traceback' not in result.stderr


def test_help_explains_the_flags():
  result = run('--help')
  assert 'imagenet_pretrained' in result.stdout
