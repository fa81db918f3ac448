"""launch/kubernetes_preprocessing.yaml: its pods do all of the work."""

import os
import sys

import programs
import pytest
import small_videos

from two_stream.records import shards


@pytest.fixture(name='job', scope='module')
def read_job():
  yaml = pytest.importorskip('yaml')
  path = programs.ROOT / 'launch' / 'kubernetes_preprocessing.yaml'
  return yaml.safe_load(path.read_text())['spec']


def test_there_are_as_many_pods_as_tasks(job):
  (container,) = job['template']['spec']['containers']
  (number,) = container['env']
  assert number == {'name': 'NUM_TASKS', 'value': str(job['completions'])}
  assert job['completionMode'] == 'Indexed'
  assert job['parallelism'] <= job['completions']


def test_failed_videos_do_not_start_a_pod_again(job):
  assert job['template']['spec']['restartPolicy'] == 'Never'
  assert job['backoffLimitPerIndex'] > 0
  (rule,) = job['podFailurePolicy']['rules']
  assert rule['action'] == 'FailIndex'
  assert rule['onExitCodes'] == {'operator': 'In', 'values': [1, 2]}


@pytest.mark.slow
@pytest.mark.process
def test_the_pods_make_all_shards(job, tmp_path):
  (container,) = job['template']['spec']['containers']
  for name in ('a', 'b'):
    folder = tmp_path / 'videos' / 'train' / name
    folder.mkdir(parents=True)
    small_videos.write_video(folder / f'{name}.webm')
  (tmp_path / 'bin').mkdir()
  (tmp_path / 'bin' / 'python').symlink_to(sys.executable)
  for index in range(2):
    programs.run(
      [
        *container['command'],
        '--dataset=folders',
        f'--videos_dir={tmp_path / "videos"}',
        f'--output_dir={tmp_path / "records"}',
        '--shard_size=1',
        '--streams=rgb',
        '--num_workers=1',
      ],
      cwd=programs.ROOT,
      env={
        'PATH': f'{tmp_path / "bin"}:{os.environ["PATH"]}',
        'PYTHONPATH': os.pathsep.join(sys.path),
        'JOB_COMPLETION_INDEX': str(index),
        'NUM_TASKS': '2',
      },
      check=True,
    )
  assert len(shards.find(tmp_path / 'records', 'train')) == 2
