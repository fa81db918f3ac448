"""Workers of all-reduce that are killed, stopped, cut off, or never come.

What counts as a minute is measured from the moment of the fault.
"""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

import launched
import numpy as np
import programs
import pytest
import small_records
import small_training

from two_stream.cluster.task_process import TaskName
from two_stream.training import saved_checkpoints, training_job

pytestmark = [pytest.mark.process, pytest.mark.slow]

A_MINUTE = 60
MAX_STEPS = 1000
NUM_KILLS = 10
FOR_EVER = ('--max_steps=1000000', '--checkpoint_seconds=3')


@pytest.fixture(scope='module', name='records')
def make_records(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


@pytest.fixture(name='workers')
def make_workers(records, tmp_path):
  with contextlib.ExitStack() as stack:
    yield launched.TwoWorkers(records, tmp_path, stack)


def assert_lost(workers, index, reason, seconds=A_MINUTE):
  """A worker ends in time with a single line of an error, which names why."""
  status, text = workers.end(index, seconds)
  assert status == training_job.LOST, workers.texts()
  (line,) = (line for line in text.splitlines() if line.startswith('E'))
  assert re.search(
    rf'other tasks of the job are lost \({reason}.*\); start all tasks again',
    line,
  ), text
  assert 'Traceback' not in text
  return text


def assert_sound(train_dir):
  """All checkpoints are whole, finite and of the step of their name."""
  steps = saved_checkpoints.steps_in(train_dir)
  assert 0 < len(steps) <= saved_checkpoints.KEPT
  for step in steps:
    path = saved_checkpoints.path_of(train_dir, step)
    values = small_training.read_all(path)
    assert values['global_step'] == step
    for name, value in values.items():
      assert np.isfinite(value).all(), (step, name)


def test_training_survives_ten_kills_at_random_moments(records, tmp_path):
  """Of one or the other task: at its start, while it saves, at any time."""
  seed = random.randrange(10**6)
  print('seed', seed)
  chance = random.Random(seed)
  train_dir, log = tmp_path / 'rgb', tmp_path / 'log'
  tasks = [TaskName('chief', 0), TaskName('worker', 0)]
  started = time.monotonic()

  def steps_done():
    return launched.saved_step(train_dir)

  with (
    log.open('wb') as stream,
    programs.started(
      [
        *(sys.executable, launched.LAUNCHER, '--engine=all_reduce'),
        *('--num_workers=2', f'--max_restarts={NUM_KILLS}', '--'),
        *(*launched.TINY, f'--records_dir={records}'),
        *(f'--train_dir={train_dir}', f'--max_steps={MAX_STEPS}'),
        '--checkpoint_seconds=1',
      ],
      env=programs.IMPORTABLE,
      stdout=stream,
      stderr=stream,
    ) as launcher,
  ):
    programs.wait_until(
      lambda: steps_done() > 0 or launcher.poll() is not None,
      seconds=600,
      explain=log.read_text,
    )
    start_seconds = min(time.monotonic() - started, 20)
    steps = []
    for number in range(NUM_KILLS):
      if number % 2:  # While the tasks start, most often.
        time.sleep(chance.uniform(0, start_seconds))
      else:
        step = steps_done()
        programs.wait_until(
          lambda step=step: steps_done() > step,
          seconds=600,
          explain=log.read_text,
        )
        time.sleep(chance.uniform(0, 2))
      task = chance.choice(tasks)
      programs.wait_until(
        lambda task=task: launched.task_id(launcher, task),
        seconds=A_MINUTE,
        explain=log.read_text,
      )
      steps.append(steps_done())
      print('kill', number, 'of', task, 'after step', steps[-1], flush=True)
      os.kill(launched.task_id(launcher, task), signal.SIGKILL)
    assert launcher.wait(1800) == 0, log.read_text()
  text = log.read_text()
  # A kill while all tasks are ending anyway is no further restart.
  restarts = re.findall(r'was ended by SIGKILL: restart (\d+) of', text)
  assert NUM_KILLS // 2 <= int(restarts[-1]) <= NUM_KILLS
  assert steps_done() == MAX_STEPS
  assert (train_dir / 'export' / 'model.ckpt.index').exists()
  assert_sound(train_dir)
  continued = [
    int(step) for step in re.findall(r'continuing from .*-(\d+)\n', text)
  ]
  assert continued == sorted(continued)
  assert continued[-1] >= steps[-1]
  assert 'Traceback' not in text
  assert 'error: ' not in text


@pytest.mark.parametrize('index', [0, 1])
def test_sigterm_to_one_saves_once_and_ends_both(index, workers):
  for each in (0, 1):
    workers.start(each, '--max_steps=1000000', '--checkpoint_seconds=1')
  workers.wait_for_step(2)
  workers.processes[index].send_signal(signal.SIGTERM)
  status, text = workers.end(index, A_MINUTE)
  assert status == 128 + signal.SIGTERM, workers.texts()
  assert 'SIGTERM: saving and stopping' in text
  assert_lost(workers, 1 - index, 'one of them was told to stop')
  assert_sound(workers.train_dir)


@pytest.mark.parametrize('index', [0, 1])
def test_a_worker_that_stops_ends_the_other(index, workers):
  """It is not dead and answers nothing. If it goes on, it ends as well."""
  for each in (0, 1):
    workers.start(each, *FOR_EVER)
  workers.wait_for_step(2)
  workers.processes[index].send_signal(signal.SIGSTOP)
  assert_lost(workers, 1 - index, rf'worker {index} \({workers.hosts[index]}\)')
  assert_sound(workers.train_dir)
  workers.processes[index].send_signal(signal.SIGCONT)
  assert_lost(workers, index, '')
  assert_sound(workers.train_dir)


@pytest.mark.parametrize('index', [0, 1])
def test_a_worker_that_never_comes_is_named(index, workers):
  workers.start(1 - index, '--peer_seconds=5')
  name = rf'no answer from worker {index} \({workers.hosts[index]}\) for 5 s'
  assert_lost(workers, 1 - index, name, seconds=240)


def test_a_port_that_is_taken_is_told(workers):
  host, _, port = workers.hosts[1].rpartition(':')
  with socket.create_server((host, int(port))):
    workers.start(1)
    status, text = workers.end(1, 240)
  assert status == 1
  assert f'error: {workers.hosts[1]}: this task cannot serve there' in text


@pytest.mark.parametrize(
  'flag', ['--seed=3', '--depth_multiplier=0.125', '--replicas_to_aggregate=4']
)
def test_a_worker_of_another_job_is_refused(flag, workers):
  workers.start(0)
  workers.start(1, flag)
  status, text = workers.end(1, 400)
  assert status == 1, workers.texts()
  assert re.search(
    '^error: this task was given another job than the chief', text, re.M
  )
  assert_lost(workers, 0, '')


def ip(*arguments):
  subprocess.run(['ip', *arguments], check=True, capture_output=True)


@pytest.fixture(name='namespaces')
def make_namespaces():
  """Two hosts on one cable; yields (their addresses, commands to enter)."""
  names = [f'i3d-{os.getpid()}-{side}' for side in 'ab']
  addresses = ['10.213.7.1', '10.213.7.2']
  try:
    for name in names:
      ip('netns', 'add', name)
    ip(
      *('link', 'add', 'i3d', 'netns', names[0], 'type', 'veth'),
      *('peer', 'name', 'i3d', 'netns', names[1]),
    )
    for name, address in zip(names, addresses):
      ip('-n', name, 'addr', 'add', f'{address}/24', 'dev', 'i3d')
      for device in ('lo', 'i3d'):
        ip('-n', name, 'link', 'set', device, 'up')
  except (OSError, subprocess.CalledProcessError) as error:
    pytest.skip(f'no network namespaces here: {error}')
  else:
    yield names, addresses
  finally:
    for name in names:
      subprocess.run(
        ['ip', 'netns', 'del', name], check=False, capture_output=True
      )


@pytest.mark.parametrize('cut', ['cable', 'silence'])
def test_hosts_that_are_cut_off_end_within_a_minute(
  cut, namespaces, records, tmp_path
):
  """The cable is pulled, or whatever it carries is dropped."""
  names, addresses = namespaces
  hosts = tuple(f'{address}:2222' for address in addresses)
  with contextlib.ExitStack() as stack:
    workers = launched.TwoWorkers(records, tmp_path, stack, hosts)
    for index, name in enumerate(names):
      prefix = ('ip', 'netns', 'exec', name)
      workers.start(index, *FOR_EVER, prefix=prefix)
    workers.wait_for_step(2)
    if cut == 'cable':
      ip('-n', names[1], 'link', 'set', 'i3d', 'down')
    else:
      ip('-n', names[1], 'route', 'flush', 'dev', 'i3d')
    start = time.monotonic()
    for index in (0, 1):
      assert_lost(workers, index, '', A_MINUTE - (time.monotonic() - start))
      print('worker', index, 'ended after', time.monotonic() - start)
    assert_sound(workers.train_dir)
