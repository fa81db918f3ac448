"""The README's commands are the ones that CI runs."""

import pathlib

ROOT = pathlib.Path(__file__).parent.parent


def test_ci_runs_the_readmes_test_command():
  command = (ROOT / '.ci' / 'run').read_text().splitlines()[-1]
  assert command.endswith('-m pytest')
  assert f'\n    {command}\n' in (ROOT / 'README.md').read_text()


def test_the_layout_names_what_exists():
  readme = (ROOT / 'README.md').read_text()
  layout = readme.partition('## Layout')[2].partition('Arrows')[0]
  listed = {
    line.split()[0].rstrip('/,')
    for line in layout.splitlines()
    if line.startswith('    ')
  }
  modules = {path.name for path in (ROOT / 'two_stream').glob('*.py')}
  assert modules - {'__init__.py'} <= listed
  scripts = {path.name for path in ROOT.glob('*.py')}
  assert scripts - {'setup.py'} <= listed
  for name in listed:
    folder = 'two_stream' if name in modules else '.'
    assert (ROOT / folder / name).exists(), name
