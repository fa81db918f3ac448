"""The README names the commands that CI runs and the files that exist."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent


def test_ci_runs_the_readmes_test_command():
  command = (ROOT / '.ci' / 'run').read_text().splitlines()[-1]
  command = command.replace('"$venv"', '.venv')
  assert command.endswith('-m pytest')
  assert f'\n    {command}\n' in (ROOT / 'README.md').read_text()


def test_the_layout_names_every_module_and_no_other():
  readme = (ROOT / 'README.md').read_text()
  layout = readme.partition('## Layout')[2].partition('Arrows')[0]
  named = set(re.findall(r'\b\w+\.py\b', layout))
  modules = {path.name for path in (ROOT / 'two_stream').glob('[!_]*.py')}
  scripts = {path.name for path in ROOT.glob('*.py')} - {'setup.py'}
  assert named == modules | scripts
