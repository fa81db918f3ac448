"""Code is clean: Python by pyproject.toml, shell scripts by ShellCheck."""

import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

ROOT = pathlib.Path(__file__).parent.parent
SHELL_SCRIPTS = [
  '.ci/run',
  'multi_evaluate.sh',
  'demo/first_run.sh',
  'demo/train_demo.sh',
  'launch/slurm.sbatch',
]


@pytest.mark.parametrize('check', [['check'], ['format', '--check']])
def test_ruff_is_clean(check):
  result = subprocess.run(
    [sys.executable, '-m', 'ruff', *check, '--no-cache', ROOT],
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize('script', SHELL_SCRIPTS)
def test_shellcheck_is_clean(script):
  shellcheck = pathlib.Path(sys.executable).with_name('shellcheck')
  result = subprocess.run(
    [shellcheck, ROOT / script], capture_output=True, text=True, check=False
  )
  assert result.returncode == 0, result.stdout + result.stderr
