"""Types are right, and every file is checked."""

import sys

import programs
import pytest

try:
  import tomllib
except ImportError:  # Python 3.10; pytest brings it along there.
  import tomli as tomllib

ROOT = programs.ROOT
# What is not checked: tests, and what setuptools runs.
OTHERS = ('tests', 'setup.py')


def mypy(*arguments):
  return programs.run([sys.executable, '-m', 'mypy', *arguments], cwd=ROOT)


@pytest.mark.process
def test_mypy_finds_no_error(tmp_path):
  result = mypy(f'--cache-dir={tmp_path}')
  assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.process
def test_mypy_finds_an_error(tmp_path):
  """It looks into functions and follows the imports of this project."""
  wrong = tmp_path / 'wrong.py'
  wrong.write_text(
    'from two_stream import recipe\n'
    'def frames() -> str:\n'
    '  return recipe.MIN_FRAMES\n'
  )
  result = mypy(f'--cache-dir={tmp_path / "cache"}', wrong)
  assert result.returncode == 1
  assert 'expected "str"' in result.stdout


def test_every_file_is_checked():
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  checked = [ROOT / path for path in project['tool']['mypy']['files']]
  for path in [*ROOT.glob('*.py'), *ROOT.glob('[!.]*/**/*.py')]:
    if path.relative_to(ROOT).parts[0] not in OTHERS:
      assert any(path.is_relative_to(parent) for parent in checked), path
