"""compute_fvd.py: its figure, its errors, and that it continues."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import printed
import programs
import pytest
import small_networks
import small_videos

pytestmark = pytest.mark.process


@pytest.fixture(name='folder', scope='module')
def make_folder(tmp_path_factory):
  """A small network, videos, and the same videos brighter, as an array."""
  folder = tmp_path_factory.mktemp('fvd')
  small_networks.write(folder / 'data', 'rgb_scratch', 7)
  (folder / 'real').mkdir()
  videos = [small_videos.textured_frames(9, seed=seed) for seed in range(6)]
  for i, frames in enumerate(videos):
    small_videos.write_video(folder / 'real' / f'{i}.mp4', frames)
  brighter = np.clip(np.stack(videos).astype(int) + 40, 0, 255)
  np.save(folder / 'generated.npy', brighter.astype(np.uint8))
  return folder


def command(folder, *flags, generated='generated.npy'):
  return [
    *(sys.executable, programs.ROOT / 'compute_fvd.py'),
    f'--data_dir={folder / "data"}',
    f'--reference_dir={folder / "real"}',
    f'--generated_dir={folder / generated}',
    *('--num_frames=9', '--num_workers=1', *flags),
  ]


def run(folder, cwd, *flags, **options):
  return programs.run(command(folder, *flags, **options), cwd=cwd)


def test_the_figure_of_a_folder_and_an_array(folder, tmp_path):
  result = run(folder, tmp_path, '--bootstrap=5', '--output=fvd.json')
  assert result.returncode == 0, result.stderr
  first, second = result.stdout.splitlines()
  assert re.fullmatch(
    r'FVD: \d+\.\d{3} \(6 reference and 6 generated videos of 9 frames, a '
    r'network of .*/rgb_scratch/model.ckpt\)',
    first,
  )
  assert re.fullmatch(
    r'95 % interval: \d+\.\d+ to \d+\.\d+ \(5 draws\)', second
  )
  content = json.loads((tmp_path / 'fvd.json').read_text())
  assert float(first.split()[1]) == pytest.approx(content['fvd'], abs=6e-4)
  for warning in (
    "DeepMind's rgb_scratch; distances",
    'sets of 6 and 6 videos',
  ):
    assert warning in result.stderr

  again = run(folder, tmp_path, '--bootstrap=5')
  assert again.stdout == result.stdout
  assert 'features:' not in again.stderr  # They are known.


@pytest.mark.parametrize(
  ('flags', 'generated', 'message'),
  [
    ([], 'nothing', '/nothing: cannot be read: No such file or directory'),
    ([], 'floats.npy', 'holds float64; a set holds uint8 from 0 to 255'),
    (['--num_frames=10'], 'generated.npy', 'videos of 9 frames; a clip is to'),
    (
      ['--num_videos=7'],
      'generated.npy',
      '=7: there are 6 videos in',
    ),
    (['--num_frames=8'], 'generated.npy', '--num_frames=8'),
  ],
)
def test_a_mistake_is_one_line(folder, tmp_path, flags, generated, message):
  np.save(folder / 'floats.npy', np.zeros([6, 9, 8, 8, 3]))
  result = run(folder, tmp_path, *flags, generated=generated)
  printed.assert_one_line_error(result, message)


@pytest.fixture(name='many')
def write_many(folder):
  """Enough videos that features are kept several times before the end."""
  rng = np.random.default_rng(0)
  videos = rng.integers(0, 256, [100, 9, 16, 16, 3], np.uint8)
  np.save(folder / 'many.npy', videos)
  return 'many.npy'


def parts(folder):
  return set((folder / 'fvd_cache').glob('*/*.npz'))


@pytest.mark.slow
def test_it_continues_after_kill_9(folder, tmp_path, many):
  whole = run(folder, tmp_path, '--cache_dir=whole', generated=many)
  assert whole.returncode == 0, whole.stderr
  arguments = command(folder, generated=many)
  process = subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.DEVNULL)
  with programs.killed_at_last([process]):
    programs.wait_until(lambda: len(parts(tmp_path)) >= 2, 120)
    process.send_signal(signal.SIGKILL)
    process.wait()
  before = {path: path.stat().st_mtime_ns for path in parts(tmp_path)}
  again = programs.run(arguments, cwd=tmp_path)
  assert again.stdout == whole.stdout
  assert len(parts(tmp_path)) > len(before)
  assert all(path.stat().st_mtime_ns == date for path, date in before.items())


@pytest.mark.slow
def test_ten_kills_change_no_digit(folder, tmp_path, many):
  """Each kill falls at any moment of what is left, from the first import on."""
  rng = np.random.default_rng(1)
  started = time.monotonic()
  whole = run(
    folder, tmp_path, '--cache_dir=whole', '--output=a.json', generated=many
  )
  seconds = time.monotonic() - started
  assert whole.returncode == 0, whole.stderr
  arguments = command(folder, '--output=b.json', generated=many)
  for _ in range(10):
    with programs.started(
      arguments, cwd=tmp_path, stderr=subprocess.DEVNULL
    ) as process:
      with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0.1, 1) * seconds)
      process.send_signal(signal.SIGKILL)
  again = programs.run(arguments, cwd=tmp_path)
  assert again.stdout == whole.stdout
  read = lambda name: json.loads((tmp_path / name).read_text())
  assert read('a.json') == read('b.json')
  assert not [*tmp_path.rglob('*.tmp')]


@pytest.mark.released_weights
def test_black_against_white_is_what_the_official_example_is_about(
  released_data, tmp_path
):
  """Its page says "around 131"; these weights give 133.909, see docs/fvd.md."""
  for name, value in (('real', 0), ('white', 255)):
    videos = np.full([16, 15, 64, 64, 3], value, np.uint8)
    np.save(tmp_path / f'{name}.npy', videos)
  result = programs.run_script(
    'compute_fvd.py',
    f'--data_dir={released_data}',
    '--reference_dir=real.npy',
    '--generated_dir=white.npy',
    '--num_frames=15',
    cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  assert float(result.stdout.split()[1]) == pytest.approx(133.909, abs=1e-3)
  assert "DeepMind's rgb_scratch, all 230 tensors verified" in result.stdout
  assert 'the FVD is defined with' not in result.stderr
