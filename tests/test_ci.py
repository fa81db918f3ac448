""".ci/run, with stand-ins for what it calls."""

import os
import shutil
import signal
import subprocess

import programs
import pytest

pytestmark = pytest.mark.process

# `python3 -m venv FOLDER` makes FOLDER/bin/pip and FOLDER/bin/python, and these
# tell how they are called.
PYTHON3 = """#!/bin/bash
[[ $1 == -m && $2 == venv ]] || exit 99
mkdir -p "$3/bin"
for name in pip python; do
  cp "$PROGRAM" "$3/bin/$name"
done
echo "made $3"
"""
PROGRAM = """#!/bin/bash
echo "$(basename "$0") $*"
[[ $0 != */python ]] || exec $PYTEST
"""


@pytest.fixture(name='start')
def make_checkout(tmp_path):
  """A checkout with a .venv; returns a function that starts its .ci/run."""
  checkout, commands = tmp_path / 'a checkout', tmp_path / 'commands'
  temporary = tmp_path / 'temporary files'
  for folder in (checkout / '.ci', checkout / '.venv', commands, temporary):
    folder.mkdir(parents=True)
  shutil.copy(programs.ROOT / '.ci' / 'run', checkout / '.ci')
  (checkout / '.venv' / 'mine').touch()
  for name, text in (('python3', PYTHON3), ('program', PROGRAM)):
    (commands / name).write_text(text)
    (commands / name).chmod(0o755)

  def start(pytest_command):
    return programs.started(
      [checkout / '.ci' / 'run'],
      env={
        'PATH': f'{commands}:{os.environ["PATH"]}',
        'PROGRAM': str(commands / 'program'),
        'PYTEST': pytest_command,
        'TMPDIR': str(temporary),
      },
      stdout=subprocess.PIPE,
      text=True,
    )

  yield start
  assert [path.name for path in (checkout / '.venv').iterdir()] == ['mine']
  assert sorted(path.name for path in checkout.iterdir()) == ['.ci', '.venv']
  assert not list(temporary.iterdir())


@pytest.mark.parametrize(('command', 'status'), [('true', 0), ('false', 1)])
def test_ci_tests_in_an_environment_of_its_own(start, command, status):
  with start(command) as run:
    made, *called = run.stdout.read().splitlines()
    assert run.wait(60) == status
  assert made.startswith('made ')
  assert called == ['pip install -e .[test]', 'python -m pytest']


def test_ci_removes_its_environment_when_it_is_ended(start):
  with start('sleep 0.5') as run:
    while 'pytest' not in run.stdout.readline():
      pass
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) != 0
