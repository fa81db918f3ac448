"""The README names the command that CI runs."""

import pathlib

ROOT = pathlib.Path(__file__).parent.parent


def test_ci_runs_the_readmes_test_command():
  command = (ROOT / '.ci' / 'run').read_text().splitlines()[-1]
  command = command.replace('"$venv"', '.venv')
  assert command.endswith('-m pytest')
  assert f'\n    {command}\n' in (ROOT / 'README.md').read_text()
