"""The code is clean by the rules in pyproject.toml."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.mark.parametrize('check', [['check'], ['format', '--check']])
def test_ruff_is_clean(check):
  result = subprocess.run(
    [sys.executable, '-m', 'ruff', *check, '--no-cache', ROOT],
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stdout + result.stderr
