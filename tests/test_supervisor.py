"""Processes that die, and what becomes of the others."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import programs
import pytest

from two_stream.cluster import supervisor, tf_config
from two_stream.cluster.task_process import TaskName

pytestmark = pytest.mark.process

ALL_ONCE = 'chief 0.0,worker 0.0,worker 1.0,ps 0.0,evaluator 0.0'
STAND_IN = pathlib.Path(__file__).with_name('stand_ins') / 'supervised_task.py'
CLUSTER = {'chief': 1, 'worker': 2, 'ps': 1, 'evaluator': 1}
TASKS = [
  TaskName(job, index)
  for job, count in CLUSTER.items()
  for index in range(count)
]

# The same job in a process of its own, to be signalled.
PROGRAM = """
import json, sys
from two_stream.cluster import supervisor, task_process
command, environments = json.load(sys.stdin)
sys.exit(supervisor.run(
  command,
  {
    task_process.TaskName(*json.loads(task)): environment
    for task, environment in environments.items()
  },
  max_restarts=1,
))
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
  monkeypatch.setattr(supervisor, '_RESTART_SECONDS', 0.05)
  monkeypatch.setattr(supervisor, '_FINISH_SECONDS', 0.3)
  monkeypatch.setattr(supervisor, '_LEAVE_SECONDS', 2)


@pytest.fixture(autouse=True)
def no_orphans(tmp_path):
  """Whatever a test does, no process is left."""
  yield
  try:
    programs.wait_until(lambda: not running(tmp_path), seconds=5)
  finally:
    for pid in running(tmp_path):
      with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def running(folder):
  """Ids of the stand-ins of a test that still run."""
  pids = [int(path.read_text()) for path in folder.glob('[!.]*.*[0-9]')]
  return [pid for pid in pids if is_stand_in(pid, folder)]


def is_stand_in(pid, folder):
  """Whether a process is one of the test's, and no other of the same id."""
  try:
    arguments = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
  except FileNotFoundError:
    return False
  return str(folder).encode() in arguments


def job(folder, plan, has_ps=True):
  """The command and the environments of a job of stand-ins."""
  command = [sys.executable, str(STAND_IN), str(folder), json.dumps(plan)]
  return command, {
    task: {'TF_CONFIG': tf_config.to_json({}, task.job, task.index)}
    for task in TASKS
    if has_ps or task.job != 'ps'
  }


def run(folder, plan, max_restarts=3, has_ps=True):
  """Runs a job; an evaluator without a plan has nothing to do."""
  plan = {'evaluator 0': ['status 0'], **plan}
  return supervisor.run(*job(folder, plan, has_ps), max_restarts)


def starts(folder):
  """{task: how often it was started}."""
  return {
    name: len(list(folder.glob(f'{name}.*')))
    for name in (f'{task.job} {task.index}' for task in TASKS)
  }


def wait_for(folder, *names):
  programs.wait_until(
    lambda: all((folder / name).exists() for name in names),
    seconds=20,
    explain=lambda: list(folder.iterdir()),
  )


@contextlib.contextmanager
def in_process(folder, plan, has_ps=True):
  """A job in a process of its own."""
  command, environments = job(folder, plan, has_ps)
  keyed = {
    json.dumps([task.job, task.index]): value
    for task, value in environments.items()
  }
  with programs.started_code(
    PROGRAM, stdin=subprocess.PIPE, stderr=subprocess.PIPE
  ) as process:
    process.stdin.write(json.dumps([command, keyed]).encode())
    process.stdin.close()
    yield process


def test_job_is_done_when_chief_and_followers_are(tmp_path):
  plan = {
    'chief 0': [f'wait {ALL_ONCE}'],
    'worker 0': ['status 0'],
    'worker 1': [f'wait {ALL_ONCE}'],
    'ps 0': [f'wait {ALL_ONCE}'],
  }
  assert run(tmp_path, plan) == 0
  assert set(starts(tmp_path).values()) == {1}


def test_those_that_do_not_follow_the_chief_are_ended(tmp_path):
  assert run(tmp_path, {'chief 0': ['wait ps 0.0']}) == 0


def test_evaluator_may_take_longer_than_the_others(tmp_path, monkeypatch):
  monkeypatch.setattr(supervisor, '_FINISH_SECONDS', 0.1)
  plan = {
    'chief 0': ['wait ps 0.0'],
    'evaluator 0': ['kill ps 0.0', 'wait late'],
  }
  threading.Timer(1.5, (tmp_path / 'late').touch).start()
  assert run(tmp_path, plan) == 0
  assert (tmp_path / 'late').exists()
  assert starts(tmp_path)['evaluator 0'] == 2


@pytest.mark.parametrize('task', ['worker 1', 'evaluator 0'])
def test_dead_task_is_restarted_alone(task, tmp_path):
  plan = {
    'chief 0': [f'wait {task}.2'],
    task: [f'kill {ALL_ONCE}', 'status 7', 'status 0'],
  }
  assert run(tmp_path, plan) == 0
  expected = dict.fromkeys(starts(tmp_path), 1)
  assert starts(tmp_path) == {**expected, task: 3}


@pytest.mark.parametrize('task', ['chief 0', 'ps 0'])
def test_state_is_restarted_as_a_whole(task, tmp_path):
  all_again = 'chief 0.1,worker 0.1,worker 1.1,ps 0.1'
  plan = {
    'chief 0': ['sleep', f'wait {all_again}'],
    'evaluator 0': [f'wait {all_again}'],
  }
  plan[task] = [f'kill {ALL_ONCE}', f'wait {all_again}']
  assert run(tmp_path, plan) == 0
  expected = dict.fromkeys(starts(tmp_path), 2)
  assert starts(tmp_path) == {**expected, 'evaluator 0': 1}


@pytest.mark.parametrize('task', ['chief 0', 'worker 0'])
def test_without_ps_any_death_restarts_all_workers(task, tmp_path, capfd):
  once = 'chief 0.0,worker 0.0,worker 1.0'
  again = 'chief 0.1,worker 0.1,worker 1.1'
  plan = {
    'chief 0': ['save', f'wait {again}'],
    'worker 0': ['sleep', f'wait {again}'],
    'worker 1': ['stubborn', 'status 0'],
    'evaluator 0': [f'wait {again}'],
  }
  plan[task] = [f'kill {once},ready worker 1', f'wait {again}']
  assert run(tmp_path, plan, max_restarts=1, has_ps=False) == 0
  assert starts(tmp_path) == {
    **dict.fromkeys(['chief 0', 'worker 0', 'worker 1'], 2),
    **{'ps 0': 0, 'evaluator 0': 1},
  }
  assert (tmp_path / 'saved').exists() == (task != 'chief 0')
  assert 'all workers go back' in capfd.readouterr().err


def test_without_ps_the_deaths_of_all_workers_count_together(tmp_path):
  """Two of the one and two of the other are four."""
  plan = {task: ['sleep'] * 4 for task in ('chief 0', 'worker 0', 'worker 1')}
  for start in range(4):
    others = f'worker 1.{start},{"worker" if start % 2 else "chief"} 0.{start}'
    plan['chief 0' if start % 2 else 'worker 0'][start] = f'kill {others}'
  assert run(tmp_path, plan, max_restarts=3, has_ps=False) == 137
  assert starts(tmp_path)['worker 1'] == 4


def test_without_ps_a_mistake_is_told_though_another_task_ended_first(tmp_path):
  plan = {
    'chief 0': ['mistake_when_told no such folder'],
    'worker 0': ['kill ready chief 0'],
  }
  assert run(tmp_path, plan, has_ps=False) == 1
  assert starts(tmp_path)['chief 0'] == 1


def test_a_signal_during_a_restart_ends_the_job(tmp_path):
  """Once the chief, which may go on saving, has ended."""
  plan = {
    'chief 0': ['slow'],
    'worker 0': ['kill ready chief 0'],
  }
  with in_process(tmp_path, plan, has_ps=False) as process:
    wait_for(tmp_path, 'told chief 0', 'evaluator 0.0')
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
  assert (tmp_path / 'saved').exists()
  assert starts(tmp_path)['chief 0'] == 1


@pytest.mark.parametrize(
  'action, status', [('kill', 137), ('status 7', 7), ('status 1', 1)]
)
def test_too_many_deaths_end_the_job(action, status, tmp_path):
  assert run(tmp_path, {'worker 0': [action]}, max_restarts=2) == status
  assert starts(tmp_path)['worker 0'] == 3


def test_deaths_are_counted_for_each_task(tmp_path):
  plan = {
    'worker 0': ['kill', 'sleep'],
    'worker 1': ['kill worker 0.1', 'sleep'],
    'chief 0': ['wait worker 1.1'],
  }
  assert run(tmp_path, plan, max_restarts=1) == 0


def test_deaths_of_long_ago_do_not_count(tmp_path, monkeypatch):
  monkeypatch.setattr(supervisor, '_WINDOW_SECONDS', 0)
  plan = {
    'worker 0': [*['kill'] * 5, 'sleep'],
    'chief 0': ['wait worker 0.5'],
  }
  assert run(tmp_path, plan, max_restarts=1) == 0


@pytest.mark.parametrize(
  'action, num_starts', [('status 7', 3), ('kill', 3), ('mistake so', 1)]
)
def test_training_goes_on_without_an_evaluator_that_fails(
  action, num_starts, tmp_path, capfd
):
  plan = {
    'evaluator 0': [action],
    'chief 0': [f'wait evaluator 0.{num_starts - 1},late'],
  }
  threading.Timer(1, (tmp_path / 'late').touch).start()
  assert run(tmp_path, plan, max_restarts=2) == 0
  assert starts(tmp_path)['evaluator 0'] == num_starts
  assert 'the job goes on without it' in capfd.readouterr().err


def test_an_evaluator_that_fails_after_training_fails_no_job(tmp_path):
  plan = {'chief 0': ['wait ps 0.0'], 'evaluator 0': ['status 7']}
  assert run(tmp_path, plan, max_restarts=1) == 0


def test_users_mistake_is_not_tried_again(tmp_path, capfd):
  plan = {'worker 0': ['mistake no such folder']}
  assert run(tmp_path, plan) == 1
  assert starts(tmp_path)['worker 0'] == 1
  assert '[worker 0] error: no such folder\n' in capfd.readouterr().err


def test_lines_stand_behind_their_task(tmp_path, capfd):
  plan = {
    'chief 0': ['wait worker 1.0'],
    'worker 0': ['print one\ntwo'],
    'worker 1': ['print 10 %\r20 %\r\n'],
  }
  assert run(tmp_path, plan) == 0
  out = capfd.readouterr().out
  assert '[worker 0] one\n' in out
  assert '[worker 0] two\n' in out
  assert '[worker 1] 10 %\r[worker 1] 20 %\r\n' in out


@pytest.mark.parametrize(
  'number, status',
  [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
)
def test_signal_lets_the_chief_save_while_it_has_its_ps(
  number, status, tmp_path
):
  plan = {'chief 0': ['save']}
  with in_process(tmp_path, plan) as process:
    wait_for(tmp_path, 'ready chief 0', 'ps 0.0', 'evaluator 0.0')
    process.send_signal(number)
    assert process.wait(20) == status
  assert (tmp_path / 'saved').exists()
  assert not running(tmp_path)


def test_failure_lets_the_chief_save_too(tmp_path):
  plan = {'chief 0': ['save'], 'worker 0': ['kill ready chief 0,ps 0.0']}
  assert run(tmp_path, plan, max_restarts=0) == 137
  assert (tmp_path / 'saved').exists()


def test_second_signal_ends_at_once(tmp_path):
  with in_process(tmp_path, {'chief 0': ['stubborn']}) as process:
    wait_for(tmp_path, 'ready chief 0', 'ps 0.0', 'evaluator 0.0')
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
      if b'SIGINT' in line:
        break
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


def test_no_task_survives_kill_9(tmp_path):
  with in_process(tmp_path, {'ps 0': ['stubborn']}) as process:
    wait_for(tmp_path, 'ready ps 0', *ALL_ONCE.split(','))
    assert len(running(tmp_path)) == len(TASKS)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_tasks_do_not_get_the_terminals_ctrl_c(tmp_path):
  with in_process(tmp_path, {}) as process:
    wait_for(tmp_path, *ALL_ONCE.split(','))
    groups = {os.getpgid(pid) for pid in running(tmp_path)}
    assert len(groups) == len(TASKS)
    assert os.getpgid(process.pid) not in groups
