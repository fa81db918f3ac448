"""evaluate_split.py: its figures, and what it survives."""

import json
import signal
import subprocess
import sys

import cv2
import numpy as np
import printed
import programs
import pytest
import small_networks
import small_records
import small_splits
import tensorflow as tf

from two_stream.networks import classifier
from two_stream.records import clips, record_index, shards

pytestmark = pytest.mark.process

ROOT = programs.ROOT
NETWORKS = small_splits.NETWORKS
SPLIT = small_splits.SPLIT


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  """A data directory of four networks of three classes."""
  data = tmp_path_factory.mktemp('data')
  small_splits.write_networks(data)
  return data


@pytest.fixture(name='records_dir', scope='module')
def make_records(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_splits.write_records(folder)
  return folder


def command(data, records_dir, output_dir, *flags):
  return [
    sys.executable,
    ROOT / 'evaluate_split.py',
    f'--data_dir={data}',
    f'--records_dir={records_dir}',
    f'--output_dir={output_dir}',
    *flags,
  ]


def evaluate(*arguments):
  return programs.run(command(*arguments))


@pytest.fixture(name='evaluated', scope='module')
def run_undisturbed(data, records_dir, tmp_path_factory):
  """(what an undisturbed run prints, its output folder)."""
  output = tmp_path_factory.mktemp('output')
  result = evaluate(data, records_dir, output)
  assert result.returncode == 0, result.stderr
  assert f'{4 * 8}/{4 * 8}' in result.stderr  # The bar.
  assert 'AutoGraph' not in result.stderr
  return result.stdout, output


def one_by_one(data, records_dir, name):
  """A network's logits of each clip, each classified alone."""
  stream = name.partition('_')[0]
  path = data / 'checkpoints' / name / 'model.ckpt'
  classify = classifier.load(path, {'rgb': 'RGB', 'flow': 'Flow'}[stream])
  index = record_index.build(shards.find(records_dir, SPLIT))
  return np.concatenate(
    [
      classify(clips.scale(element['clip'][tf.newaxis], stream))
      for element in clips.test_clips(index, stream)
    ]
  )


def test_logits_in_batches_are_those_of_clips_alone(
  data, records_dir, evaluated
):
  with np.load(
    evaluated[1] / f'{SPLIT}_logits.npz', allow_pickle=False
  ) as content:
    assert set(content) == {'ids', 'labels', *NETWORKS}
    assert content['ids'].tolist() == list('01234567')
    assert content['labels'].tolist() == [n % 3 for n in range(8)]
    for name in NETWORKS:
      alone = one_by_one(data, records_dir, name)
      np.testing.assert_allclose(content[name], alone, atol=1e-5)
      assert np.ptp(alone, axis=0).max() > 1e-3  # Clips differ.


def test_the_table_holds_the_shares_of_clips_ranked_right(evaluated):
  """Counted again, in loops; of three classes top-5 is all."""
  output, folder = evaluated
  with np.load(folder / f'{SPLIT}_logits.npz', allow_pickle=False) as content:
    logits = {
      (name.partition('_')[0], name.partition('_')[2]): content[name]
      for name in NETWORKS
    }
  for initialization in ('imagenet', 'scratch'):
    logits['joint', initialization] = (
      logits['rgb', initialization] + logits['flow', initialization]
    )
  written = json.loads((folder / f'{SPLIT}.json').read_text())['accuracy']
  cells, means = {}, {}
  for (stream, initialization), values in logits.items():
    right = sum(
      list(row).index(max(row)) == n % 3 for n, row in enumerate(values)
    )
    cells[stream, initialization] = f'{100 * right / 8:.1f} / 100.0'
    shares = written[initialization][stream]
    of_class = [[], [], []]
    for n, row in enumerate(values):
      of_class[n % 3].append(list(row).index(max(row)) == n % 3)
    mean = sum(sum(each) / len(each) for each in of_class) / 3
    assert shares.pop('mean_class') == pytest.approx(mean)
    assert shares == {'top_1': right / 8, 'top_5': 1}
    means[stream, initialization] = f'{100 * mean:.1f}'
  rows = [
    [cell.strip() for cell in line.split('|')[1:-1]]
    for line in output.splitlines()
    if line.startswith('|')
  ]
  for table, figures in ((rows[:5], cells), (rows[5:], means)):
    assert table[0] == ['Model', 'from ImageNet', 'from scratch']
    assert table[2:] == [
      [title, figures[stream, 'imagenet'], figures[stream, 'scratch']]
      for title, stream in (
        ('RGB-I3D', 'rgb'),
        ('Flow-I3D', 'flow'),
        ('Two-Stream I3D', 'joint'),
      )
    ]
  assert output.startswith('validation: 8 clips, 8 with a label; 0 damaged\n')


def test_every_cell_of_the_table_has_its_confusion_matrix(evaluated):
  names = {path.name for path in evaluated[1].glob('*.png')}
  assert names == {
    f'{SPLIT}_confusion_{stream}_{initialization}.png'
    for stream in ('rgb', 'flow', 'joint')
    for initialization in ('imagenet', 'scratch')
  }
  for name in names:
    assert cv2.imread(str(evaluated[1] / name)) is not None


@pytest.mark.slow
def test_killed_and_run_again_it_gives_the_same(
  data, records_dir, evaluated, tmp_path
):
  """Killed with -9 once a few parts are there; they are not made again."""
  with programs.started(
    command(data, records_dir, tmp_path), stderr=subprocess.DEVNULL
  ) as process:
    programs.wait_until(
      lambda: (
        len(list(tmp_path.glob('parts/*/*.npz'))) >= 4
        or process.poll() is not None
      ),
      seconds=120,
    )
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
  made = {path: path.stat().st_mtime_ns for path in parts_in(tmp_path)}
  assert 4 <= len(made) < 12
  killed = next(iter(made)).parent / '.validation-00000-of-00003.npz.1.tmp'
  killed.write_bytes(b'half')
  output, folder = evaluated
  result = evaluate(data, records_dir, tmp_path)
  assert result.stdout == output
  assert len(parts_in(tmp_path)) == 12
  for path, modified in made.items():
    assert path.stat().st_mtime_ns == modified
  for name in (f'{SPLIT}.json', f'{SPLIT}_logits.npz'):
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_network_of_kinetics_600_is_evaluated_on_chosen_views(
  records_dir, tmp_path
):
  """The data directory is laid as DeepMind's: it has no parameters.json."""
  data = tmp_path / 'data'
  small_networks.write(data, 'rgb_scratch_kin600', 3)
  names = '\n'.join(small_records.CLASS_NAMES)
  (data / 'label_map_600.txt').write_text(f'{names}\n')
  (data / 'label_map.txt').write_text('Of Kinetics-400\n')
  views = '--num_clips=2', '--clip_frames=12', '--num_crops=3'
  result = evaluate(data, records_dir, tmp_path, '--eval_type=rgb600', *views)
  assert result.returncode == 0, result.stderr
  lines = result.stdout.splitlines()
  assert lines[1] == 'views of each clip: 2 windows of 12 frames, 3 crops'
  # The clips of nine frames have 11 time steps.
  assert lines[2].endswith('which were repeated from their start: 2')
  assert lines[5] == '| Model   | from scratch, Kinetics-600 |'
  assert lines[7].startswith('| RGB-I3D | ')
  names = {path.name for path in tmp_path.glob(f'{SPLIT}*')}
  assert f'{SPLIT}_confusion_rgb_scratch_kin600.png' in names
  with np.load(tmp_path / f'{SPLIT}_logits.npz', allow_pickle=False) as content:
    assert set(content) == {'ids', 'labels', 'rgb_scratch_kin600'}


def parts_in(folder):
  return sorted(folder.glob('parts/*/*.npz'))


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--imagenet_pretrained', 'false'], '--noimagenet_pretrained'),
    (
      ['--split=test'],
      'preprocess first, or use another split: validation',
    ),
    (['--num_clips=3'], 'add --clip_frames, such as 64'),
    (['--data_dir=gone'], 'gone: no such folder; see --data_dir'),
  ],
)
def test_a_mistake_is_one_line_and_status_1(
  data, records_dir, tmp_path, flags, message
):
  result = evaluate(data, records_dir, tmp_path, *flags)
  printed.assert_one_line_error(result, message)
