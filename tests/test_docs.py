"""What the documents name exists: links, flags, modules, messages, packages."""

import ast
import re
import urllib.parse

import markdown_pages
import numpy as np
import program_flags
import pytest

try:
  import tomllib
except ImportError:  # Python 3.10; pytest brings it along there.
  import tomli as tomllib

ROOT = markdown_pages.ROOT
PAGES = markdown_pages.pages()
# What a user runs; demo and benchmarks are for those who read the source.
USERS_SCRIPTS = (
  'compute_fvd.py',
  'convert_checkpoint.py',
  'evaluate_sample.py',
  'evaluate_split.py',
  'preprocess_ssv2.py',
  'train.py',
  'launch/local.py',
  'launch/split_table.py',
)
# Flags of other programs.
OTHERS_FLAGS = {
  *('--array', '--wrap', '--logdir', '--help', '--flag', '--noflag'),
  *(
    '--build',
    '--cpus',
    '--init',
    '--rm',
    '--shm',
    '--tf_xla_auto_jit',
    '--tf_xla_cpu_global_jit',
    '--user',
    '--volume',
  ),
}
HOSTS = {'arxiv.org', 'github.com', 'www.qualcomm.com'}
# What Python and TensorFlow print.
OTHERS_MESSAGES = {
  "AttributeError: module 'cv2' has no attribute 'utils'",
  'cannot serve: Could not start gRPC server',
}


def test_the_readme_is_for_newcomers():
  assert len(PAGES['README.md'].text) <= 9000


def test_the_readme_leads_to_every_document():
  linked = {link.partition('#')[0] for link in PAGES['README.md'].links}
  assert set(PAGES) - {'README.md'} <= linked


def test_the_readme_shows_what_the_demo_prints():
  """In out/, which test_out.py compares with what is printed now."""
  printed = (ROOT / 'out' / 'imagenet_joint.txt').read_text()
  (shown,) = (
    block for block in PAGES['README.md'].output if 'Norm of logits' in block
  )
  assert printed.startswith(shown)


def test_the_documents_show_the_same_table():
  rows = [
    [line for line in PAGES[name].text.splitlines() if '-I3D  ' in line]
    for name in ('README.md', 'docs/data.md')
  ]
  assert rows[0] == rows[1]
  assert rows[0]


@pytest.mark.parametrize('name', PAGES)
def test_blocks_say_what_they_are(name):
  """A block of another kind could hide a command."""
  kinds = re.findall(r'^ *```(\w*)\n.*?^ *```$', PAGES[name].text, re.M | re.S)
  assert set(kinds) <= {'text', 'python', 'bibtex', 'sh'}


@pytest.mark.parametrize('name', PAGES)
def test_links_lead_somewhere(name):
  page = PAGES[name]
  for link in page.links:
    url = urllib.parse.urlparse(link)
    if url.scheme:
      assert url.hostname in HOSTS, link
      continue
    target = (page.path.parent / url.path).resolve() if url.path else page.path
    assert target.exists(), link
    if url.fragment:
      other = PAGES[str(target.relative_to(ROOT))]
      assert url.fragment in other.anchors, link


def test_every_flag_in_the_documents_is_a_programs():
  known = set(OTHERS_FLAGS)
  for script in program_flags.scripts():
    known |= program_flags.flags_of(script)
  for name, page in PAGES.items():
    text = page.text
    for command in page.commands:
      if not program_flags.programs_of(command):
        text = text.replace(command, '')  # Another program's, such as pip.
    named = set(re.findall(r'(?<![\w-])--[a-z]\w*', text))
    assert named <= known, name


def test_every_flag_of_a_users_program_is_explained():
  text = '\n'.join(
    page.text for name, page in PAGES.items() if name.startswith('docs/')
  )
  named = set(re.findall(r'(?<![\w-])--[a-z]\w*', text))
  for script in USERS_SCRIPTS:
    flags = program_flags.flags_of(script)
    for flag in flags - {f'--no{other[2:]}' for other in flags}:
      assert {flag, f'--no{flag[2:]}'} & named, f'{script} {flag}'


def test_the_layout_names_every_module_and_no_other():
  layout = PAGES['docs/architecture.md'].text.partition('## Layout')[2]
  layout = layout.partition('\n## ')[0]
  named = set()
  for section in re.split(r'\n(?=`\w+/`|The ground)', layout)[1:]:
    folder = re.match(r'`(\w+/)`', section)
    for row in re.findall(r'^\| (`.*?) \|', section, re.MULTILINE):
      for module in re.findall(r'`(\w+)`', row):
        named.add((folder[1] if folder else '') + module)
  library = ROOT / 'two_stream'
  modules = {
    str(path.relative_to(library).with_suffix(''))
    for path in library.rglob('[!_]*.py')
  }
  assert named == modules


def test_modules_named_in_the_text_exist():
  folders = [path.parent.name for path in ROOT.glob('two_stream/*/__init__.py')]
  pattern = rf'`((?:{"|".join(folders)})/\w+)`'
  found = re.findall(pattern, PAGES['docs/architecture.md'].text)
  assert len(found) > 20
  for module in found:
    assert (ROOT / 'two_stream' / f'{module}.py').is_file(), module


def test_scripts_are_in_the_layout():
  layout = PAGES['docs/architecture.md'].output[0]
  scripts = {path.name for path in ROOT.glob('*.py')} - {'setup.py'}
  assert set(re.findall(r'^\w+\.py', layout, re.MULTILINE)) == scripts


def run_python_of_the_readme(replaced):
  """Runs it on a shorter clip, which takes less time; returns its variables."""
  code = '\n'.join(PAGES['README.md'].python)
  for shown, run in {'[1, 64, ': '[1, 16, ', **replaced}.items():
    assert code.count(shown) == 1
    code = code.replace(shown, run)
  names = {}
  exec(code, names)
  np.testing.assert_allclose(
    names['logits'], names['classify'](names['clip']), rtol=1e-4, atol=1e-4
  )
  return names


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, kinetics_data):
  monkeypatch.chdir(tmp_path)
  names = run_python_of_the_readme({'kinetics-i3d/data': str(kinetics_data)})
  assert names['end_points']['Logits'].shape == (1, 400)
  assert names['logits'].shape == (1, 400)
  assert names['features'].shape == (1, 2, 7, 7, 1024)


def test_the_python_of_the_readme_runs_with_the_demo(tmp_path, monkeypatch):
  """With the checkpoint and the arguments that the README names for that."""
  checkpoint = 'data/checkpoints/rgb_imagenet/model.ckpt'
  arguments = 'num_classes=17, depth_multiplier=0.25'
  assert {f'`{checkpoint}`', f'`{arguments}`'} <= set(
    re.findall(r'`[^`\n]+`', PAGES['README.md'].text)
  )
  monkeypatch.chdir(tmp_path)
  names = run_python_of_the_readme(
    {
      f'kinetics-i3d/{checkpoint}': str(ROOT / checkpoint),
      'num_classes=400': arguments,
    }
  )
  assert names['logits'].shape == (1, 17)


def strings_of(path):
  """The strings of a source file, with NUL for what they put in."""

  def text(node):
    if isinstance(node, ast.JoinedStr):
      return ''.join(map(text, node.values))
    value = getattr(node, 'value', None)
    return value if isinstance(value, str) else '\0'

  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, (ast.JoinedStr, ast.Constant)):
      yield re.sub(r'%[.\d]*[sdgf]', '\0', text(node))


def test_the_messages_explained_are_those_that_programs_print():
  """Clause for clause; `…` is what a program puts in."""
  paths = [
    path
    for pattern in ('*.py', 'launch/*.py', 'two_stream/**/*.py')
    for path in ROOT.glob(pattern)
  ]
  source = '\n'.join(text for path in paths for text in strings_of(path))
  headings = ' '.join(PAGES['docs/troubleshooting.md'].headings)
  explained = set(re.findall(r'`(.*?)`', headings))
  assert len(explained) > 20
  for message in explained - OTHERS_MESSAGES:
    for clause in re.split('…|; |: ', message):
      assert clause.strip(' .,()') in source, message


def test_the_table_of_dependencies_is_pyprojects():
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  wanted = [*project['dependencies']]
  for packages in project['optional-dependencies'].values():
    wanted.extend(packages)
  names = {re.match(r'[\w-]+(\[[\w-]+\])?', each)[0] for each in wanted}
  table = PAGES['docs/architecture.md'].text.partition('## Dependencies')[2]
  rows = re.findall(r'^\| (`.*?) \|', table, re.MULTILINE)
  named = {name for row in rows for name in re.findall(r'`(.*?)`', row)}
  assert named == names
