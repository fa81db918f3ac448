"""The manifests of training: objects fit each other, containers start.

What the containers run is run here, with a stand-in for train.py. kubectl
checks the objects where it is installed.
"""

import json
import os
import shutil
import signal
import sys

import programs
import pytest

from two_stream.cluster import cluster_task
from two_stream.training import training_job

WITH_PS = 'kubernetes.yaml'
WITHOUT_PS = 'kubernetes_all_reduce.yaml'


@pytest.fixture(scope='module', params=[WITH_PS, WITHOUT_PS])
def manifest(request):
  """{kind: {name: object}} of a manifest."""
  return read(request.param)


def read(name):
  """{kind: {name: object}} of a file in launch/."""
  yaml = pytest.importorskip('yaml')
  text = (programs.ROOT / 'launch' / name).read_text()
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
  expected = {
    'i3d-worker': int(numbers['NUM_WORKERS']),
    'i3d-evaluator': 1,
  }
  if 'NUM_PS' in numbers:
    expected |= {'i3d-chief': 1, 'i3d-ps': int(numbers['NUM_PS'])}
  assert counts == expected
  for job in manifest['Job'].values():
    assert job['spec']['parallelism'] == job['spec']['completions']
    assert job['spec']['completionMode'] == 'Indexed'
    assert job['spec']['backoffLimit'] > 0
    # A podFailurePolicy demands Never.
    has_policy = 'podFailurePolicy' in job['spec']
    expected = 'Never' if has_policy else 'OnFailure'
    assert pod_of(job)['restartPolicy'] == expected


def test_kubernetes_counts_only_the_first_to_die_of_all_reduce():
  job = read(WITHOUT_PS)['Job']['i3d-worker']
  flags = pod_of(job)['containers'][0]['args']
  assert '--engine=all_reduce' in flags
  codes, conditions = job['spec']['podFailurePolicy']['rules']
  assert codes['action'] == conditions['action'] == 'Ignore'
  assert codes['onExitCodes'] == {
    'operator': 'In',
    'values': [
      training_job.LOST,
      128 + signal.SIGALRM,
      128 + signal.SIGTERM,
    ],
  }
  assert conditions['onPodConditions'] == [{'type': 'DisruptionTarget'}]


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
    volume = pod['volumes'][0]
    claim = volume['persistentVolumeClaim']['claimName']
    assert claim in manifest['PersistentVolumeClaim']
    mount = container['volumeMounts'][0]
    assert [each['name'] for each in pod['volumes']] == [
      each['name'] for each in container['volumeMounts']
    ]
    folders = [arg.partition('=')[2] for arg in container['args'][1:3]]
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
      understood = cluster_task.from_tf_config(json.dumps(config))
      assert list(cluster_task.names(understood).values()).count(host) == 1


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
