"""The README names the command that CI runs, and shows how it ends."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent


def test_ci_runs_the_readmes_test_command():
  command = (ROOT / '.ci' / 'run').read_text().splitlines()[-1]
  command = command.replace('"$venv"', '.venv')
  assert command.endswith('-m pytest')
  assert f'\n    {command}\n' in (ROOT / 'README.md').read_text()


def test_the_readme_shows_the_last_line_of_the_tests():
  readme = (ROOT / 'README.md').read_text()
  after = readme.partition('-m pytest\n')[2]
  (shown,) = re.findall(r'^```text\n(.*)\n```$', after, re.MULTILINE)[:1]
  assert re.fullmatch(r'\d+ passed, (\d+ skipped, )?\d+ deselected in …', shown)
