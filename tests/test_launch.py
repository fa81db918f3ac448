"""The launchers, each run as its documentation says, as far as that goes here.

A copy of launch/local.py beside another train.py shows what it passes on.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
import small_records
import tensorflow as tf

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


def task_id(launcher, job, index):
  """The process id of a launcher's task, None if it has none now."""
  children = f'/proc/{launcher.pid}/task/{launcher.pid}/children'
  for pid in pathlib.Path(children).read_text().split():
    try:
      environ = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
    except OSError:
      continue
    for variable in environ.split(b'\0'):
      if variable.startswith(b'TF_CONFIG='):
        task = json.loads(variable.partition(b'=')[2])['task']
        if (task['type'], task['index']) == (job, index):
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
@pytest.mark.parametrize('job, index', [('worker', 0), ('chief', 0), ('ps', 1)])
def test_training_survives_kill_9(job, index, records, tmp_path):
  train_dir = tmp_path / 'rgb'
  log = tmp_path / 'log'
  with (
    log.open('wb') as stream,
    subprocess.Popen(
      [
        *(sys.executable, ROOT / 'launch' / 'local.py'),
        *('--num_workers=2', '--num_ps=2', '--evaluator', '--'),
        *('--stream=rgb', f'--records_dir={records}'),
        *(f'--train_dir={train_dir}', f'--max_steps={MAX_STEPS}'),
        *('--depth_multiplier=0.0625', '--num_frames=9', '--batch_size=1'),
        *('--replicas_to_aggregate=2', '--checkpoint_seconds=3'),
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
      os.kill(task_id(launcher, job, index), signal.SIGKILL)
      step = saved_step(train_dir)
      assert step < MAX_STEPS
      assert launcher.wait(400) == 0, log.read_text()
    finally:
      launcher.terminate()
  output = log.read_text()
  name = job if job == 'chief' else f'{job} {index}'
  assert f'[launcher] {name} was ended by SIGKILL: restart 1 of 3' in output
  assert saved_step(train_dir) == MAX_STEPS
  assert (train_dir / 'export' / 'model.ckpt.index').exists()
  assert f'step {MAX_STEPS}: top-1 ' in output  # The evaluator.
  if job != 'worker':
    continued = output.rpartition('continuing from ')[2].split()[0]
    assert int(continued.rpartition('-')[2]) >= step > 0
