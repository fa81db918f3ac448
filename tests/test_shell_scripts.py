"""The shell scripts take a flag for no folder: for a question or a mistake."""

import programs
import pytest

pytestmark = pytest.mark.process

SCRIPTS = [
  'multi_evaluate.sh',
  'demo/first_run.sh',
  'demo/train_demo.sh',
  'launch/split_tables.sh',
]


def run(script, folder, *arguments):
  """Runs a script in an empty folder, which must stay empty."""
  result = programs.run(
    [programs.ROOT / script, *arguments],
    cwd=folder,
    env={'PYTHON': 'false', 'TMPDIR': str(folder)},
  )
  assert not list(folder.iterdir())
  return result


def usage(script):
  """The comment on top of a script, without its number signs."""
  lines = (programs.ROOT / script).read_text().splitlines()[1:]
  end = next(i for i, line in enumerate(lines) if not line.startswith('#'))
  return ''.join(f'{line[2:]}\n' for line in lines[:end])


@pytest.mark.parametrize('script', SCRIPTS)
@pytest.mark.parametrize('arguments', [['--help'], ['-h'], ['a', '--help']])
def test_a_script_that_is_asked_for_help_says_how_to_use_it(
  tmp_path, script, arguments
):
  result = run(script, tmp_path, *arguments)
  assert result.returncode == 0
  assert result.stdout == usage(script)
  assert f'{script} ' in result.stdout
  assert not result.stderr


@pytest.mark.parametrize('script', SCRIPTS)
@pytest.mark.parametrize(
  'arguments', [['--halp'], ['-x'], ['a', '--out=b'], ['-']]
)
def test_a_flag_that_a_script_does_not_have_is_refused(
  tmp_path, script, arguments
):
  result = run(script, tmp_path, *arguments)
  flag = arguments[-1]
  assert result.returncode == 1
  assert not result.stdout
  assert result.stderr == (
    f'{usage(script)}error: unknown flag {flag}; write such a folder as '
    f'./{flag}\n'
  )
