"""What `pip install .` installs is everything, packages within packages too."""

import pathlib
import shutil
import sys
import sysconfig
import venv

import programs
import pytest

ROOT = programs.ROOT

pytestmark = pytest.mark.process

# Imports the modules named on the command line; prints where each comes from.
_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
  print(importlib.import_module(name).__file__)
"""


# Prints the number of released files that the installed table has.
_TABLE = """
from two_stream.networks import provenance
print(len(provenance._released()))
"""


def module_names():
  """Dotted names of i3d and of every module of two_stream in the checkout."""
  names = ['i3d']
  for path in sorted((ROOT / 'two_stream').rglob('*.py')):
    parts = path.relative_to(ROOT).with_suffix('').parts
    names.append('.'.join(part for part in parts if part != '__init__'))
  return names


def run(*command, cwd):
  return programs.run(command, cwd=cwd, check=True).stdout


def test_the_wheel_has_every_module(tmp_path):
  """Installed in a fresh environment and imported far from the checkout."""
  # A build leaves files beside its sources, which a later one would pick up.
  sources = tmp_path / 'sources'
  shutil.copytree(
    ROOT, sources, ignore=lambda *_: ['.git', '.venv', 'build', 'data']
  )
  wheels = tmp_path / 'wheels'
  run(
    *(sys.executable, '-m', 'pip', 'wheel', '--no-deps', '-w', wheels, sources),
    cwd=tmp_path,
  )
  (wheel,) = wheels.glob('*.whl')
  environment = tmp_path / 'environment'
  venv.create(environment)
  python = environment / 'bin' / 'python'
  run(
    *(sys.executable, '-m', 'pip', '--python', python),
    *('install', '--no-deps', wheel),
    cwd=tmp_path,
  )
  # The dependencies are those of the environment that runs the tests. What is
  # installed there as editable stays out: only the folder itself is added.
  (site,) = environment.glob('lib/python*/site-packages')
  (site / 'dependencies.pth').write_text(sysconfig.get_path('purelib') + '\n')
  found = run(python, '-I', '-c', _IMPORT_ALL, *module_names(), cwd=tmp_path)
  assert len(found.splitlines()) == len(module_names())
  for line in found.splitlines():
    assert pathlib.Path(line).is_relative_to(environment), line
  assert run(python, '-I', '-c', _TABLE, cwd=tmp_path) == '5\n'
