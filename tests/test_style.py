"""Code is clean: Python by pyproject.toml, shell scripts by ShellCheck."""

import pathlib
import sys

import programs
import pytest

pytestmark = pytest.mark.process

ROOT = programs.ROOT
SHELL_SCRIPTS = [
  '.ci/run',
  'multi_evaluate.sh',
  'demo/first_run.sh',
  'demo/script_flags.sh',
  'demo/train_demo.sh',
  'launch/slurm.sbatch',
  'launch/split_tables.sh',
  'tests/stand_ins/split_tables_python.sh',
]


@pytest.mark.parametrize('check', [['check'], ['format', '--check']])
def test_ruff_is_clean(check):
  result = programs.run(
    [sys.executable, '-m', 'ruff', *check, '--no-cache', ROOT]
  )
  assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize('script', SHELL_SCRIPTS)
def test_shellcheck_is_clean(script):
  shellcheck = pathlib.Path(sys.executable).with_name('shellcheck')
  result = programs.run([shellcheck, ROOT / script])
  assert result.returncode == 0, result.stdout + result.stderr
