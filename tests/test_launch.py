"""The launchers, each run as its documentation says, as far as that goes here.

A copy of launch/local.py beside another train.py shows what it passes on.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import small_records
import tensorflow as tf

from two_stream.cluster.supervisor import Task
from two_stream.training import initial_weights

pytestmark = pytest.mark.process

ROOT = pathlib.Path(__file__).parent.parent
ENVIRON = {**os.environ, 'PYTHONPATH': str(ROOT)}

# Prints who it is and what it was told.
TRAIN = """
import json, os, sys
task = json.loads(os.environ['TF_CONFIG'])['task']
print(task['type'], task['index'], sys.argv[1:])
"""


@pytest.fixture
def local(tmp_path):
  """launch/local.py beside a train.py that prints its command line."""
  (tmp_path / 'launch').mkdir()
  (tmp_path / 'train.py').write_text(TRAIN)
  script = tmp_path / 'launch' / 'local.py'
  shutil.copy(ROOT / 'launch' / 'local.py', script)
  return script


def run_local(script, *arguments):
  return subprocess.run(
    [sys.executable, script, *arguments],
    env=ENVIRON,
    capture_output=True,
    text=True,
    check=False,
    timeout=60,
  )


def told(result):
  """{task: its command line}."""
  lines = [line.partition('] ')[2] for line in result.stdout.splitlines()]
  parts = [line.split(' ', 2) for line in lines]
  return {f'{job} {index}': arguments for job, index, arguments in parts}


def test_every_task_gets_the_flags_behind_the_dashes(local):
  result = run_local(
    local,
    '--num_workers=2',
    '--num_ps=2',
    '--evaluator',
    '--',
    '--a=1',
    '--',
    'x',
  )
  assert result.returncode == 0, result.stderr
  assert told(result) == dict.fromkeys(
    ['chief 0', 'worker 0', 'ps 0', 'ps 1', 'evaluator 0'],
    "['--a=1', '--', 'x']",
  )


def test_backup_workers_are_not_waited_for(local):
  result = run_local(
    local, '--num_workers=2', '--num_backup=1', '--', '--stream=rgb'
  )
  assert told(result) == dict.fromkeys(
    ['chief 0', 'worker 0', 'worker 1', 'ps 0'],
    "['--replicas_to_aggregate=2', '--stream=rgb']",
  )


def test_flags_of_training_before_the_dashes_are_refused(local):
  result = run_local(local, '--num_workers=2', '--stream=rgb')
  assert result.returncode == 1
  assert 'stream' in result.stderr
  result = run_local(local, '--num_workers=2', 'train', '--', '--stream=rgb')
  assert result.returncode == 1
  assert "unexpected argument 'train'" in result.stderr


def test_status_of_a_failing_job_is_that_of_its_task(local):
  local.parent.with_name('train.py').write_text('raise SystemExit(7)')
  result = run_local(local, '--num_workers=1', '--max_restarts=0')
  assert result.returncode == 7
  assert '[launcher] ' in result.stderr


# As srun does: every task of every node, told where it is; all are ended if one
# fails, and get SIGTERM by scancel.
SRUN = """
import itertools, os, signal, subprocess, sys, time
command = sys.argv[1:]
while command[0].startswith('--'):
  command.pop(0)
def send(number):
  for task in tasks:
    if task.poll() is None:
      os.killpg(task.pid, number)
places = itertools.product(
  range(int(os.environ['FAKE_NODES'])),
  range(int(os.environ['SLURM_NTASKS_PER_NODE'])),
)
tasks = [
  subprocess.Popen(command, start_new_session=True, env={
    **os.environ,
    'SLURM_NODEID': str(node),
    'SLURM_LOCALID': str(local),
    'BATCH_ID': str(os.getppid()),
  })
  for node, local in places
]
signal.signal(signal.SIGTERM, lambda number, _: send(number))
with open('srun.pid', 'w') as stream:
  stream.write(str(os.getpid()))
while None in (statuses := [task.poll() for task in tasks]):
  if any(statuses):
    send(signal.SIGKILL)
  time.sleep(0.01)
sys.exit(max(statuses))
"""
SCONTROL = """
import os, sys
print(*(
  [f'node{i}' for i in range(int(os.environ['FAKE_NODES']))]
  if sys.argv[1:3] == ['show', 'hostnames'] else sys.argv[1:]
), sep='\\n')
"""


SCANCEL = """
import os, sys
assert sys.argv[1:] == ['--signal=TERM', '1234567']
os.kill(int(open('srun.pid').read()), 15)
"""


@pytest.fixture
def slurm(tmp_path):
  """A checkout whose train.py is a stand-in, and the commands of Slurm.

  Returns:
    A function of train.py's text, the number of nodes and what to edit in
    launch/slurm.sbatch, which it runs; it returns the finished process.
  """
  commands = tmp_path / 'bin'
  commands.mkdir()
  texts = {'srun': SRUN, 'scontrol': SCONTROL, 'scancel': SCANCEL}
  for name, text in texts.items():
    (commands / name).write_text(f'#!{sys.executable}\n{text}')
    (commands / name).chmod(0o755)
  (tmp_path / '.venv').symlink_to(sys.prefix)

  def submit(train, nodes=1, edited=('', '')):
    (tmp_path / 'train.py').write_text(train)
    script = (ROOT / 'launch' / 'slurm.sbatch').read_text()
    assert edited[0] in script
    (tmp_path / 'slurm.sbatch').write_text(script.replace(*edited))
    return subprocess.run(
      ['bash', 'slurm.sbatch', '--stream=rgb', '--a=b c'],
      cwd=tmp_path,
      env={
        **ENVIRON,
        'PATH': f'{commands}:{os.environ["PATH"]}',
        'FAKE_NODES': str(nodes),
        'SLURM_NTASKS_PER_NODE': '5',
        'SLURM_JOB_ID': '1234567',
        'SLURM_JOB_NODELIST': 'node[0-1]',
        'CUDA_VISIBLE_DEVICES': '0,1,2,3',
      },
      capture_output=True,
      text=True,
      check=False,
      timeout=60,
    )

  return submit


def test_slurm_runs_a_task_in_every_place_with_its_gpu(slurm):
  result = slurm(
    """
import json, os, sys
config = json.loads(os.environ['TF_CONFIG'])
jobs, task = config['cluster'], config['task']
address = jobs[task['type']][task['index']]
gpu = os.environ['CUDA_VISIBLE_DEVICES']
line = json.dumps([address, task['type'], gpu, sys.argv[1:]])
sys.stdout.write(line + '\\n')
""",
    nodes=2,
  )
  assert result.returncode == 0, result.stderr
  port = 20000 + 1234567 % 300 * 40
  flags = ['--stream=rgb', '--a=b c']
  expected = []
  for node in ('node0', 'node1'):
    for i in range(4):
      job = 'chief' if (node, i) == ('node0', 0) else 'worker'
      expected.append([f'{node}:{port + i}', job, str(i), flags])
    expected.append([f'{node}:{port + 4}', 'ps', '', flags])
  found = [json.loads(line) for line in result.stdout.splitlines()]
  assert sorted(found) == sorted(expected)


# Fails at its first start.
FAIL_ONCE = """
import json, os, pathlib, time
task = json.loads(os.environ['TF_CONFIG'])['task']
name = f'{task["type"]} {task["index"]}'
starts = pathlib.Path(f'{name}.starts')
with starts.open('a') as stream:
  stream.write('x')
if name == 'FAILING' and starts.read_text() == 'x':
  raise SystemExit(3)
failing = pathlib.Path('FAILING.starts')
while not failing.exists() or failing.read_text() == 'x':
  time.sleep(0.01)
"""


@pytest.mark.parametrize(
  'failing, message',
  [
    ('worker 2', 'worker ended with status 3: restart 1\n'),
    ('chief 0', 'the job ended with status 3: restart 1\n'),
    ('ps 0', 'the job ended with status 3: restart 1\n'),
  ],
)
def test_slurm_restarts_a_worker_alone_and_all_for_the_rest(
  failing, message, slurm, tmp_path
):
  result = slurm(FAIL_ONCE.replace('FAILING', failing))
  assert result.returncode == 0, result.stderr
  assert message in result.stderr
  assert (tmp_path / f'{failing}.starts').read_text() == 'xx'
  if failing.startswith('worker'):
    assert (tmp_path / 'worker 1.starts').read_text() == 'x'
    assert 'the job ended' not in result.stderr


# The task fails at its first six starts.
FAIL_OFTEN = """
import os, pathlib, time
is_failing = FAILING in os.environ['TF_CONFIG'][-40:]
starts = pathlib.Path('starts')
if is_failing:
  with starts.open('a') as stream:
    stream.write('x')
while not starts.exists() or starts.stat().st_size < 7:
  if is_failing:
    raise SystemExit(3)
  time.sleep(0.01)
"""


@pytest.mark.parametrize('failing', ['"worker", "index": 2', '"chief"'])
def test_slurm_forgets_deaths_of_long_ago(failing, slurm):
  train = FAIL_OFTEN.replace('FAILING', repr(failing))
  edited = 'RESTART_HOURS=12', 'RESTART_HOURS=0'
  result = slurm(train, edited=edited)
  assert result.returncode == 0, result.stderr
  assert result.stderr.count(' ended with status 3: restart 1\n') == 6


def test_slurm_gives_up_with_the_status_of_the_job(slurm):
  result = slurm("""
import os
raise SystemExit(7 if '"chief"' in os.environ['TF_CONFIG'][-40:] else 0)
""")
  assert result.returncode == 7
  assert result.stderr.count('the job ended with status 7: restart') == 3


def test_slurm_saves_with_its_ps_and_queues_again_when_time_is_up(
  slurm, tmp_path
):
  result = slurm("""
import json, os, pathlib, signal, sys, time
job = json.loads(os.environ['TF_CONFIG'])['task']['type']
def save(*_):
  time.sleep(0.3)
  os.kill(int(pathlib.Path('ps').read_text()), 0)
  pathlib.Path('saved').touch()
  sys.exit(143)
if job == 'chief':
  signal.signal(signal.SIGTERM, save)
elif job == 'worker':
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
else:
  pathlib.Path('ps').write_text(str(os.getpid()))
pathlib.Path(f'{os.getpid()}.ready').touch()
if job == 'chief':
  while len(list(pathlib.Path().glob('*.ready'))) < 5:
    time.sleep(0.01)
  os.kill(int(os.environ['BATCH_ID']), signal.SIGUSR1)
time.sleep(30)
""")
  assert (tmp_path / 'saved').exists(), result.stderr
  assert result.stdout == 'requeue\n1234567\n'
  assert result.returncode == 0
  assert 'restart' not in result.stderr


@pytest.fixture(scope='module')
def manifest():
  """{kind: {name: object}} of launch/kubernetes.yaml."""
  yaml = pytest.importorskip('yaml')
  text = (ROOT / 'launch' / 'kubernetes.yaml').read_text()
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


def test_kubernetes_containers_are_addressed_as_their_pods_are_named(
  manifest, tmp_path
):
  (tmp_path / 'train.py').write_text("""
import os, sys
print(os.environ['TF_CONFIG'], sys.argv[1:], sep='\\n')
""")
  (tmp_path / 'bin').mkdir()
  (tmp_path / 'bin' / 'python').symlink_to(sys.executable)
  for name, job in manifest['Job'].items():
    (container,) = pod_of(job)['containers']
    last = job['spec']['completions'] - 1
    result = subprocess.run(
      [*container['command'], *container['args']],
      cwd=tmp_path,
      env={
        'PATH': f'{tmp_path / "bin"}:{os.environ["PATH"]}',
        'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path]),
        'JOB_COMPLETION_INDEX': str(last),
        **manifest['ConfigMap']['i3d']['data'],
        **{each['name']: each['value'] for each in container['env']},
      },
      capture_output=True,
      text=True,
      check=True,
    )
    text, flags = result.stdout.splitlines()
    assert flags == str(container['args'])
    config = json.loads(text)
    task = config['task']
    assert task == {'type': name.removeprefix('i3d-'), 'index': last}
    if name != 'i3d-evaluator':
      port = container['ports'][0]['containerPort']
      host = f'{name}-{last}.{pod_of(job)["subdomain"]}:{port}'
      assert config['cluster'][task['type']][-1] == host


def test_kubernetes_knows_every_field_of_the_jobs(manifest):
  """What kubectl reads into its own types, it prints again."""
  kubectl = shutil.which('kubectl')
  if not kubectl:
    pytest.skip('kubectl is not installed')
  jobs = {'apiVersion': 'v1', 'kind': 'List'}
  jobs['items'] = list(manifest['Job'].values())
  result = subprocess.run(
    [kubectl, 'set', 'env', '--local', '--filename=-', '--output=json', 'A=b'],
    input=json.dumps(jobs),
    env={**os.environ, 'KUBECONFIG': os.devnull},
    capture_output=True,
    text=True,
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


def task_id(launcher, task):
  """The process id of a launcher's task, None if it has none now."""
  children = f'/proc/{launcher.pid}/task/{launcher.pid}/children'
  for pid in pathlib.Path(children).read_text().split():
    try:
      environ = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
    except OSError:
      continue
    for variable in environ.split(b'\0'):
      if variable.startswith(b'TF_CONFIG='):
        config = json.loads(variable.partition(b'=')[2])
        if Task(config['task']['type'], config['task']['index']) == task:
          return int(pid)
  return None


def saved_step(train_dir):
  """Of the newest checkpoint, 0 if there is none."""
  path = tf.train.latest_checkpoint(str(train_dir))
  return int(path.rpartition('-')[2]) if path else 0


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  small_records.write(folder, 'validation', ((10, 11),))
  return folder


MAX_STEPS = 60


@pytest.mark.slow
@pytest.mark.parametrize(
  'task, num_backup',
  [
    (Task('worker', 0), 0),
    (Task('worker', 1), 1),
    (Task('chief', 0), 0),
    (Task('ps', 1), 0),
  ],
  ids=['needed worker', 'backup worker', 'chief', 'ps'],
)
def test_training_survives_kill_9(task, num_backup, records, tmp_path):
  train_dir = tmp_path / 'rgb'
  log = tmp_path / 'log'
  with (
    log.open('wb') as stream,
    subprocess.Popen(
      [
        *(sys.executable, ROOT / 'launch' / 'local.py'),
        *('--num_workers=2', f'--num_backup={num_backup}', '--num_ps=2'),
        *('--evaluator', '--', '--stream=rgb', '--replicas_to_aggregate=2'),
        *(f'--records_dir={records}', f'--train_dir={train_dir}'),
        *('--depth_multiplier=0.0625', '--num_frames=9', '--batch_size=1'),
        *(f'--max_steps={MAX_STEPS}', '--checkpoint_seconds=3'),
      ],
      env=ENVIRON,
      stdout=stream,
      stderr=stream,
    ) as launcher,
  ):
    try:
      deadline = time.monotonic() + 400
      while saved_step(train_dir) < 5:
        assert launcher.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
      os.kill(task_id(launcher, task), signal.SIGKILL)
      step = saved_step(train_dir)
      assert step < MAX_STEPS
      assert launcher.wait(400) == 0, log.read_text()
    finally:
      launcher.terminate()
  output = log.read_text()
  assert f'[launcher] {task} was ended by SIGKILL: restart 1 of 3' in output
  assert saved_step(train_dir) == MAX_STEPS
  assert (train_dir / 'export' / 'model.ckpt.index').exists()
  assert f'step {MAX_STEPS}: top-1 ' in output  # The evaluator.
  for saved in initial_weights.saved_steps(train_dir):
    # With a backup, steps go on without the chief; not while it saves.
    path = initial_weights.checkpoint_path(train_dir, saved)
    assert tf.train.load_variable(path, 'global_step') == saved
  continued = re.findall(r'continuing from \S*/model.ckpt-(\d+)\n', output)
  if task.job == 'worker':
    assert not continued
  else:
    assert int(continued[-1]) >= step > 0


@pytest.mark.slow
def test_a_job_that_diverged_goes_on_as_its_advice_says(records, tmp_path):
  train_dir = tmp_path / 'rgb'

  def run(rates, max_steps):
    return subprocess.run(
      [
        *(sys.executable, ROOT / 'launch' / 'local.py', '--num_workers=2'),
        *('--num_ps=2', '--', '--stream=rgb', '--replicas_to_aggregate=2'),
        *(f'--records_dir={records}', f'--train_dir={train_dir}'),
        *('--depth_multiplier=0.0625', '--num_frames=9', '--batch_size=1'),
        *(f'--max_steps={max_steps}', f'--learning_rates={rates}'),
        '--checkpoint_seconds=0.1',
      ],
      env=ENVIRON,
      capture_output=True,
      text=True,
      check=False,
    )

  result = run('0:0.05,4:1e4', 200)
  assert result.returncode == 1
  named, step = re.search(
    r'\[chief\] error: step .* (\S+) is the last checkpoint from before; lower '
    r'--learning_rates from step (\d+) on and run again',
    result.stderr,
  ).groups()
  assert 0 < int(step) <= 4
  assert not (train_dir / 'export').exists()
  result = run(f'0:0.05,{step}:0.01', 8)
  assert result.returncode == 0, result.stderr
  assert f'continuing from {named}\n' in result.stderr
  assert (train_dir / 'export' / 'model.ckpt.index').exists()
