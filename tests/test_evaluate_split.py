"""evaluate_split.py: its figures, and what it survives."""

import json
import shutil
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
import tensorflow as tf

from two_stream import errors
from two_stream.evaluation import (
  data_directory,
  split_evaluation,
  split_results,
)
from two_stream.networks import classifier
from two_stream.records import clips, record_index, schema, shards, tfrecords

pytestmark = pytest.mark.process

ROOT = programs.ROOT
NETWORKS = ('rgb_imagenet', 'flow_imagenet', 'rgb_scratch', 'flow_scratch')
SPLIT = 'validation'
# Frames of each clip, shard by shard; clip n has label n % 3.
FRAMES = ((10, 10, 16, 10), (16, 9), (10, 9))


def serialized_clips(numbers, frames):
  return [
    small_records.serialized_clip(n, n % 3, count)
    for n, count in zip(numbers, frames)
  ]


def write_records(folder):
  """Writes the shards; returns their paths."""
  small_records.write(folder, SPLIT, ((),) * len(FRAMES))
  paths, first = shards.find(folder, SPLIT), 0
  for path, frames in zip(paths, FRAMES):
    numbers = range(first, first + len(frames))
    tfrecords.write_shard(path, serialized_clips(numbers, frames))
    first += len(frames)
  return paths


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  """A data directory of four networks of three classes."""
  data = tmp_path_factory.mktemp('data')
  for name in NETWORKS:
    small_networks.write(data, name, 3)
  names = '\n'.join(small_records.CLASS_NAMES)
  (data / 'label_map.txt').write_text(f'{names}\n')
  return data


@pytest.fixture(name='records_dir', scope='module')
def make_records(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  write_records(folder)
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
  cells = {}
  for (stream, initialization), values in logits.items():
    right = sum(
      list(row).index(max(row)) == n % 3 for n, row in enumerate(values)
    )
    cells[stream, initialization] = f'{100 * right / 8:.1f} / 100.0'
    shares = written[initialization][stream]
    assert shares == {'top_1': right / 8, 'top_5': 1}
  rows = [
    [cell.strip() for cell in line.split('|')[1:-1]]
    for line in output.splitlines()
    if line.startswith('|')
  ]
  assert rows[0] == ['Model', 'from ImageNet', 'from scratch']
  assert rows[2:] == [
    [title, cells[stream, 'imagenet'], cells[stream, 'scratch']]
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


def parts_in(folder):
  return sorted(folder.glob('parts/*/*.npz'))


def compute(data, records_dir, output, **options):
  """The work of the script, in this process."""
  networks = data_directory.networks(data, **{'eval_type': 'joint', **options})
  return split_evaluation.compute(
    networks, small_records.CLASS_NAMES, records_dir, SPLIT, output / 'parts'
  )


@pytest.fixture
def counted(monkeypatch):
  """Counts how many clips each checkpoint is asked about."""
  counts = {}
  original = classifier.load

  def load(path, scope):
    classify = original(path, scope)

    def count(clip):
      counts[path.parent.name] = counts.get(path.parent.name, 0) + len(clip)
      return classify(clip)

    return count

  monkeypatch.setattr(classifier, 'load', load)
  return counts


def test_only_what_changed_is_computed_again(
  data, records_dir, evaluated, tmp_path, counted
):
  """A checkpoint, then a shard, then a part that is damaged."""
  shutil.copytree(data, tmp_path / 'data')
  shutil.copytree(evaluated[1], tmp_path / 'output')
  arguments = tmp_path / 'data', records_dir, tmp_path / 'output'
  before = compute(*arguments)
  assert counted == {}

  checkpoints = tmp_path / 'data' / 'checkpoints'
  shutil.rmtree(checkpoints / 'rgb_scratch')
  shutil.copytree(checkpoints / 'rgb_imagenet', checkpoints / 'rgb_scratch')
  after = compute(*arguments)
  assert counted == {'rgb_scratch': 8}
  old, new = (
    {network.name: values for network, values in logits.networks.items()}
    for logits in (before, after)
  )
  np.testing.assert_array_equal(new['rgb_scratch'], old['rgb_imagenet'])

  counted.clear()
  part = tmp_path / 'output/parts/flow_imagenet/validation-00001-of-00003.npz'
  part.write_bytes(part.read_bytes()[:100])
  compute(*arguments)
  assert counted == {'flow_imagenet': 2}

  counted.clear()
  shutil.copytree(records_dir, tmp_path / 'records')
  arguments = tmp_path / 'data', tmp_path / 'records', tmp_path / 'other'
  compute(*arguments, eval_type='rgb', imagenet_pretrained=True)
  path = shards.find(tmp_path / 'records', SPLIT)[2]
  tfrecords.write_shard(path, serialized_clips([8, 9, 10], [10, 10, 9]))
  assert counted == {'rgb_imagenet': 8}
  changed = compute(*arguments, eval_type='rgb', imagenet_pretrained=True)
  assert counted == {'rgb_imagenet': 8 + 3}
  assert changed.ids.tolist() == ['0', '1', '2', '3', '4', '5', '8', '9', '10']


def test_damaged_records_are_named_and_left_out(data, tmp_path):
  paths = write_records(tmp_path / 'records')
  index = record_index.build(paths)
  content = bytearray(paths[0].read_bytes())
  content[index.offsets[1] + 3000] ^= 255  # In an image of clip 1.
  paths[0].write_bytes(content)
  # Clip 4 has flow that does not decode; then comes no clip at all.
  record = tfrecords.deserialize(serialized_clips([4], [10])[0])
  record.feature_lists[schema.FLOW_ENCODED][3] = b'damaged'
  tfrecords.write_shard(paths[1], [tfrecords.serialize(record), b'no clip'])
  # The last one breaks off.
  whole = paths[2].read_bytes()
  paths[2].write_bytes(whole[:-1000])

  logits = compute(
    data, tmp_path / 'records', tmp_path, imagenet_pretrained=True
  )
  assert logits.ids.tolist() == ['0', '2', '3', '6']
  assert logits.labels.tolist() == [0, 2, 0, 0]
  assert [len(values) for values in logits.networks.values()] == [4] * 2
  first, second, third = (path.name for path in paths)
  damage = split_evaluation.Damage
  starts = record_index.build(paths).offsets
  assert logits.damaged == [
    damage('1', first, 1, int(index.offsets[1]), False),
    damage('4', second, 0, 0, False),
    damage(None, second, 1, int(starts[5]), False),
    damage(None, third, 1, int(index.offsets[-1]), True),
  ]

  lines = split_results.report(
    tmp_path, SPLIT, small_records.CLASS_NAMES, logits
  )
  assert lines[0] == 'validation: 4 clips, 4 with a label; 4 damaged'
  assert lines[1].startswith(f'  damaged: 1 (record 1 of {first}, at byte ')
  assert lines[3].startswith(f'  damaged: id unreadable (record 1 of {second}')
  assert lines[4].endswith('where the file breaks off)')
  summary = json.loads((tmp_path / f'{SPLIT}.json').read_text())
  assert summary['damaged'] == 4
  assert [each['id'] for each in summary['damaged_records']] == [
    '1',
    '4',
    None,
    None,
  ]


def test_a_split_of_damaged_records_alone_is_an_error(data, tmp_path):
  (path,) = small_records.write(tmp_path, SPLIT, [()])
  tfrecords.write_shard(path, [b'no clip'])
  with pytest.raises(errors.InputError, match='no record can be read'):
    compute(data, tmp_path, tmp_path, eval_type='rgb')


def unlabelled(number, frames):
  record = tfrecords.deserialize(serialized_clips([number], [frames])[0])
  for key in (schema.LABEL_INDEX, schema.LABEL_STRING):
    del record.context[key]
  return tfrecords.serialize(record)


def test_without_labels_there_are_logits_and_no_accuracy(data, tmp_path):
  (path,) = small_records.write(tmp_path, SPLIT, [()])
  tfrecords.write_shard(path, [unlabelled(0, 10), unlabelled(1, 10)])
  logits = compute(data, tmp_path, tmp_path, imagenet_pretrained=False)
  lines = split_results.report(
    tmp_path, SPLIT, small_records.CLASS_NAMES, logits
  )
  assert lines[0] == 'validation: 2 clips, 0 with a label; 0 damaged'
  assert lines[-1] == '| Two-Stream I3D | not available |'
  with np.load(tmp_path / f'{SPLIT}_logits.npz', allow_pickle=False) as content:
    assert set(content) == {'ids', 'labels', 'rgb_scratch', 'flow_scratch'}
    assert content['rgb_scratch'].shape == (2, 3)
    assert content['labels'].tolist() == [schema.NO_LABEL] * 2
  summary = json.loads((tmp_path / f'{SPLIT}.json').read_text())
  assert summary['accuracy']['scratch']['joint'] is None
  assert not list(tmp_path.glob('*.png'))


@pytest.mark.parametrize(
  ('label', 'said'), [(3, 3), (-5, -5), (2**32 + 1, 2**31 - 1)]
)
def test_a_label_beyond_the_networks_classes_is_refused(
  data, tmp_path, label, said
):
  (path,) = small_records.write(tmp_path, SPLIT, [()])
  record = tfrecords.deserialize(serialized_clips([0], [10])[0])
  record.context[schema.LABEL_INDEX] = [label]
  tfrecords.write_shard(path, [tfrecords.serialize(record)])
  with pytest.raises(
    errors.InputError, match=f'label {said} and the networks 3'
  ):
    compute(data, tmp_path, tmp_path, eval_type='rgb')


def test_the_label_maps_must_agree(data, records_dir, tmp_path, caplog):
  networks = data_directory.networks(data, 'joint')
  names = split_evaluation.class_names(data, networks, records_dir)
  assert names == list(small_records.CLASS_NAMES)
  assert caplog.text == ''
  (tmp_path / 'parameters.json').write_text(
    '{"parameters": {"frames_per_second": 12}}'
  )
  split_evaluation.class_names(data, networks, tmp_path)
  assert 'has 12 frames a second and the networks were trained on 25' in (
    caplog.text
  )
  (tmp_path / 'label_map.txt').write_text('b\na\nc\n')
  with pytest.raises(errors.InputError, match='is not the label map of'):
    split_evaluation.class_names(data, networks, tmp_path)


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--imagenet_pretrained', 'false'], '--noimagenet_pretrained'),
    (['--split=test'], 'has no test shards; preprocess first'),
    (['--data_dir=gone'], 'rgb_imagenet/model.ckpt.index not found'),
  ],
)
def test_a_mistake_is_one_line_and_status_1(
  data, records_dir, tmp_path, flags, message
):
  result = evaluate(data, records_dir, tmp_path, *flags)
  printed.assert_one_line_error(result, message)
