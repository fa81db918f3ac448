"""launch/local.py run as its documentation says.

A copy of it beside a stand-in for train.py shows what it passes on; the slow
tests run it with train.py itself.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import sys

import launched
import programs
import pytest
import small_records
import tensorflow as tf

from two_stream.cluster.task_process import TaskName
from two_stream.training import saved_checkpoints

pytestmark = pytest.mark.process

MAX_STEPS = 60


@pytest.fixture
def local(tmp_path):
  """A copy of launch/local.py beside a stand-in for train.py."""
  stand_in = programs.STAND_INS / 'train_that_reports.py'
  shutil.copy(stand_in, tmp_path / 'train.py')
  (tmp_path / 'launch').mkdir()
  return pathlib.Path(shutil.copy(launched.LAUNCHER, tmp_path / 'launch'))


def run_local(script, *arguments):
  return programs.run(
    [sys.executable, script, *arguments], env=programs.IMPORTABLE, timeout=60
  )


def told(result):
  """Returns {task: its command line}, from what the stand-ins printed."""
  lines = [line.partition('] ')[2] for line in result.stdout.splitlines()]
  reports = [json.loads(line) for line in lines]
  tasks = [report['config']['task'] for report in reports]
  return {
    f'{task["type"]} {task["index"]}': report['arguments']
    for task, report in zip(tasks, reports)
  }


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
    ['--engine=sync_replicas', '--a=1', '--', 'x'],
  )


def test_backup_workers_are_not_waited_for(local):
  result = run_local(
    local, '--num_workers=2', '--num_backup=1', '--', '--stream=rgb'
  )
  assert told(result) == dict.fromkeys(
    ['chief 0', 'worker 0', 'worker 1', 'ps 0'],
    ['--engine=sync_replicas', '--replicas_to_aggregate=2', '--stream=rgb'],
  )


def test_all_reduce_has_workers_alone(local):
  result = run_local(
    *(local, '--engine=all_reduce', '--num_workers=2', '--evaluator'),
    *('--', '--stream=rgb'),
  )
  assert result.returncode == 0, result.stderr
  assert told(result) == dict.fromkeys(
    ['chief 0', 'worker 0', 'evaluator 0'],
    ['--engine=all_reduce', '--stream=rgb'],
  )


@pytest.mark.parametrize(
  'flag, reason',
  [
    ('--num_ps=1', 'has workers only; leave this flag out'),
    ('--num_backup=1', 'has workers only; leave this flag out'),
    ('--gpus=0,0', '1 GPUs for 2 workers; each worker'),
  ],
)
def test_what_all_reduce_has_not_is_refused(flag, reason, local):
  result = run_local(local, '--engine=all_reduce', '--num_workers=2', flag)
  assert result.returncode == 1
  name = flag.partition('=')[0]
  assert re.fullmatch(rf'error: {name}: .*{reason}.*\n', result.stderr)


def test_the_engine_is_a_flag_of_the_launcher(local):
  result = run_local(local, '--num_workers=2', '--', '--engine=all_reduce')
  assert result.returncode == 1
  assert 'error: --engine: give it before the --' in result.stderr


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


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  small_records.write(folder, 'validation', ((10, 11),))
  return folder


@pytest.mark.slow
@pytest.mark.parametrize(
  'task, num_backup',
  [
    (TaskName('worker', 0), 0),
    (TaskName('worker', 1), 1),
    (TaskName('chief', 0), 0),
    (TaskName('ps', 1), 0),
  ],
  ids=['needed worker', 'backup worker', 'chief', 'ps'],
)
def test_training_survives_kill_9(task, num_backup, records, tmp_path):
  train_dir = tmp_path / 'rgb'
  log = tmp_path / 'log'
  with (
    log.open('wb') as stream,
    programs.started(
      [
        *(sys.executable, launched.LAUNCHER),
        *('--num_workers=2', f'--num_backup={num_backup}', '--num_ps=2'),
        *('--evaluator', '--', '--stream=rgb', '--replicas_to_aggregate=2'),
        *(f'--records_dir={records}', f'--train_dir={train_dir}'),
        *('--depth_multiplier=0.0625', '--num_frames=9', '--batch_size=1'),
        *(f'--max_steps={MAX_STEPS}', '--checkpoint_seconds=3'),
      ],
      env=programs.IMPORTABLE,
      stdout=stream,
      stderr=stream,
    ) as launcher,
  ):
    programs.wait_until(
      lambda: (
        launched.saved_step(train_dir) >= 5 or launcher.poll() is not None
      ),
      seconds=400,
      explain=log.read_text,
    )
    assert launcher.poll() is None, log.read_text()
    os.kill(launched.task_id(launcher, task), signal.SIGKILL)
    step = launched.saved_step(train_dir)
    assert step < MAX_STEPS
    assert launcher.wait(400) == 0, log.read_text()
  output = log.read_text()
  assert f'[launcher] {task} was ended by SIGKILL: restart 1 of 3' in output
  assert launched.saved_step(train_dir) == MAX_STEPS
  assert (train_dir / 'export' / 'model.ckpt.index').exists()
  # The evaluator.
  assert re.search(rf'step {MAX_STEPS}: loss \S+, top-1 ', output)
  for saved in saved_checkpoints.steps_in(train_dir):
    # With a backup, steps go on without the chief; not while it saves.
    path = saved_checkpoints.path_of(train_dir, saved)
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
    return programs.run(
      [
        *(sys.executable, launched.LAUNCHER, '--num_workers=2'),
        *('--num_ps=2', '--', '--stream=rgb', '--replicas_to_aggregate=2'),
        *(f'--records_dir={records}', f'--train_dir={train_dir}'),
        *('--depth_multiplier=0.0625', '--num_frames=9', '--batch_size=1'),
        *(f'--max_steps={max_steps}', f'--learning_rates={rates}'),
        '--checkpoint_seconds=0.1',
      ],
      env=programs.IMPORTABLE,
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
