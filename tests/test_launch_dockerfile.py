"""launch/Dockerfile, as far as it can be checked without Docker."""

import importlib.metadata
import json
import re
import shlex

import programs
import pytest
from packaging import requirements, utils

try:
  import tomllib
except ImportError:  # Python 3.10; pytest brings it along there.
  import tomli as tomllib

ROOT = programs.ROOT
TEXT = (ROOT / 'launch' / 'Dockerfile').read_text()
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
DEVICES = ('cpu', 'gpu')
# What markers are evaluated with: the image's machine.
IMAGE = {
  'python_version': '3.11',
  'python_full_version': '3.11.9',
  'sys_platform': 'linux',
  'platform_system': 'Linux',
  'platform_machine': 'x86_64',
  'platform_python_implementation': 'CPython',
  'implementation_name': 'cpython',
  'os_name': 'posix',
}


def instructions(name):
  """The arguments of all instructions of a name, in their order."""
  code = re.sub(r'^#.*\n', '', TEXT, flags=re.MULTILINE).replace('\\\n', '')
  return [
    arguments
    for each, arguments in re.findall(r'^(\w+) (.*)$', code, re.MULTILINE)
    if each == name
  ]


def copied(device):
  """The sources of all COPY instructions, relative to the checkout."""
  return [
    source.replace('${DEVICE}', device)
    for arguments in instructions('COPY')
    for source in arguments.split()[:-1]
  ]


def locked(device):
  """{canonical name: version} of a lock file."""
  path = ROOT / 'launch' / f'requirements_{device}.lock'
  lines = path.read_text().splitlines()
  line = re.compile(r'([\w.-]+)==([\w.]+) --hash=sha256:[0-9a-f]{64}')
  found = {}
  for each in lines[1:]:
    name, version = line.fullmatch(each).groups()
    found[utils.canonicalize_name(name)] = version
  assert len(found) == len(lines) - 1
  return found


def wanted(texts, extra=''):
  """The requirements among `texts` that hold in the image."""
  parsed = [requirements.Requirement(text) for text in texts]
  return [
    each
    for each in parsed
    if not each.marker or each.marker.evaluate({**IMAGE, 'extra': extra})
  ]


@pytest.mark.parametrize('device', DEVICES)
def test_all_that_is_copied_exists_and_is_not_ignored(device):
  ignored, *allowed = [
    line
    for line in (ROOT / '.dockerignore').read_text().splitlines()
    if not line.startswith('#')
  ]
  assert ignored == '*'
  for source in copied(device):
    assert list(ROOT.glob(source)), source
    assert f'!{source.partition("/")[0]}' in allowed, source


@pytest.mark.parametrize('device', DEVICES)
def test_the_packages_are_those_that_the_project_allows(device):
  versions = locked(device)
  texts = list(PROJECT['dependencies'])
  if device == 'gpu':
    texts += PROJECT['optional-dependencies']['gpu']
  for each in wanted(texts):
    version = versions[utils.canonicalize_name(each.name)]
    assert each.specifier.contains(version), each
  assert device == 'gpu' or not any('nvidia' in name for name in versions)


@pytest.mark.parametrize('device', DEVICES)
def test_every_package_finds_what_it_needs(device):
  """As far as the same versions are installed here, and so tell it."""
  versions = locked(device)
  checked = 0
  for name, version in versions.items():
    try:
      here = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
      continue
    if here.version != version:
      continue
    extra = 'and-cuda' if (name, device) == ('tensorflow', 'gpu') else ''
    for each in wanted(here.requires or (), extra):
      needed = versions[utils.canonicalize_name(each.name)]
      assert each.specifier.contains(needed), f'{name} needs {each}'
      checked += 1
  if not checked:
    pytest.skip('none of the locked versions is installed')


def test_the_user_is_not_root_and_is_a_number():
  """Kubernetes cannot tell what the number of a name is."""
  (user,) = instructions('USER')
  assert re.fullmatch(r'[1-9]\d*:[1-9]\d*', user)
  assert TEXT.index('\nUSER ') < TEXT.index('\nENTRYPOINT ')


def test_it_starts_a_program_that_is_copied():
  (entry,), (arguments,) = instructions('ENTRYPOINT'), instructions('CMD')
  assert json.loads(entry) == ['python']
  (script,) = json.loads(arguments)
  assert (ROOT / script).exists()
  assert '*.py' in copied('cpu')


def test_the_manifests_name_the_images_that_it_makes():
  yaml = pytest.importorskip('yaml')
  commands = re.sub(r'\\\n#', '', TEXT)
  tags = {}
  for line in re.findall(r'^# +(docker build .*)$', commands, re.MULTILINE):
    words = shlex.split(line)
    assert '--file=launch/Dockerfile' in words
    (tag,) = (word[6:] for word in words if word.startswith('--tag='))
    tags[tag] = '--build-arg=DEVICE=gpu' in words
  for name in ('kubernetes.yaml', 'kubernetes_all_reduce.yaml'):
    text = (ROOT / 'launch' / name).read_text()
    for item in yaml.safe_load(text)['items']:
      if item['kind'] == 'Job':
        assert tags[image_of(item)], 'an image without GPU'
  text = (ROOT / 'launch' / 'kubernetes_preprocessing.yaml').read_text()
  assert not tags[image_of(yaml.safe_load(text))]


def image_of(job):
  """The image of a job, whose pods may not run as root."""
  pod = job['spec']['template']['spec']
  assert pod['securityContext']['runAsNonRoot']
  (user,) = instructions('USER')
  assert pod['securityContext']['fsGroup'] == int(user.partition(':')[2])
  (container,) = pod['containers']
  (folder,) = instructions('WORKDIR')
  assert container['workingDir'] == folder
  return container['image']
