"""The files that tell others about the project agree with it."""

import pathlib
import re

import pytest
import test_style
import yaml

try:
  import tomllib
except ImportError:  # Python 3.10; pytest brings it along there.
  import tomli as tomllib

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']


def read(name):
  return yaml.safe_load((ROOT / name).read_text(encoding='utf-8'))


def test_the_citation_is_of_this_version_and_of_nobody_invented():
  citation = read('CITATION.cff')
  assert citation['version'] == PROJECT['version']
  assert citation['license'] == PROJECT['license']
  (authors,) = citation['authors']
  readme = (ROOT / 'README.md').read_text()
  assert f'author = {{{{{authors["name"]}}}}}' in readme
  assert citation['references'][0]['title'] in readme


def test_the_changelog_has_this_version():
  assert PROJECT['version'] in (ROOT / 'CHANGELOG.md').read_text()


def test_ci_runs_on_the_oldest_and_the_newest_python():
  (job,) = read('.github/workflows/ci.yml')['jobs'].values()
  oldest, beyond = re.findall(r'3\.(\d+)', PROJECT['requires-python'])
  newest = int(beyond) - 1
  pythons = job['strategy']['matrix']['python']
  assert pythons == [f'3.{oldest}', f'3.{newest}']
  assert job['steps'][-1] == {'run': '.ci/run'}
  assert (ROOT / '.ci' / 'run').stat().st_mode & 0o100


@pytest.mark.parametrize(
  ('script', 'flag'),
  [('evaluate_split.py', 'output_dir'), ('compute_fvd.py', 'cache_dir')],
)
def test_what_a_script_writes_by_default_is_not_committed(script, flag):
  default = re.search(rf"'{flag}',\s+'(\w+)',", (ROOT / script).read_text())[1]
  assert f'/{default}/' in (ROOT / '.gitignore').read_text().splitlines()


def test_commits_are_checked_as_the_tests_check_style():
  (repository,) = read('.pre-commit-config.yaml')['repos']
  assert repository['repo'] == 'local'  # Nothing is downloaded.
  hooks = {hook['id']: hook for hook in repository['hooks']}
  assert {hook['language'] for hook in hooks.values()} == {'system'}
  assert {hook['entry'].split()[0] for hook in hooks.values()} == {
    'ruff',
    'shellcheck',
  }
  scripts = {
    str(path.relative_to(ROOT))
    for path in [
      *ROOT.glob('[!.]*'),
      *ROOT.glob('[!.]*/**/*'),
      ROOT / '.ci/run',
    ]
    if re.search(hooks['shellcheck']['files'], str(path.relative_to(ROOT)))
  }
  assert scripts == set(test_style.SHELL_SCRIPTS)


def test_the_projects_addresses_are_those_that_exist():
  """No address of this repository is known; a guess would mislead."""
  readme = (ROOT / 'README.md').read_text()
  assert all(url in readme for url in PROJECT['urls'].values())
