"""extract_features.py, run as a user runs it."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import programs
import pytest
import small_networks
import small_records
import small_videos

pytestmark = pytest.mark.process


@pytest.fixture(name='data', scope='module')
def write_data(tmp_path_factory):
  """A data directory of two networks of 1/16 width."""
  data = tmp_path_factory.mktemp('data')
  for stream in ('rgb', 'flow'):
    small_networks.write(data, f'{stream}_imagenet', 3)
  (data / 'label_map.txt').write_text('one\ntwo\nthree\n')
  return data


@pytest.fixture(name='videos', scope='module')
def write_videos(tmp_path_factory):
  folder = tmp_path_factory.mktemp('videos')
  (folder / 'cats').mkdir()
  for name, seed in (('a.webm', 0), ('cats/b.webm', 1), ('cats/c.webm', 2)):
    frames = small_videos.textured_frames(8, (240, 226), seed)
    small_videos.write_video(folder / name, frames)
  (folder / 'cats' / 'broken.mp4').write_bytes(b'no video')
  return folder


def extract(data, output, *arguments, **options):
  return programs.run_script(
    'extract_features.py',
    f'--data_dir={data}',
    f'--output_dir={output}',
    *('--window_frames=8', '--stride_frames=4'),
    *arguments,
    **options,
  )


def contents(folder):
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in sorted(folder.rglob('*.npz'))
  }


def test_a_folder_becomes_files(tmp_path, data, videos):
  output = tmp_path / 'out'
  result = extract(data, output, f'--videos={videos}')
  assert result.returncode == 2, result.stderr
  assert '1 videos failed, 0 are missing' in result.stdout
  (failure,) = map(
    json.loads, (output / 'failures.jsonl').read_text().splitlines()
  )
  assert failure['id'] == 'cats/broken.mp4'
  assert 'not a video' in failure['reason']
  found = contents(output)
  assert [*found] == [*('a.webm.npz', 'cats/b.webm.npz', 'cats/c.webm.npz')]
  with np.load(output / 'cats' / 'b.webm.npz') as content:
    assert content['rgb'].shape == content['flow'].shape == (2, 64)
    assert content['start_seconds'].tolist() == [0, 0.16]
    how = json.loads(str(content['how']))
  assert how['settings']['window_frames'] == 8
  assert how['source']['id'] == 'cats/b.webm'


@pytest.mark.slow
def test_a_second_run_keeps_what_is_there_and_refuses_other_settings(
  tmp_path, data, videos
):
  output = tmp_path / 'out'
  extract(data, output, f'--videos={videos}')
  found = contents(output)
  (output / 'cats' / 'b.webm.npz').unlink()
  before = (output / 'a.webm.npz').stat().st_mtime_ns
  again = extract(data, output, f'--videos={videos}')
  assert again.returncode == 2, again.stderr
  assert contents(output) == found
  assert (output / 'a.webm.npz').stat().st_mtime_ns == before

  other = extract(data, output, f'--videos={videos}', '--pad')
  assert other.returncode == 1
  assert other.stderr.count('error: ') == 1
  assert 'padded was False and is True now' in other.stderr


@pytest.mark.slow
def test_tasks_divide_a_data_set(tmp_path, data, videos):
  output = tmp_path / 'out'
  folder = tmp_path / 'set'
  shutil.copytree(videos, folder / 'train')
  (folder / 'train' / 'cats' / 'broken.mp4').unlink()
  (folder / 'train' / 'dogs').mkdir()
  (folder / 'train' / 'a.webm').rename(folder / 'train' / 'dogs' / 'a.webm')
  arguments = ('--dataset=folders', f'--videos_dir={folder}')
  arguments += ('--eval_type=rgb', '--fps=native', '--endpoint=Mixed_5c')
  for task in range(2):
    result = extract(
      data,
      output,
      *arguments,
      '--pad',
      f'--task_index={task}',
      '--num_tasks=2',
    )
    assert result.returncode == 0, result.stderr
    assert len(contents(output)) == [2, 3][task]
  with np.load(output / 'train' / 'train' / 'cats' / 'b.webm.npz') as content:
    assert content['rgb'].shape == (2, 1, 7, 7, 64)
    assert 'flow' not in content


@pytest.mark.slow
def test_records_become_features(tmp_path, data):
  small_records.write(tmp_path / 'records', 'test')
  result = extract(
    data,
    tmp_path / 'out',
    f'--records_dir={tmp_path / "records"}',
    *('--split=test', '--crops=10', '--batch_windows=2'),
  )
  assert result.returncode == 0, result.stderr
  found = contents(tmp_path / 'out')
  assert [*found] == [f'test/{number}.npz' for number in range(5)]
  with np.load(tmp_path / 'out' / 'test' / '0.npz') as content:
    assert content['rgb'].shape == content['flow'].shape == (2, 10, 64)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((), 'give one of --videos, --dataset'),
    (('--videos=a', '--records_dir=b'), '--videos and --records_dir'),
    (('--dataset=folders',), '--videos_dir: --dataset needs it'),
    (('--records_dir=b', '--fps=25'), 'records have a frame rate'),
    (('--videos=gone',), 'gone: no such video'),
  ],
)
@pytest.mark.slow
def test_mistakes_are_one_line(tmp_path, data, arguments, message):
  result = extract(data, tmp_path / 'out', *arguments)
  assert result.returncode == 1
  assert result.stderr.count('\n') == 1
  assert message in result.stderr
  assert not (tmp_path / 'out').exists()


@pytest.mark.slow
def test_ten_kills_change_no_byte(tmp_path, data):
  """Each kill falls at any moment of what is left, from the first import on."""
  (tmp_path / 'videos').mkdir()
  for number in range(6):
    frames = small_videos.textured_frames(40, (240, 226), number)
    small_videos.write_video(tmp_path / 'videos' / f'{number}.webm', frames)
  arguments = (f'--videos={tmp_path / "videos"}', '--stride_frames=1')
  started = time.monotonic()
  whole = extract(data, tmp_path / 'whole', *arguments)
  seconds = time.monotonic() - started
  assert whole.returncode == 0, whole.stderr
  output = tmp_path / 'killed'
  command = [
    *(sys.executable, programs.ROOT / 'extract_features.py'),
    *(f'--data_dir={data}', f'--output_dir={output}'),
    *('--window_frames=8', *arguments),
  ]
  rng = np.random.default_rng(0)
  for _ in range(10):
    with programs.started(command, stderr=subprocess.DEVNULL) as process:
      with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0.2, 1) * seconds)
      process.send_signal(signal.SIGKILL)
    print(len(contents(output)), 'of 6 videos are done')
  again = programs.run(command)
  assert again.returncode == 0, again.stderr
  assert len(contents(output)) == 6
  assert contents(output) == contents(tmp_path / 'whole')
  assert not [*output.rglob('*.tmp')]


@pytest.mark.slow
def test_an_hour_takes_no_more_memory_than_a_minute(tmp_path, data):
  """The peak of a long video is that of a short one, but for its features."""
  peaks = []
  frames = small_videos.textured_frames(50, (96, 64))
  for name, repetitions in (('short.webm', 30), ('long.webm', 1800)):
    path = small_videos.write_video(
      tmp_path / name, np.concatenate([frames] * repetitions), fps=25
    )
    code = (
      'import resource, subprocess, sys\n'
      'status = subprocess.run(sys.argv[1:]).returncode\n'
      'usage = resource.getrusage(resource.RUSAGE_CHILDREN)\n'
      'print(status, usage.ru_maxrss)\n'
    )
    result = programs.run_code(
      code,
      *(sys.executable, programs.ROOT / 'extract_features.py'),
      *(f'--data_dir={data}', f'--output_dir={tmp_path / "out"}'),
      *('--eval_type=rgb', f'--videos={path}', '--stride_frames=640'),
    )
    assert result.returncode == 0, result.stderr
    status, peak = map(int, result.stdout.split()[-2:])
    assert status == 0, result.stderr
    peaks.append(peak)
  short, long = peaks
  assert long < short + 100_000  # Kilobytes.
  assert long < 2_000_000
