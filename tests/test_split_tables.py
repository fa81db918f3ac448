"""Three splits and their mean in a table, and the script that makes them."""

import json
import sys

import programs
import pytest
import small_networks
import small_videos

pytestmark = pytest.mark.process

SCRIPT = programs.ROOT / 'launch' / 'split_tables.sh'


def write_result(folder, number, rgb, flow, joint, clips=1530):
  """Writes what evaluate_split.py would write; accuracies are shares."""
  path = folder / f'split_{number}' / 'evaluation' / 'test.json'
  path.parent.mkdir(parents=True)
  shares = {'rgb': rgb, 'flow': flow, 'joint': joint}
  content = {
    'labelled': clips,
    'accuracy': {
      'imagenet': {
        stream: {'top_1': share, 'top_5': 1.0}
        for stream, share in shares.items()
      }
    },
  }
  path.write_text(json.dumps(content))
  return path


def table(folder, dataset='hmdb51'):
  return programs.run_script(
    'launch/split_table.py', f'--dataset={dataset}', f'--folder={folder}'
  )


def test_the_mean_of_three_splits_stands_beside_the_published_one(tmp_path):
  write_result(tmp_path, 1, 0.5, 0.4, 0.6)
  write_result(tmp_path, 2, 0.6, 0.4, 0.7)
  write_result(tmp_path, 3, 0.7, 0.4, 0.9)
  result = table(tmp_path)
  assert result.returncode == 0, result.stderr
  lines = result.stdout.splitlines()
  assert lines[4:7] == [
    '| RGB-I3D | 50.0 | 60.0 | 70.0 | 60.0 | 74.8 | 49.8 |',
    '| Flow-I3D | 40.0 | 40.0 | 40.0 | 40.0 | 77.1 | 61.9 |',
    '| Two-Stream I3D | 60.0 | 70.0 | 90.0 | 73.3 | 80.7 | 66.4 |',
  ]
  assert '79.7 with only the last layer' in result.stdout
  assert 'published 1,530' not in result.stdout


def test_there_is_no_mean_of_two_splits_and_missing_videos_are_told(tmp_path):
  write_result(tmp_path, 1, 0.5, 0.4, 0.6, 3783)
  write_result(tmp_path, 3, 0.7, 0.4, 0.9, 3695)
  lines = table(tmp_path, 'ucf101').stdout.splitlines()
  assert '| UCF-101 | split 1 | split 3 | mean |' in lines[2]
  assert lines[4] == '| RGB-I3D | 50.0 | 70.0 | - | 95.6 | 84.5 |'
  assert lines[-1] == (
    'split 3: 3,695 test videos, and not the published 3,696; the figures '
    'cannot be compared'
  )
  assert not any(line.startswith('split 1:') for line in lines)


@pytest.mark.parametrize(
  'content', ['[]', '{}', '{"labelled": 3, "accuracy": {"a": {}, "b": {}}}']
)
def test_other_files_are_one_line(tmp_path, content):
  path = write_result(tmp_path, 1, 0.5, 0.4, 0.6)
  path.write_text(content)
  result = table(tmp_path)
  assert result.returncode == 1
  assert result.stderr.startswith(f'error: {path}: ')
  assert result.stderr.count('\n') == 1


def test_a_folder_without_results_is_one_line(tmp_path):
  result = table(tmp_path)
  assert result.returncode == 1
  assert 'run launch/split_tables.sh' in result.stderr


def run_stand_in(folder, *arguments, **env):
  """Runs the script with a stand-in for Python; returns (result, commands)."""
  log = folder / 'log'
  result = programs.run(
    [SCRIPT, *arguments],
    env={
      'PYTHON': str(programs.STAND_INS / 'split_tables_python.sh'),
      'LOG': str(log),
      **env,
    },
  )
  return result, log.read_text().splitlines()


def test_each_split_is_preprocessed_trained_and_evaluated(tmp_path):
  (tmp_path / 'weights').mkdir()
  result, commands = run_stand_in(
    tmp_path,
    *('hmdb51', 'videos', 'lists', tmp_path / 'weights', tmp_path / 'out'),
    *('fixed', '--', '--train_only=Logits', '--max_steps=9'),
  )
  assert result.returncode == 0, result.stderr
  names = [command.partition(' ')[0] for command in commands]
  of_split = ['preprocess_videos.py', 'train.py', 'train.py']
  of_split.append('evaluate_split.py')
  assert names == [*of_split * 3, 'split_table.py']
  assert '--split_number=2 ' in commands[4]
  assert commands[4].endswith(f'--output_dir={tmp_path}/out/records_2')
  split = tmp_path / 'out/fixed/split_2'
  for flag in (
    '--stream=flow',
    f'--records_dir={tmp_path}/out/records_2',
    f'--train_dir={split}/flow',
    f'--init_checkpoint={tmp_path}/weights/checkpoints/flow_imagenet/model.ckpt',
  ):
    assert flag in commands[6].split()
  assert commands[6].endswith(' --train_only=Logits --max_steps=9')
  assert f'--data_dir={split}/networks' in commands[7].split()
  assert sorted(
    path.name for path in (split / 'networks/checkpoints').iterdir()
  ) == [
    'flow_imagenet',
    'rgb_imagenet',
  ]


def test_one_checkpoint_serves_both_streams_and_videos_that_fail_are_told(
  tmp_path,
):
  result, commands = run_stand_in(
    tmp_path,
    *('ucf101', 'videos', 'lists', 'inception_v1.ckpt', tmp_path / 'out'),
    SPLITS='3',
    PREPROCESSED='2',
  )
  assert result.returncode == 2
  assert 'failures.jsonl' in result.stderr
  assert len(commands) == 5
  for command in commands[1:3]:
    assert '--init_checkpoint=inception_v1.ckpt' in command.split()
    assert f'--train_dir={tmp_path}/out/full/split_3/' in command


def test_a_mistake_in_the_first_step_ends_the_script(tmp_path):
  result, commands = run_stand_in(
    tmp_path,
    *('ucf101', 'videos', 'lists', 'weights', tmp_path / 'out'),
    PREPROCESSED='1',
  )
  assert result.returncode == 1
  assert len(commands) == 1


@pytest.mark.parametrize(
  'arguments', [[], ['ucf101', 'a', 'b', 'c'], ['kinetics', *'abcd']]
)
def test_other_arguments_are_refused_with_the_usage(arguments):
  result = programs.run([SCRIPT, *arguments], env={'PYTHON': 'false'})
  assert result.returncode == 1
  assert result.stderr.endswith(
    'error: five or six arguments are needed, the first ucf101 or hmdb51\n'
  )


@pytest.mark.slow
def test_a_small_hmdb51_comes_to_a_table(tmp_path):
  """From videos with difficult names, with tiny networks; and once more."""
  lists = tmp_path / 'testTrainMulti_7030_splits'
  lists.mkdir()
  for label in ('brush_hair', 'turn'):
    folder = tmp_path / 'videos' / label
    folder.mkdir(parents=True)
    names = [f'a#{label} [{i}] (&;!+@).avi' for i in range(3)]
    for name in names:
      small_videos.write_video(folder / name)
    rows = [f'{name} {kind}\n' for name, kind in zip(names, (1, 1, 2))]
    (lists / f'{label}_test_split1.txt').write_text(''.join(rows))
  for stream in ('rgb', 'flow'):
    small_networks.write(tmp_path / 'weights', f'{stream}_imagenet', 7)
  command = [
    *(SCRIPT, 'hmdb51', tmp_path / 'videos', lists, tmp_path / 'weights'),
    *(tmp_path / 'out', 'tiny', '--', '--max_steps=1', '--num_frames=9'),
    *('--replicas_to_aggregate=1', '--batch_size=1'),
    '--depth_multiplier=0.0625',
  ]
  env = {'PYTHON': sys.executable, 'SPLITS': '1'}
  first = programs.run(command, env=env)
  assert first.returncode == 0, first.stderr[-3000:]
  assert '| HMDB-51 | split 1 | mean |' in first.stdout
  assert 'split 1: 2 test videos' in first.stdout
  again = programs.run(command, env=env)
  assert again.returncode == 0, again.stderr[-3000:]
  assert again.stdout == first.stdout
