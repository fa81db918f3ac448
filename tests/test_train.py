"""train.py run as a user, or a scheduler, runs it; and killed."""

import os
import re
import signal
import subprocess
import sys
import time

import programs
import pytest
import small_records
import tensorflow as tf

from two_stream.cluster import local_cluster
from two_stream.cluster.task_process import TaskName
from two_stream.training import saved_checkpoints

pytestmark = pytest.mark.process

SMALL = [
  '--stream=rgb',
  '--num_frames=9',
  '--batch_size=1',
  '--depth_multiplier=0.0625',
]


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


class Run:
  """A training folder, and processes that train into it.

  Attributes:
    train_dir: the folder.
  """

  def __init__(self, data, folder):
    self.train_dir = folder / 'run'
    self._log = folder / 'log'
    self._data = data

  def start(self, *flags, environ=os.environ):
    """Starts train.py as one task; its stderr is added to `log`."""
    with self._log.open('a') as stream:
      return subprocess.Popen(
        [
          *(sys.executable, programs.ROOT / 'train.py', *SMALL),
          f'--records_dir={self._data}',
          *(f'--train_dir={self.train_dir}', *flags),
        ],
        stderr=stream,
        env=environ,
      )

  @property
  def log(self):
    """What all processes have logged."""
    return self._log.read_text()

  @property
  def saved_step(self):
    """The step of the newest checkpoint, 0 before there is one."""
    path = tf.train.latest_checkpoint(str(self.train_dir))
    return int(path.rpartition('-')[2]) if path else 0


@pytest.fixture(name='run')
def make_run(data, tmp_path):
  return Run(data, tmp_path)


def wait_for(condition, run, seconds=400):
  programs.wait_until(condition, seconds, lambda: run.log[-3000:])


def test_sigterm_saves(run):
  process = run.start('--replicas_to_aggregate=1', '--checkpoint_seconds=2')
  with programs.killed_at_last([process]):
    wait_for(lambda: run.saved_step > 0, run)
    saved = run.saved_step
    time.sleep(3)  # Another step begins.
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
  assert saved < run.saved_step < saved + 1000
  assert saved_checkpoints.newest_whole(run.train_dir) == str(
    run.train_dir / f'model.ckpt-{run.saved_step}'
  )


def test_a_training_says_nothing_that_looks_like_an_error(run):
  process = run.start('--replicas_to_aggregate=2', '--max_steps=2')
  with programs.killed_at_last([process]):
    assert process.wait(200) == 0
  known = r'starting from|exported|flips swap|\S+: no parameters.json tells'
  messages = re.compile(rf'I\d{{4}} .*\] ({known}) .*')
  bars = re.compile(r' *\d+%\|.*')
  for line in run.log.splitlines():
    assert messages.fullmatch(line) or bars.fullmatch(line), run.log


@pytest.mark.slow
def test_a_chief_without_steps_names_the_worker_it_misses(run):
  with local_cluster.environments(num_workers=2, num_ps=1) as environs:
    present = [
      run.start(
        '--replicas_to_aggregate=2', '--stall_seconds=1', environ=environs[task]
      )
      for task in (TaskName('chief', 0), TaskName('ps', 0))
    ]
    with programs.killed_at_last(present):
      missing = (
        r'no step for \d+ s; no answer from worker 0 \(127.0.0.1:\d+\)\n'
      )
      wait_for(lambda: re.search(missing, run.log), run)
      # It saves and ends all the same, though TensorFlow does not return.
      present[0].send_signal(signal.SIGTERM)
      assert present[0].wait(60) == 128 + signal.SIGTERM


def test_a_worker_without_ps_gives_up_a_chief_that_never_comes(run):
  with local_cluster.environments(num_workers=2, num_ps=0) as environs:
    worker = run.start(
      *('--engine=all_reduce', '--replicas_to_aggregate=2', '--peer_seconds=1'),
      environ=environs[TaskName('worker', 0)],
    )
    with programs.killed_at_last([worker]):
      assert worker.wait(300) == os.EX_TEMPFAIL
  assert re.search(
    r'other tasks of the job are lost \(no answer from chief 0 '
    r'\(127.0.0.1:\d+\) for \d+ s\); start all tasks again',
    run.log,
  )
  assert 'Traceback' not in run.log


@pytest.mark.slow
def test_a_worker_that_was_told_otherwise_ends_with_one_line(run):
  flags = ['--replicas_to_aggregate=1', '--max_steps=100000']
  with local_cluster.environments(num_workers=2, num_ps=1) as environs:
    tasks = {
      task: run.start(
        *flags,
        f'--batch_size={2 if task == TaskName("worker", 0) else 1}',
        environ=environ,
      )
      for task, environ in environs.items()
    }
    with programs.killed_at_last(tasks.values()):
      assert tasks[TaskName('worker', 0)].wait(400) == 1
  errors = [line for line in run.log.splitlines() if line[:6] == 'error:']
  assert len(errors) == 1
  assert 'job.json' in errors[0]
  assert '--batch_size was 1 and is 2 now' in errors[0]
  assert 'Traceback' not in run.log


@pytest.mark.slow
@pytest.mark.parametrize(
  'task', [TaskName('chief', 0), TaskName('ps', 0), TaskName('ps', 1)], ids=str
)
def test_chief_and_ps_may_be_restarted_alone(run, task):
  """As Kubernetes does; launch/local.py restarts all."""
  flags = ['--replicas_to_aggregate=2', '--checkpoint_seconds=3']
  flags.append('--max_steps=40')
  with local_cluster.environments(num_workers=2, num_ps=2) as environs:
    tasks = {
      each: run.start(*flags, environ=environ)
      for each, environ in environs.items()
    }
    with programs.killed_at_last(tasks.values()):
      wait_for(lambda: run.saved_step > 0, run)
      tasks[task].kill()
      at_kill = run.saved_step
      tasks[task].wait()
      tasks[task] = run.start(*flags, environ=environs[task])
      for each, process in tasks.items():
        assert process.wait(400) == 0, (each, run.log[-3000:])
  assert run.saved_step == 40
  continued = r'continuing from (?:step |\S*/model.ckpt-)(\d+)\n'
  steps = [int(step) for step in re.findall(continued, run.log)]
  assert steps
  assert 0 < at_kill <= min(steps)
