"""train.py run as a user runs it, and killed."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
import small_records
import tensorflow as tf

from two_stream import checkpoints, cluster, errors, recipe

ROOT = pathlib.Path(__file__).parent.parent
SMALL = [
  '--stream=rgb',
  '--num_frames=9',
  '--batch_size=1',
  '--depth_multiplier=0.0625',
  '--checkpoint_seconds=1',
]


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


def start(log, script, *flags):
  """Starts a script of the checkout; what it prints goes to the file `log`."""
  with log.open('w') as stream:
    return subprocess.Popen(
      [sys.executable, ROOT / script, *map(str, flags)],
      stdout=stream,
      stderr=subprocess.STDOUT,
      text=True,
      # Scripts in folders find the project where it is not installed too.
      env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )


def wait_for(condition, seconds=240):
  end = time.monotonic() + seconds
  while not (found := condition()):
    assert time.monotonic() < end, 'waited too long'
    time.sleep(0.2)
  return found


def saved_step(train_dir):
  """The step of the newest checkpoint, 0 before there is one."""
  path = tf.train.latest_checkpoint(str(train_dir))
  return int(path.rpartition('-')[2]) if path else 0


def task_process(train_dir, job, index):
  """The number of the process that is a task of the job in `train_dir`."""
  for folder in pathlib.Path('/proc').glob('[0-9]*'):
    try:
      command = (folder / 'cmdline').read_bytes().decode().split('\0')
      environment = (folder / 'environ').read_bytes().decode().split('\0')
    except OSError:
      continue
    if f'--train_dir={train_dir}' in command and 'launch/local.py' not in str(
      command
    ):
      (config,) = [e for e in environment if e.startswith('TF_CONFIG=')]
      task = json.loads(config.removeprefix('TF_CONFIG='))['task']
      if (task['type'], int(task['index'])) == (job, index):
        return int(folder.name)
  return None


def survive(data, tmp_path, job, index, backups=0, max_steps=40):
  """Kills a task in the middle; checks that the job ends as if it had not."""
  train_dir, log = tmp_path / 'run', tmp_path / 'log'
  launcher = start(
    log,
    'launch/local.py',
    '--num_workers=2',
    f'--num_backup={backups}',
    '--',
    *SMALL,
    '--replicas_to_aggregate=2',
    f'--records_dir={data}',
    f'--train_dir={train_dir}',
    f'--max_steps={max_steps}',
  )
  try:
    at_kill = wait_for(
      lambda: saved_step(train_dir) or launcher.poll() is not None
    )
    assert launcher.poll() is None, log.read_text()[-3000:]
    os.kill(wait_for(lambda: task_process(train_dir, job, index)), 9)
    assert launcher.wait(500) == 0, log.read_text()[-3000:]
  finally:
    if launcher.poll() is None:
      launcher.terminate()
      launcher.wait(60)
  assert at_kill < max_steps
  assert saved_step(train_dir) == max_steps
  assert (train_dir / 'export/model.ckpt.index').exists()
  return log.read_text()


def test_a_needed_worker_may_be_killed(data, tmp_path):
  log = survive(data, tmp_path, 'worker', 0)
  assert 'restart 1 of' in log


@pytest.mark.slow
def test_a_backup_worker_may_be_killed(data, tmp_path):
  survive(data, tmp_path, 'worker', 1, backups=1)


@pytest.mark.slow
@pytest.mark.parametrize('task', ['chief', 'ps'])
def test_after_a_kill_of_chief_or_ps_the_job_resumes(data, tmp_path, task):
  log = survive(data, tmp_path, task, 0)
  resumed = re.findall(r'continuing from \S*model.ckpt-(\d+)', log)
  assert resumed and int(resumed[-1]) > 0


def test_sigterm_saves_and_the_same_command_continues(data, tmp_path):
  train_dir = tmp_path / 'run'
  flags = [
    *SMALL,
    '--replicas_to_aggregate=1',
    '--checkpoint_seconds=1000',
    f'--records_dir={data}',
    f'--train_dir={train_dir}',
  ]
  process = start(tmp_path / 'log', 'train.py', *flags, '--max_steps=100000')
  wait_for(lambda: 'step/s' in (tmp_path / 'log').read_text())
  time.sleep(5)
  process.send_signal(signal.SIGTERM)
  assert process.wait(60) == 128 + signal.SIGTERM
  stopped = saved_step(train_dir)
  assert stopped > 0
  process = start(
    tmp_path / 'log', 'train.py', *flags, f'--max_steps={stopped + 1}'
  )
  assert process.wait(120) == 0
  assert (
    f'continuing from {train_dir}/model.ckpt-{stopped}'
    in (tmp_path / 'log').read_text()
  )
  assert checkpoints.describe(train_dir / 'export/model.ckpt').num_classes == 3


@pytest.mark.parametrize(
  'text', ['', '0.1', '1:0.1', '0:0.1,5:0.2,5:0.3', '0:0.1,9:1,5:1', '0:x']
)
def test_a_schedule_that_is_none_is_refused(text):
  with pytest.raises(errors.InputError, match='0:0.1,97000:0.01'):
    recipe.parse_learning_rates(text)


def test_a_schedule_is_read():
  rows = recipe.parse_learning_rates('0:0.1,97000:1e-2')
  assert rows == ((0, 0.1), (97_000, 0.01))


def test_tf_config_with_and_without_a_chief_gives_the_same_cluster():
  jobs = {'chief': ['a:1'], 'worker': ['b:1', 'c:1'], 'ps': ['p:1']}
  with_chief = cluster.from_tf_config(
    json.dumps({'cluster': jobs, 'task': {'type': 'worker', 'index': 0}})
  )
  jobs = {'worker': ['a:1', 'b:1', 'c:1'], 'ps': ['p:1']}
  without = cluster.from_tf_config(
    json.dumps({'cluster': jobs, 'task': {'type': 'worker', 'index': 1}})
  )
  assert with_chief == without
  assert with_chief == cluster.from_hosts(
    ['p:1'], ['a:1', 'b:1', 'c:1'], 'worker', 1
  )
  assert not with_chief.is_chief


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"cluster": 1, "task": 2}'])
def test_a_tf_config_that_is_none_is_refused(text):
  with pytest.raises(errors.InputError, match='TF_CONFIG'):
    cluster.from_tf_config(text)


def test_a_task_that_does_not_exist_is_refused():
  with pytest.raises(errors.InputError, match='no worker 2 among 2'):
    cluster.from_hosts(['p:1'], ['a:1', 'b:1'], 'worker', 2)


def test_tasks_that_do_not_answer_are_named():
  place = cluster.Cluster(('127.0.0.1:1',), ('127.0.0.1:2',))
  assert cluster.missing_tasks(place) == [
    'ps 0 (127.0.0.1:1)',
    'worker 0 (127.0.0.1:2)',
  ]
