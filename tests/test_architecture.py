"""Imports point one way, and what needs no TensorFlow does not load it.

The order of the packages is that of docs/architecture.md. A package's modules
import from packages below it and from each other, without circles.
"""

import ast

import programs
import pytest

ROOT = programs.ROOT

# From the top to the ground. Places in one row may not import each other.
ORDER = (
  ('scripts',),
  ('training',),
  ('evaluation',),
  ('preprocessing',),
  ('records',),
  ('networks', 'datasets', 'video', 'cluster'),
  ('ground',),
  ('terminal',),
)
PACKAGES_WITHOUT_TENSORFLOW = (
  'video',
  'datasets',
  'cluster',
  'ground',
  'terminal',
)
# Modules of other packages that processes without TensorFlow load, and the
# description of a training job, which any engine can use.
OTHERS_WITHOUT_TENSORFLOW = (
  'two_stream.records.schema',
  'two_stream.preprocessing.one_video',
  'two_stream.preprocessing.worker_pool',
  'two_stream.evaluation.sample_clips',
  'two_stream.evaluation.sample_process',
  'two_stream.evaluation.set_clips',
  'two_stream.evaluation.fvd',
  'two_stream.training.training_job',
)


def modules():
  """Dotted name -> path of every module that is not a test."""
  paths = {
    path.stem: path for path in ROOT.glob('*.py') if path.stem != 'setup'
  }
  for path in (ROOT / 'two_stream').rglob('*.py'):
    parts = path.relative_to(ROOT).with_suffix('').parts
    name = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
    paths[name] = path
  return paths


MODULES = modules()


def imports(name, source=None, top_level_only=False):
  """Names of the modules among `MODULES` and of foreign ones it imports."""
  tree = ast.parse(MODULES[name].read_text() if source is None else source)
  nodes = tree.body if top_level_only else ast.walk(tree)
  found = set()
  for node in nodes:
    if isinstance(node, ast.Import):
      found.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      for alias in node.names:
        dotted = f'{node.module}.{alias.name}'
        found.add(dotted if dotted in MODULES else node.module)
  return found


def package_of(name):
  """The package of a module, as in `ORDER`."""
  parts = name.split('.')
  if parts[0] != 'two_stream':
    # i3d.py belongs to networks/; it stands outside as the first thing to read.
    return 'networks' if parts[0] == 'i3d' else 'scripts'
  package = MODULES[name].parent.name
  return 'ground' if package == 'two_stream' else package


def floor(name):
  """How far a module is from the top."""
  return next(i for i, row in enumerate(ORDER) if package_of(name) in row)


def wrong_arrows(name, source=None):
  """The imports of a module that do not point down."""
  return [
    f'{name} -> {other}'
    for other in imports(name, source) & MODULES.keys()
    if package_of(other) != package_of(name) and floor(other) <= floor(name)
  ]


@pytest.mark.parametrize('name', sorted(MODULES))
def test_imports_point_down(name):
  assert wrong_arrows(name) == []


def test_an_import_that_points_up_is_found():
  source = 'from two_stream.training import hooks\n'
  assert wrong_arrows('two_stream.records.clips', source) == [
    'two_stream.records.clips -> two_stream.training.hooks'
  ]
  source = 'def read():\n  from two_stream.video import reader\n'
  assert wrong_arrows('two_stream.datasets.mirroring', source) == [
    'two_stream.datasets.mirroring -> two_stream.video.reader'
  ]
  assert wrong_arrows('two_stream.recipe', 'import i3d\n') == [
    'two_stream.recipe -> i3d'
  ]
  assert wrong_arrows('i3d', 'from two_stream.records import views\n') == [
    'i3d -> two_stream.records.views'
  ]


def test_there_are_no_circles():
  arrows = {name: imports(name) & MODULES.keys() for name in MODULES}
  while arrows:
    ends = {name for name, targets in arrows.items() if not targets}
    assert ends, f'a circle among {sorted(arrows)}'
    arrows = {
      name: targets - ends
      for name, targets in arrows.items()
      if name not in ends
    }


def test_modules_stand_in_packages_one_level_deep():
  depths = {
    len(path.relative_to(ROOT / 'two_stream').parts)
    for path in (ROOT / 'two_stream').rglob('*.py')
  }
  assert depths == {1, 2}
  ground = {path.stem for path in (ROOT / 'two_stream').glob('*.py')}
  assert len(ground - {'__init__'}) <= 7


@pytest.mark.parametrize('name', sorted(MODULES))
def test_packages_export_nothing_and_say_what_they_hold(name):
  path = MODULES[name]
  if path.name == '__init__.py':
    (docstring,) = ast.parse(path.read_text()).body
    assert len(docstring.value.value.split()) >= 10


def test_every_module_has_a_test_file_of_its_name():
  tested = {path.stem for path in (ROOT / 'tests').glob('test_*.py')}
  missing = [
    name
    for name, path in MODULES.items()
    if name.startswith('two_stream')
    and path.stem != '__init__'
    and f'test_{path.stem}' not in tested
  ]
  assert missing == []


def test_no_module_is_longer_than_350_lines():
  long = {
    name: lines
    for name, path in MODULES.items()
    if (lines := len(path.read_text().splitlines())) > 350
  }
  assert long == {}


@pytest.mark.process
def test_pixels_labels_and_records_need_no_tensorflow():
  """So worker processes start in well under a second and stay small."""
  names = [
    name
    for name in MODULES
    if name.startswith('two_stream')
    and (
      package_of(name) in PACKAGES_WITHOUT_TENSORFLOW
      or name in OTHERS_WITHOUT_TENSORFLOW
    )
  ]
  assert set(OTHERS_WITHOUT_TENSORFLOW) <= set(names)
  program = (
    'import importlib, sys\n'
    'for name in sys.argv[1:]:\n'
    '  importlib.import_module(name)\n'
    '  for heavy in ("tensorflow", "sonnet"):\n'
    '    assert heavy not in sys.modules, f"{name} loads {heavy}"\n'
  )
  result = programs.run_code(program, *sorted(names))
  assert result.returncode == 0, result.stderr
