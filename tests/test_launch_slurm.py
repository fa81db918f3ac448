"""launch/slurm.sbatch run by bash, with stand-ins for Slurm and train.py."""

import json
import os
import shutil
import sys

import programs
import pytest

pytestmark = pytest.mark.process

JOB_ID = 1234567


@pytest.fixture
def slurm(tmp_path):
  """A checkout with the commands of Slurm.

  Returns:
    A function of the stand-in for train.py (the name of its file), the number
    of nodes, whether the engine is all_reduce, what to edit in
    launch/slurm.sbatch (old text, new text) and further environment variables.
    It runs the batch script and returns the finished process.
  """
  commands = tmp_path / 'bin'
  commands.mkdir()
  for name in ('srun', 'scontrol', 'scancel'):
    text = (programs.STAND_INS / f'{name}.py').read_text()
    (commands / name).write_text(f'#!{sys.executable}\n{text}')
    (commands / name).chmod(0o755)
  (tmp_path / '.venv').symlink_to(sys.prefix)

  def submit(train, nodes=1, all_reduce=False, edited=('', ''), **environment):
    shutil.copy(programs.STAND_INS / train, tmp_path / 'train.py')
    script = (programs.ROOT / 'launch' / 'slurm.sbatch').read_text()
    edits = [edited]
    if all_reduce:
      edits += [
        ('ENGINE=sync_replicas', 'ENGINE=all_reduce'),
        ('SAVE_SECONDS=20', 'SAVE_SECONDS=1'),
      ]
      environment = {'SLURM_NTASKS_PER_NODE': '4', **environment}
    for old, new in edits:
      assert old in script
      script = script.replace(old, new)
    (tmp_path / 'slurm.sbatch').write_text(script)
    return programs.run(
      ['bash', 'slurm.sbatch', '--stream=rgb', '--a=b c'],
      cwd=tmp_path,
      env={
        **programs.IMPORTABLE,
        'PATH': f'{commands}:{os.environ["PATH"]}',
        'FAKE_NODES': str(nodes),
        'SLURM_NTASKS_PER_NODE': '5',
        'SLURM_JOB_ID': str(JOB_ID),
        'SLURM_JOB_NODELIST': 'node[0-1]',
        'CUDA_VISIBLE_DEVICES': '0,1,2,3',
        **environment,
      },
      timeout=60,
    )

  return submit


def test_slurm_runs_a_task_in_every_place_with_its_gpu(slurm):
  result = slurm('train_that_reports.py', nodes=2)
  assert result.returncode == 0, result.stderr
  port = 20000 + JOB_ID % 300 * 40
  flags = ['--engine=sync_replicas', '--stream=rgb', '--a=b c']
  expected = []
  for node in ('node0', 'node1'):
    for i in range(4):
      job = 'chief' if (node, i) == ('node0', 0) else 'worker'
      expected.append([f'{node}:{port + i}', job, str(i), flags])
    expected.append([f'{node}:{port + 4}', 'ps', '', flags])
  found = []
  for line in result.stdout.splitlines():
    report = json.loads(line)
    jobs, task = report['config']['cluster'], report['config']['task']
    address = jobs[task['type']][task['index']]
    found.append([address, task['type'], report['gpus'], report['arguments']])
  assert sorted(found) == sorted(expected)


def test_slurm_runs_workers_alone_for_all_reduce(slurm):
  result = slurm('train_that_reports.py', nodes=2, all_reduce=True)
  assert result.returncode == 0, result.stderr
  reports = [json.loads(line) for line in result.stdout.splitlines()]
  clusters = [report['config']['cluster'] for report in reports]
  assert clusters == [clusters[0]] * 8
  assert {job: len(hosts) for job, hosts in clusters[0].items()} == {
    'chief': 1,
    'worker': 7,
  }
  assert sorted(report['gpus'] for report in reports) == sorted('01230123')
  for report in reports:
    assert report['arguments'][0] == '--engine=all_reduce'


def test_slurm_refuses_places_for_ps_that_all_reduce_has_not(slurm):
  result = slurm(
    'train_that_reports.py', all_reduce=True, SLURM_NTASKS_PER_NODE='5'
  )
  assert result.returncode == 1
  assert not result.stdout
  assert 'error: slurm.sbatch: ENGINE=all_reduce has no ps' in result.stderr


@pytest.mark.parametrize('failing', ['worker 2', 'chief 0'])
def test_slurm_restarts_all_workers_of_all_reduce(failing, slurm, tmp_path):
  result = slurm('train_that_fails_once.py', all_reduce=True, FAILING=failing)
  assert result.returncode == 0, result.stderr
  assert 'the job ended with status 3: restart 1\n' in result.stderr
  assert 'worker ended' not in result.stderr
  assert (tmp_path / f'{failing}.starts').read_text() == 'xx'


def test_slurm_lets_the_chief_of_all_reduce_save_when_a_worker_is_lost(
  slurm, tmp_path
):
  """The other workers end first, with status 75, and fail no step by that."""
  result = slurm('train_that_loses_a_worker.py', all_reduce=True)
  assert result.returncode == 0, result.stderr
  assert (tmp_path / 'saved').exists()
  assert 'the job ended with status 75: restart 1\n' in result.stderr


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
  result = slurm('train_that_fails_once.py', FAILING=failing)
  assert result.returncode == 0, result.stderr
  assert message in result.stderr
  assert (tmp_path / f'{failing}.starts').read_text() == 'xx'
  if failing.startswith('worker'):
    assert (tmp_path / 'worker 1.starts').read_text() == 'x'
    assert 'the job ended' not in result.stderr


@pytest.mark.parametrize('failing', ['worker 2', 'chief 0'])
def test_slurm_forgets_deaths_of_long_ago(failing, slurm):
  edited = 'RESTART_HOURS=12', 'RESTART_HOURS=0'
  result = slurm('train_that_fails_often.py', edited=edited, FAILING=failing)
  assert result.returncode == 0, result.stderr
  assert result.stderr.count(' ended with status 3: restart 1\n') == 6


def test_slurm_gives_up_with_the_status_of_the_job(slurm):
  result = slurm('train_whose_chief_fails.py')
  assert result.returncode == 7
  assert result.stderr.count('the job ended with status 7: restart') == 3


@pytest.mark.parametrize('all_reduce', [False, True])
def test_slurm_saves_with_its_ps_and_queues_again_when_time_is_up(
  all_reduce, slurm, tmp_path
):
  result = slurm('train_that_saves.py', all_reduce=all_reduce)
  assert (tmp_path / 'saved').exists(), result.stderr
  assert result.stdout == 'requeue\n1234567\n'
  assert result.returncode == 0
  assert 'restart' not in result.stderr
