"""Every command in the documents is run by a test, or is said why it cannot be.

documented_commands.yaml has the list. A command that is not in it fails a test,
and so does an entry that no document has any more.
"""

import ast
import collections
import os
import pathlib
import re
import shutil
import sys

import markdown_pages
import program_flags
import programs
import pytest
import small_networks
import yaml

ROOT = markdown_pages.ROOT
TABLES = yaml.safe_load(
  pathlib.Path(__file__).with_name('documented_commands.yaml').read_text()
)
VIDEOS = '20bn-something-something-v2'


def documented():
  """Every command -> the documents that have it."""
  found = {}
  for name, page in markdown_pages.pages().items():
    for command in page.commands:
      found.setdefault(' '.join(command.split()), []).append(name)
  return found


def test_every_command_is_run_or_is_said_why_not():
  lists = [*TABLES['shown_by'].values(), *TABLES['not_here'].values()]
  listed = collections.Counter(list(TABLES['run_in_order']))
  for commands in lists:
    listed.update(commands)
  assert not [command for command, count in listed.items() if count > 1]
  found = documented()
  assert not {each: found[each] for each in found.keys() - listed.keys()}
  assert not listed.keys() - found.keys()


@pytest.mark.parametrize('test', TABLES['shown_by'])
def test_the_test_that_is_said_to_run_a_command_exists(test):
  name, _, function = test.partition('::')
  tree = ast.parse((ROOT / 'tests' / name).read_text())
  assert function in {getattr(node, 'name', None) for node in ast.walk(tree)}


@pytest.mark.parametrize('command', documented())
def test_a_command_has_only_flags_of_its_program(command):
  for script, arguments in program_flags.programs_of(command):
    given = {word.partition('=')[0] for word in arguments if word[:2] == '--'}
    assert given - {'--help'} <= program_flags.flags_of(script), script


@pytest.fixture(name='checkout', scope='module')
def copy_checkout(tmp_path_factory):
  """A copy of the checkout, with what the commands take for granted."""
  folder = tmp_path_factory.mktemp('checkout') / 'i3d'
  unwanted = shutil.ignore_patterns('.*', '__pycache__', '*.egg-info')
  shutil.copytree(ROOT, folder, ignore=unwanted)
  (folder / 'bin').mkdir()
  python = folder / 'bin' / 'python'
  python.write_text('#!/bin/sh\nexec "$PYTHON" "$@"\n')
  python.chmod(0o755)
  shutil.copy(folder / 'data' / 'sample.webm', folder / 'my_video.mp4')
  for label in ('pouring', 'stirring'):
    (folder / 'my_videos' / label).mkdir(parents=True)
    for i in range(3):
      path = folder / 'my_videos' / label / f'{i}.webm'
      shutil.copy(folder / 'data' / 'sample.webm', path)
  for name in ('rgb_imagenet', 'flow_imagenet', 'rgb_scratch'):
    small_networks.write(folder / 'kinetics-i3d' / 'data', name, 7)
  (folder / 'tmp').mkdir()
  for name in (VIDEOS, 'labels'):
    (folder / name).symlink_to(folder / 'tmp' / 'ssv2' / name)
  return folder


def run(checkout, command):
  """Runs a command there in a shell; returns what it prints."""
  result = programs.run(
    ['bash', '-c', command.replace('/tmp/', f'{checkout}/tmp/')],
    cwd=checkout,
    env={
      'PATH': f'{checkout / "bin"}:{os.environ["PATH"]}',
      'PYTHON': sys.executable,
      'PYTHONPATH': str(checkout),
    },
  )
  assert result.returncode == 0, f'{command}\n{result.stderr[-3000:]}'
  return result.stdout


@pytest.mark.slow
@pytest.mark.process
def test_the_commands_work_one_after_the_other(checkout):
  """From rendered videos to a table, on tiny networks."""
  printed = {}
  for command, quicker in TABLES['run_in_order'].items():
    printed[command] = run(checkout, f'{command} {quicker}')
  assert (checkout / 'report.html').exists()
  table = printed[
    'python evaluate_split.py --data_dir=DATA_DIR --records_dir=ssv2_records'
  ]
  assert table.startswith('validation: 2 clips, 2 with a label; 0 damaged\n')
  assert 'Two-Stream I3D' in table
  assert_the_page_has(printed['python -m benchmarks.traffic'])


def assert_the_page_has(traffic):
  """The rows of docs/training.md are those that the benchmark prints."""
  page = markdown_pages.pages()['docs/training.md'].text
  for num_ps in (1, 4, 16):
    row = re.search(rf'^ *{num_ps}  .*', traffic, re.MULTILINE)[0]
    figures = [figure.replace('%', ' %') for figure in row.split()]
    assert f'| {" | ".join(figures)} |' in page


@pytest.mark.slow
@pytest.mark.process
def test_the_first_run_of_a_newcomer_ends_in_a_class(checkout):
  output = run(checkout, 'demo/first_run.sh /tmp/first')
  assert 'Top classes and probabilities' in output


@pytest.mark.process
def test_the_table_of_flags_has_the_programs_defaults():
  shown = programs.run_script('train.py', '--help').stdout
  page = markdown_pages.pages()['docs/training.md'].text
  rows = re.findall(r'^\| `--(\w+)` \| ([\d.e-]+) \|', page, re.MULTILINE)
  assert len(rows) > 10
  for flag, default in rows:
    said = re.search(rf"--{flag}:.*?\(default: '(.*?)'\)", shown, re.DOTALL)
    assert float(said[1]) == float(default), flag
