"""launch/kubernetes.yaml: its objects fit each other, its containers start.

What the containers run is run here, with a stand-in for train.py. kubectl
checks the objects where it is installed.
"""

import json
import os
import shutil
import sys

import programs
import pytest


@pytest.fixture(scope='module')
def manifest():
  """{kind: {name: object}} of launch/kubernetes.yaml."""
  yaml = pytest.importorskip('yaml')
  text = (programs.ROOT / 'launch' / 'kubernetes.yaml').read_text()
  objects = {}
  for item in yaml.safe_load(text)['items']:
    objects.setdefault(item['kind'], {})[item['metadata']['name']] = item
  return objects


def pod_of(job):
  return job['spec']['template']['spec']


def test_kubernetes_has_as_many_pods_as_the_cluster_has_tasks(manifest):
  numbers = manifest['ConfigMap']['i3d']['data']
  counts = {
    name: job['spec']['completions'] for name, job in manifest['Job'].items()
  }
  assert counts == {
    'i3d-chief': 1,
    'i3d-worker': int(numbers['NUM_WORKERS']),
    'i3d-ps': int(numbers['NUM_PS']),
    'i3d-evaluator': 1,
  }
  for job in manifest['Job'].values():
    assert job['spec']['parallelism'] == job['spec']['completions']
    assert job['spec']['completionMode'] == 'Indexed'
    assert job['spec']['backoffLimit'] > 0
    assert pod_of(job)['restartPolicy'] == 'OnFailure'


def test_kubernetes_objects_refer_to_each_other(manifest):
  service = manifest['Service']['i3d']['spec']
  policy = manifest['NetworkPolicy']['i3d']['spec']
  assert service['clusterIP'] == 'None'
  assert policy['podSelector']['matchLabels'] == service['selector']
  assert policy['ingress'] == [
    {'from': [{'podSelector': policy['podSelector']}]}
  ]
  for job in manifest['Job'].values():
    labels = job['spec']['template']['metadata']['labels']
    assert service['selector'].items() <= labels.items()
    pod = pod_of(job)
    assert pod['subdomain'] in manifest['Service']
    (container,) = pod['containers']
    (config,) = container['envFrom']
    assert config['configMapRef']['name'] in manifest['ConfigMap']
    (volume,) = pod['volumes']
    claim = volume['persistentVolumeClaim']['claimName']
    assert claim in manifest['PersistentVolumeClaim']
    (mount,) = container['volumeMounts']
    assert mount['name'] == volume['name']
    folders = [arg.partition('=')[2] for arg in container['args'][1:]]
    assert all(each.startswith(f'{mount["mountPath"]}/') for each in folders)


@pytest.mark.process
def test_kubernetes_containers_are_addressed_as_their_pods_are_named(
  manifest, tmp_path
):
  stand_in = programs.STAND_INS / 'train_that_reports.py'
  shutil.copy(stand_in, tmp_path / 'train.py')
  (tmp_path / 'bin').mkdir()
  (tmp_path / 'bin' / 'python').symlink_to(sys.executable)
  for name, job in manifest['Job'].items():
    (container,) = pod_of(job)['containers']
    last = job['spec']['completions'] - 1
    result = programs.run(
      [*container['command'], *container['args']],
      cwd=tmp_path,
      env={
        'PATH': f'{tmp_path / "bin"}:{os.environ["PATH"]}',
        'PYTHONPATH': os.pathsep.join([str(programs.ROOT), *sys.path]),
        'JOB_COMPLETION_INDEX': str(last),
        **manifest['ConfigMap']['i3d']['data'],
        **{each['name']: each['value'] for each in container['env']},
      },
      check=True,
    )
    report = json.loads(result.stdout)
    assert report['arguments'] == container['args']
    config = report['config']
    task = config['task']
    assert task == {'type': name.removeprefix('i3d-'), 'index': last}
    if name != 'i3d-evaluator':
      port = container['ports'][0]['containerPort']
      host = f'{name}-{last}.{pod_of(job)["subdomain"]}:{port}'
      assert config['cluster'][task['type']][-1] == host


@pytest.mark.process
def test_kubernetes_knows_every_field_of_the_jobs(manifest):
  """What kubectl reads into its own types, it prints again."""
  kubectl = shutil.which('kubectl')
  if not kubectl:
    pytest.skip('kubectl is not installed')
  jobs = {'apiVersion': 'v1', 'kind': 'List'}
  jobs['items'] = list(manifest['Job'].values())
  result = programs.run(
    [kubectl, 'set', 'env', '--local', '--filename=-', '--output=json', 'A=b'],
    input=json.dumps(jobs),
    env={'KUBECONFIG': os.devnull},
    check=True,
  )
  decoder = json.JSONDecoder()
  jobs = {}
  rest = result.stdout
  while rest.strip():
    job, end = decoder.raw_decode(rest.lstrip())
    rest = rest.lstrip()[end:]
    jobs[job['metadata']['name']] = job
  assert jobs.keys() == manifest['Job'].keys()
  for name, job in manifest['Job'].items():
    assert_contains(jobs[name], job, name)


def assert_contains(actual, expected, place):
  """All of `expected` is in `actual`, which may have more."""
  if isinstance(expected, dict):
    assert expected.keys() <= actual.keys(), place
    for key, value in expected.items():
      assert_contains(actual[key], value, f'{place}.{key}')
  elif isinstance(expected, list):
    for i, value in enumerate(expected):
      assert_contains(actual[i], value, f'{place}[{i}]')
  else:
    assert actual == expected, place
