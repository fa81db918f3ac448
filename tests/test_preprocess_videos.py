"""Every data set goes from its published files to a table of accuracies."""

import functools
import json
import pathlib
import shutil

import cv2
import miniatures
import programs
import pytest
import small_networks
import small_videos

from two_stream.datasets import label_map
from two_stream.records import schema, shards, tfrecords

pytestmark = pytest.mark.process

# Videos and frames of the miniatures. The part of the longest one in a list
# ends after 3 seconds.
SECONDS = 3
WIDTH, HEIGHT = 96, 64


@pytest.fixture(name='video', scope='module')
def write_video(tmp_path_factory):
  path = tmp_path_factory.mktemp('video') / 'video.webm'
  frames = small_videos.textured_frames(12 * SECONDS, size=(WIDTH, HEIGHT))
  return small_videos.write_video(path, frames)


def write_frame(path):
  number = int(path.stem)
  frames = small_videos.textured_frames(number, size=(WIDTH, HEIGHT))
  cv2.imwrite(str(path), frames[-1])


def make(name, folder, video):
  """Writes the miniature of a data set with real videos or frames."""
  write = (
    write_frame if name == 'ssv1' else functools.partial(shutil.copy, video)
  )
  return getattr(miniatures, name)(folder, write)


def preprocess(layout, dataset, output_dir, *arguments):
  annotations = (
    [f'--annotations={layout.annotations}'] if layout.annotations else []
  )
  return programs.run_script(
    'preprocess_videos.py',
    f'--dataset={dataset}',
    f'--videos_dir={layout.videos_dir}',
    f'--output_dir={output_dir}',
    *annotations,
    *arguments,
  )


def records_of(folder, split):
  """Reads a split: id -> record."""
  records = (
    tfrecords.deserialize(serialized)
    for path in shards.find(folder, split)
    for serialized in tfrecords.read_shard(path)
  )
  return {
    record.context[schema.ID][0].decode(): record.context for record in records
  }


def test_kinetics_lacks_videos_and_has_the_label_map_of_a_network(
  tmp_path, video
):
  layout = make('kinetics', tmp_path / 'kinetics', video)
  names = ['petting animal (not cat)', 'abseiling', "massaging person's head"]
  (tmp_path / 'names.txt').write_text(label_map.to_text(names))
  arguments = (
    f'--label_map={tmp_path / "names.txt"}',
    '--streams=rgb',
    '--num_workers=2',
  )
  output_dir = tmp_path / 'records'
  dry = preprocess(layout, 'kinetics', output_dir, *arguments, '--dry_run')
  assert dry.returncode == 0, dry.stderr
  lines = dry.stdout.splitlines()
  assert lines[:5] == [
    'kinetics: 3 classes in the order of the label map',
    'split       listed  there  missing  without a label',
    'train            6      5        1                0',
    'validation       3      2        1                0',
    'test             1      1        0                1',
  ]
  assert lines[5].startswith('estimate, from 4 videos: ')
  assert not output_dir.exists()
  result = preprocess(layout, 'kinetics', output_dir, *arguments)
  assert result.returncode == 0, result.stderr
  assert result.stdout.splitlines() == [
    'split       listed  records  missing  failed  shards',
    'train            6        5        1       0  1 of 1',
    'validation       3        2        1       0  1 of 1',
    'test             1        1        0       0  1 of 1',
    f'{output_dir}/failures.jsonl names the missing and failed videos',
  ]
  assert all(line in result.stderr for line in lines[:5])
  assert label_map.read(output_dir / 'label_map.txt') == names
  train = records_of(output_dir, 'train')
  assert train['-0aBcDeFgHi_000010_000020'][schema.LABEL_INDEX] == [1]
  assert train['_000010_000_000000_000010'][schema.LABEL_INDEX] == [0]
  failures = (output_dir / 'failures.jsonl').read_text().splitlines()
  missing = [json.loads(failure) for failure in failures]
  assert {failure['id'] for failure in missing} == {
    '--partial--_000007_000017',
    '_missing-_-_000001_000011',
  }
  assert all(failure['missing'] for failure in missing)


def test_a_missing_file_of_a_list_is_a_failure(tmp_path, video):
  shutil.copy(video, tmp_path / 'here.webm')
  text = 'path,label\nhere.webm,a\nthere.webm,b\n'
  (tmp_path / 'list.csv').write_text(text)
  layout = miniatures.Layout(tmp_path, tmp_path / 'list.csv')
  output_dir = tmp_path / 'records'
  result = preprocess(layout, 'csv', output_dir, '--streams=rgb')
  assert result.returncode == 2, result.stderr
  assert result.stdout.splitlines()[:2] == [
    'split  listed  records  missing  failed  shards',
    'train       2        1        1       0  1 of 1',
  ]


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--dataset=imagenet'], '--dataset'),
    (['--dataset=csv'], '--annotations is missing'),
    (['--dataset=folders', '--splits=dev'], "--splits: 'dev' is none of"),
    (['--dataset=folders', '--label_map=nowhere'], 'nowhere'),
    (['--dataset=kinetics', '--split_number=2'], '--split_number: has no'),
  ],
)
def test_a_mistake_is_one_line(tmp_path, arguments, message):
  result = programs.run_script(
    'preprocess_videos.py',
    f'--videos_dir={tmp_path}',
    f'--output_dir={tmp_path / "records"}',
    *arguments,
  )
  assert result.returncode == 1
  assert len(result.stderr.splitlines()) == 1
  assert message in result.stderr
  assert not (tmp_path / 'records').exists()


@pytest.mark.slow
@pytest.mark.parametrize(
  ('name', 'dataset', 'flags', 'split'),
  [
    ('kinetics', 'kinetics', [], 'validation'),
    ('ucf101', 'ucf101', ['--split_number=3'], 'test'),
    ('hmdb51', 'hmdb51', ['--split_number=2'], 'test'),
    ('ssv1', 'ssv1', [], 'validation'),
    ('divided_folders', 'folders', [], 'validation'),
    ('plain_folders', 'folders', ['--validation_share=0.25'], 'validation'),
    ('csv_list', 'csv', [], 'validation'),
  ],
)
def test_a_network_is_fine_tuned_and_evaluated_on_every_data_set(
  tmp_path, video, name, dataset, flags, split
):
  layout = make(name, tmp_path / 'files', video)
  result = preprocess(layout, dataset, tmp_path / 'records', *flags)
  assert result.returncode == 0, result.stderr
  small_networks.write(tmp_path / 'kinetics', 'rgb_scratch', 5)
  small_networks.write(tmp_path / 'kinetics', 'flow_scratch', 5)
  for stream in ('rgb', 'flow'):
    checkpoint = f'kinetics/checkpoints/{stream}_scratch/model.ckpt'
    result = programs.run_script(
      'train.py',
      f'--stream={stream}',
      f'--records_dir={tmp_path / "records"}',
      f'--train_dir={tmp_path / stream}',
      f'--init_checkpoint={tmp_path / checkpoint}',
      '--depth_multiplier=0.0625',
      '--max_steps=2',
      '--learning_rates=0:0.01',
      '--replicas_to_aggregate=1',
      '--batch_size=2',
      '--num_frames=9',
    )
    assert result.returncode == 0, result.stderr
  data = pathlib.Path(tmp_path / 'data')
  for stream in ('rgb', 'flow'):
    shutil.copytree(tmp_path / stream / 'export', data, dirs_exist_ok=True)
  result = programs.run_script(
    'evaluate_split.py',
    f'--data_dir={data}',
    f'--records_dir={tmp_path / "records"}',
    f'--split={split}',
    f'--output_dir={tmp_path / "evaluation"}',
  )
  assert result.returncode == 0, result.stderr
  assert '| Two-Stream I3D |' in result.stdout


@pytest.mark.slow
def test_a_clip_of_71_seconds_is_cut_and_said_or_taken_whole(tmp_path, video):
  """UCF-101 has one."""
  layout = make('ucf101', tmp_path / 'files', video)
  long = layout.videos_dir / 'YoYo' / 'v_YoYo_g01_c01.avi'
  frames = small_videos.textured_frames(12 * 71, size=(WIDTH, HEIGHT), step=1)
  small_videos.write_video(long, frames, codec='XVID')
  for flags, num_frames in (([], 60 * 25), (['--max_seconds=72'], 71 * 25)):
    output_dir = tmp_path / f'records{num_frames}'
    flags += ['--streams=rgb', '--splits=train', '--split_number=3']
    result = preprocess(layout, 'ucf101', output_dir, *flags)
    assert result.returncode == 0, result.stderr
    was_cut = '1 video: longer than 60 seconds' in result.stderr
    assert was_cut == (num_frames == 60 * 25)
    record = records_of(output_dir, 'train')['v_YoYo_g01_c01']
    assert abs(len(record[schema.FRAME_INDEX]) - num_frames) <= 1


@pytest.mark.slow
def test_of_a_thousand_videos_the_bad_ones_are_counted(tmp_path, video):
  """50 are missing and 20 damaged; all others become records."""
  videos = tmp_path / 'videos'
  videos.mkdir()
  content = video.read_bytes()
  for number in range(1000):
    path = videos / f'{number:03}.webm'
    if number % 50 == 7:
      path.write_bytes(content[: len(content) // 2])
    elif number % 20 != 3:
      path.hardlink_to(video)
  lines = [f'{n:03}.webm,{"ab"[n % 2]},validation' for n in range(1000)]
  text = '\n'.join(['path,label,split', *lines, ''])
  (tmp_path / 'list.csv').write_text(text)
  layout = miniatures.Layout(videos, tmp_path / 'list.csv')
  output_dir = tmp_path / 'records'
  result = preprocess(layout, 'csv', output_dir, '--streams=rgb')
  assert result.returncode == 2, result.stderr
  assert result.stdout.splitlines()[:2] == [
    'split       listed  records  missing  failed    shards',
    'validation    1000      930       50      20  16 of 16',
  ]
  found = records_of(output_dir, 'validation')
  assert set(found) == {
    f'{n:03}.webm' for n in range(1000) if n % 50 != 7 and n % 20 != 3
  }
