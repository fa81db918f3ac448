"""Files that are replaced while a split is evaluated: never a wrong part."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import reference
import small_networks
import small_records
import tensorflow as tf

from two_stream import errors, identity, recipe
from two_stream.evaluation import data_directory, logit_parts, split_evaluation
from two_stream.networks import checkpoints, classifier
from two_stream.records import clips, record_index, shards, tfrecords

ROOT = pathlib.Path(__file__).parent.parent
SPLIT = 'validation'
# In the order in which they are evaluated.
STREAMS = ('rgb', 'flow')
# The numbers of the clips in each shard.
CLIPS = ((0, 1), (2, 3))
REVERSED = (3, 2)  # As many bytes as the second shard.
OTHERS = (4, 5, 6)
NUM_CLIPS = 7


@pytest.fixture(autouse=True)
def compile_once(monkeypatch):
  monkeypatch.setattr(classifier, 'load', small_networks.load_compiled)


@pytest.fixture(name='serialized', scope='module')
def serialize_clips():
  return [small_records.serialized_clip(n, n % 3) for n in range(NUM_CLIPS)]


@pytest.fixture(name='original', scope='module')
def make_original(tmp_path_factory, serialized):
  """A data directory with two checkpoints of each stream, and records in it."""
  folder = tmp_path_factory.mktemp('original')
  for stream in STREAMS:
    small_networks.write(folder, f'{stream}_scratch', 3)
    small_networks.write(folder, f'{stream}_other', 3)
  names = '\n'.join(small_records.CLASS_NAMES)
  (folder / 'label_map.txt').write_text(f'{names}\n')
  paths = small_records.write(folder / 'records', SPLIT, ((),) * len(CLIPS))
  for path, numbers in zip(paths, CLIPS):
    tfrecords.write_shard(path, [serialized[n] for n in numbers])
  return folder


@pytest.fixture(name='right', scope='module')
def classify_all(original, serialized):
  """(stream, name of its checkpoint) -> logits of each clip, by its number."""
  (path,) = small_records.write(original / 'all', 'test', ((),))
  tfrecords.write_shard(path, serialized)
  index = record_index.build([path])
  return {
    (stream, name): np.concatenate(
      [
        classify(clips.scale(element['clip'][np.newaxis], stream))
        for element in clips.test_clips(index, stream).as_numpy_iterator()
      ]
    )
    for stream in STREAMS
    for name in ('scratch', 'other')
    for classify in [
      small_networks.load_compiled(
        original / f'checkpoints/{stream}_{name}/model.ckpt',
        recipe.STREAMS[stream].scope,
      )
    ]
  }


class Folder:
  """A copy of the data directory, whose files can be replaced."""

  def __init__(self, path, serialized):
    self.path = path
    self.shards = shards.find(path / 'records', SPLIT)
    self._serialized = serialized

  def write_shard(self, which, numbers):
    """Replaces a shard by one of these clips."""
    tfrecords.write_shard(
      self.shards[which], [self._serialized[n] for n in numbers]
    )

  def write_checkpoint(self, stream, name='other'):
    """Replaces a checkpoint by the one of this name."""
    for suffix in ('.data-00000-of-00001', '.index'):
      source = self.path / f'checkpoints/{stream}_{name}/model.ckpt{suffix}'
      target = self.path / f'checkpoints/{stream}_scratch/model.ckpt{suffix}'
      shutil.copy(source, f'{target}.tmp')
      pathlib.Path(f'{target}.tmp').replace(target)

  def compute(self, output, eval_type='rgb'):
    """Evaluates."""
    networks = data_directory.networks(self.path, eval_type, False)
    return split_evaluation.compute(
      networks,
      small_records.CLASS_NAMES,
      self.path / 'records',
      SPLIT,
      output,
    )


@pytest.fixture(name='folder')
def copy_original(original, serialized, tmp_path):
  shutil.copytree(original, tmp_path / 'data')
  return Folder(tmp_path / 'data', serialized)


def expect(logits, right, numbers, **checkpoints):
  """Compares logits with those of some clips by some checkpoints."""
  assert logits.ids.tolist() == [str(n) for n in numbers]
  assert logits.labels.tolist() == [n % 3 for n in numbers]
  for network, found in logits.networks.items():
    name = checkpoints.get(network.stream, 'scratch')
    expected = right[network.stream, name][list(numbers)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture(name='around')
def call_around(monkeypatch):
  """Makes a function of a module call others before and after, once.

  Args: module, name, before, after, and whether arguments are those meant.
  """

  def patch(module, name, before=None, after=None, when=lambda *_: True):
    original, done = getattr(module, name), []

    def patched(*arguments):
      disturbed = not done and when(*arguments)
      if disturbed:
        done.append(True)
        if before:
          before()
      result = original(*arguments)
      if disturbed and after:
        after()
      return result

    monkeypatch.setattr(module, name, patched)

  return patch


def reads(shard, stream='rgb'):
  """Whether `split_evaluation._Run._classify` is called for a shard."""

  def when(run, classify, index):
    del classify
    return run._network.stream == stream and str(shard) in index.paths

  return when


def refused(folder, output, path, eval_type='rgb'):
  with pytest.raises(errors.InputError, match='run again') as error:
    folder.compute(output, eval_type)
  assert str(error.value).startswith(str(path))


CLASSIFY = (split_evaluation._Run, '_classify')


@pytest.mark.parametrize(
  ('moment', 'numbers', 'stream', 'eval_type'),
  [
    ('before', REVERSED, 'rgb', 'rgb'),
    ('before', OTHERS, 'flow', 'joint'),
    ('after', REVERSED, 'flow', 'joint'),
    ('after', OTHERS, 'rgb', 'rgb'),
  ],
)
def test_a_shard_replaced_while_it_is_classified(
  folder, right, around, tmp_path, moment, numbers, stream, eval_type
):
  """Before its records are read, with the old index, or after.

  For the second network, it was the same while the first was evaluated.
  """
  path = folder.shards[1]
  around(
    *CLASSIFY,
    when=reads(path, stream),
    **{moment: lambda: folder.write_shard(1, numbers)},
  )
  refused(folder, tmp_path / 'parts', path, eval_type)
  logits = folder.compute(tmp_path / 'parts', eval_type)
  expect(logits, right, (*CLIPS[0], *numbers))


def test_a_shard_replaced_and_put_back_while_it_is_classified(
  folder, right, around, tmp_path
):
  path = folder.shards[1]
  around(
    *CLASSIFY,
    before=lambda: folder.write_shard(1, REVERSED),
    after=lambda: folder.write_shard(1, CLIPS[1]),
    when=reads(path),
  )
  refused(folder, tmp_path / 'parts', path)
  expect(folder.compute(tmp_path / 'parts'), right, (*CLIPS[0], *CLIPS[1]))


@pytest.mark.parametrize('numbers', [REVERSED, OTHERS])
def test_a_shard_replaced_before_its_turn(
  folder, right, around, tmp_path, numbers
):
  """Its records are not where the index has them."""
  around(
    *CLASSIFY,
    before=lambda: folder.write_shard(1, numbers),
    when=reads(folder.shards[0]),
  )
  refused(folder, tmp_path / 'parts', folder.shards[1])
  logits = folder.compute(tmp_path / 'parts')
  expect(logits, right, (*CLIPS[0], *numbers))


def test_a_shard_replaced_between_runs_with_size_and_time_kept(
  folder, right, tmp_path
):
  expect(folder.compute(tmp_path / 'parts'), right, (*CLIPS[0], *CLIPS[1]))
  before = folder.shards[1].stat()
  folder.write_shard(1, REVERSED)
  os.utime(folder.shards[1], ns=(before.st_atime_ns, before.st_mtime_ns))
  after = folder.shards[1].stat()
  assert (after.st_size, after.st_mtime_ns) == (
    before.st_size,
    before.st_mtime_ns,
  )
  expect(folder.compute(tmp_path / 'parts'), right, (*CLIPS[0], *REVERSED))


def test_a_checkpoint_of_several_files_is_evaluated(folder, right, tmp_path):
  """As a sharded tf.compat.v1.train.Saver writes it; all of its files count."""
  path = folder.path / 'checkpoints' / 'rgb_scratch' / 'model.ckpt'
  values = checkpoints.read(path)
  names = sorted(values)
  parts = [tmp_path / 'part0', tmp_path / 'part1']
  for part, chosen in zip(parts, (names[::2], names[1::2])):
    reference.write_checkpoint(
      part, {f'RGB/inception_i3d/{name}': values[name] for name in chosen}
    )
  for file in path.parent.iterdir():
    file.unlink()
  tf.raw_ops.MergeV2Checkpoints(
    checkpoint_prefixes=[str(part) for part in parts],
    destination_prefix=str(path),
  )
  expect(folder.compute(tmp_path / 'out'), right, range(4))
  last = path.with_name('model.ckpt.data-00001-of-00002')
  last.write_bytes(last.read_bytes()[:-1] + b'?')
  with pytest.raises(errors.InputError, match='wrong checksum'):
    folder.compute(tmp_path / 'out')


@pytest.mark.parametrize('moment', ['before', 'after'])
def test_a_checkpoint_replaced_around_its_loading(
  folder, right, around, tmp_path, moment
):
  around(classifier, 'load', **{moment: lambda: folder.write_checkpoint('rgb')})
  refused(
    folder,
    tmp_path / 'parts',
    folder.path / 'checkpoints/rgb_scratch/model.ckpt',
  )
  expect(
    folder.compute(tmp_path / 'parts'),
    right,
    (*CLIPS[0], *CLIPS[1]),
    rgb='other',
  )


def test_a_checkpoint_replaced_while_another_network_is_evaluated(
  folder, right, around, tmp_path
):
  """The new one is evaluated, and its parts are told from the old one's."""
  numbers = (*CLIPS[0], *CLIPS[1])
  around(
    *CLASSIFY,
    before=lambda: folder.write_checkpoint('flow'),
    when=reads(folder.shards[0]),
  )
  for _ in range(2):
    logits = folder.compute(tmp_path / 'parts', 'joint')
    expect(logits, right, numbers, flow='other')
  shutil.copytree(
    folder.path / 'checkpoints/rgb_scratch',
    folder.path / 'checkpoints/flow_scratch',
    dirs_exist_ok=True,
  )
  with pytest.raises(errors.InputError, match='is a RGB checkpoint'):
    folder.compute(tmp_path / 'parts', 'joint')


def test_a_checkpoint_of_other_classes_is_refused_whenever_it_comes(
  folder, around, tmp_path
):
  """The label map was compared with the one before it."""
  small_networks.write(folder.path, 'flow_other', 4)
  around(
    *CLASSIFY,
    before=lambda: folder.write_checkpoint('flow'),
    when=reads(folder.shards[0]),
  )
  refused(
    folder,
    tmp_path / 'parts',
    folder.path / 'checkpoints/flow_scratch/model.ckpt',
    'joint',
  )


def test_a_checkpoint_replaced_and_put_back_while_it_is_loaded(
  folder, right, around, tmp_path
):
  shutil.copytree(
    folder.path / 'checkpoints/rgb_scratch', folder.path / 'checkpoints/rgb_old'
  )
  around(
    classifier,
    'load',
    before=lambda: folder.write_checkpoint('rgb'),
    after=lambda: folder.write_checkpoint('rgb', 'old'),
  )
  refused(
    folder,
    tmp_path / 'parts',
    folder.path / 'checkpoints/rgb_scratch/model.ckpt',
  )
  expect(folder.compute(tmp_path / 'parts'), right, (*CLIPS[0], *CLIPS[1]))


def test_a_checkpoint_replaced_once_it_is_loaded_changes_nothing(
  folder, right, around, tmp_path
):
  """Its parts are the old one's, and are not used for the new one."""
  around(
    *CLASSIFY,
    before=lambda: folder.write_checkpoint('rgb'),
    when=reads(folder.shards[0]),
  )
  numbers = (*CLIPS[0], *CLIPS[1])
  expect(folder.compute(tmp_path / 'parts'), right, numbers)
  expect(folder.compute(tmp_path / 'parts'), right, numbers, rgb='other')


def test_the_name_of_a_damaged_record_is_that_of_the_shard_evaluated(
  folder, around, tmp_path
):
  """The shard is replaced once all its parts are there."""
  path = folder.shards[0]
  content = bytearray(path.read_bytes())
  content[5000] ^= 255  # In an image of clip 0.
  path.write_bytes(content)
  around(
    logit_parts.Parts,
    'write',
    after=lambda: folder.write_shard(0, OTHERS),
    when=lambda parts, shard, *_: shard == str(folder.shards[1]),
  )
  refused(folder, tmp_path / 'parts', path)


def version_of(folder):
  """Digest -> (stream, checkpoint's name) or a shard's numbers of clips."""
  found = {}
  for stream in STREAMS:
    for name in ('first', 'other'):
      prefix = folder.path / f'checkpoints/{stream}_{name}/model.ckpt'
      ends = ('.index', '.data-00000-of-00001')
      digest = identity.digest(*(f'{prefix}{end}' for end in ends))
      found[digest] = stream, name
  for numbers in (*CLIPS, REVERSED, OTHERS):
    folder.write_shard(1, numbers)
    found[identity.digest(folder.shards[1])] = numbers
  return found


def check_parts(output, versions, right):
  """Every part holds what its checkpoint and shard give."""
  paths = sorted(output.glob('parts/*/*.npz'))
  for path in paths:
    with np.load(path, allow_pickle=False) as part:
      checkpoint, shard = map(versions.get, str(part['made_from']).split())
      assert part['ids'].tolist() == [str(n) for n in shard], path
      np.testing.assert_allclose(
        part['logits'], right[checkpoint][list(shard)], atol=1e-5
      )
  return len(paths)


def check_results(output, right):
  """All clips were classified by one checkpoint of each stream."""
  with np.load(output / f'{SPLIT}_logits.npz', allow_pickle=False) as results:
    numbers = [int(each) for each in results['ids']]
    assert tuple(numbers[:2]) == CLIPS[0]
    assert tuple(numbers[2:]) in (CLIPS[1], REVERSED, OTHERS)
    for stream in STREAMS:
      assert any(
        np.allclose(
          results[f'{stream}_scratch'], right[stream, name][numbers], atol=1e-5
        )
        for name in ('first', 'other')
      )


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize('seed', range(2))
def test_files_replaced_at_ten_random_moments_leave_no_wrong_part(
  folder, right, tmp_path, seed
):
  for stream in STREAMS:
    shutil.copytree(
      folder.path / f'checkpoints/{stream}_scratch',
      folder.path / f'checkpoints/{stream}_first',
    )
    right[stream, 'first'] = right[stream, 'scratch']
  versions = version_of(folder)
  output, chance = tmp_path / 'output', random.Random(seed)
  now = {'rgb': 'first', 'flow': 'first', 'shard': OTHERS}

  def replace():
    what = chance.choice(['shard', *STREAMS])
    if what == 'shard':
      now[what] = chance.choice((CLIPS[1], REVERSED, OTHERS))
      folder.write_shard(1, now[what])
    else:
      now[what] = chance.choice(('first', 'other'))
      folder.write_checkpoint(what, now[what])

  statuses, num_replaced = [], 0
  for _ in range(10):
    (output / f'{SPLIT}_logits.npz').unlink(missing_ok=True)
    process = subprocess.Popen(
      [
        *(sys.executable, ROOT / 'evaluate_split.py'),
        *('--noimagenet_pretrained', f'--output_dir={output}'),
        *(f'--data_dir={folder.path}', f'--records_dir={folder.path}/records'),
      ],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
    )
    while process.poll() is None:
      time.sleep(chance.uniform(0, 5))
      replace()
      num_replaced += 1
    stderr = process.stderr.read()
    statuses.append(process.returncode)
    if process.returncode == 0:
      check_results(output, right)
    else:
      error = stderr.splitlines()[-1]
      assert error.startswith(f'error: {folder.path}'), stderr
    check_parts(output, versions, right)
  assert set(statuses) == {0, 1} and num_replaced >= 10
  logits = folder.compute(output / 'parts', 'joint')
  names = {stream: now[stream] for stream in STREAMS}
  expect(logits, right, (*CLIPS[0], *now['shard']), **names)
  assert check_parts(output, versions, right) == len(STREAMS) * len(CLIPS)
