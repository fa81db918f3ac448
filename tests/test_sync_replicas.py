"""Training does what the recipe says, to the number, and survives."""

import contextlib
import dataclasses
import io
import json
import logging
import re
import shutil

import numpy as np
import programs
import pytest
import slim_reference
import small_networks
import small_records
import small_training
import tensorflow as tf

from two_stream import errors, recipe
from two_stream.cluster import cluster_task
from two_stream.networks import checkpoints, classifier, inception_v1, inflation
from two_stream.records import (
  clips,
  record_index,
  schema,
  shard_counts,
  shards,
  tfrecords,
)
from two_stream.training import (
  evaluator,
  reporting,
  saved_checkpoints,
  sync_replicas,
  training_graph,
)

pytestmark = pytest.mark.process  # Whole trainings.

v1 = tf.compat.v1


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  small_records.write(folder, 'validation', ((5, 6, 7),))
  return folder


def summaries(folder):
  """{tag: its last value}."""
  return {
    value.tag: value.simple_value
    for events in sorted(folder.glob('events.out.*'))
    for event in v1.train.summary_iterator(str(events))
    for value in event.summary.value
  }


@contextlib.contextmanager
def logged():
  """Yields a stream of what is logged; `caplog` for fixtures of a module."""
  text = io.StringIO()
  handler = logging.StreamHandler(text)
  logger = logging.getLogger()
  level = logger.level
  logger.addHandler(handler)
  logger.setLevel(logging.INFO)
  try:
    yield text
  finally:
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize(
  'stream', ['rgb', pytest.param('flow', marks=pytest.mark.slow)]
)
def test_a_step_is_momentum_sgd_as_written_in_numpy(
  data, tmp_path, stream, monkeypatch
):
  """Loss, decayed gradient, momentum, moving averages, of the first two steps.

  Each from the trainer's own weights: rounding grows tenthousandfold a step in
  a network of one channel here and there.
  """
  # On a busy machine a step takes longer than a summary.
  monkeypatch.setattr(reporting, '_SUMMARY_SECONDS', 3600)
  decay, momentum = tf.constant(0.01), 0.9
  job = small_training.job(
    data, tmp_path, stream=stream, weight_decay=0.01, dropout_keep_prob=1.0
  )
  job = dataclasses.replace(job, checkpoint_seconds=1e-3)  # After every step.
  assert sync_replicas.run(job, cluster_task.ClusterTask()) == 0
  prefix = f'{recipe.STREAMS[stream].scope}/inception_i3d/'
  mine = small_training.reference_of(stream)
  losses = []
  for step, batch in enumerate(small_training.batches_of(job, 2)):
    path = tmp_path / f'model.ckpt-{step}'
    before, after = (
      small_training.read_all(path),
      small_training.read_all(f'{tmp_path}/model.ckpt-{step + 1}'),
    )
    loss, gradients = mine.gradient(path, batch, decay)
    losses.append(loss)
    expected = {
      path: variable.numpy()
      for path, variable in checkpoints.variables(mine.net).items()
    }
    for path, value in gradients.items():
      velocity = momentum * before[f'{prefix}{path}/Momentum'] + value
      expected[f'{path}/Momentum'] = velocity
      expected[path] -= (0.1, 0.05)[step] * velocity
    assert after['global_step'] == step + 1
    for path, value in expected.items():
      np.testing.assert_allclose(
        after[prefix + path],
        value,
        rtol=0,
        atol=3e-5 * (np.abs(value).max() + 1e-3),
        err_msg=path,
      )
  summary = summaries(tmp_path)
  assert summary['training/loss'] == pytest.approx(np.mean(losses), rel=1e-5)
  assert summary['training/learning_rate'] == pytest.approx(0.05)
  assert summary['training/dropped_gradients'] == 0
  for tag in ('accuracy', 'steps_per_second', 'clips_per_second'):
    assert f'training/{tag}' in summary


WITH_DROPOUT = {'replicas_to_aggregate': 2, 'batch_size': 1}


@pytest.fixture(name='whole', scope='module')
def make_whole(data, tmp_path_factory):
  """Four steps in one run."""
  folder = tmp_path_factory.mktemp('whole')
  sync_replicas.run(
    small_training.job(data, folder, 4, **WITH_DROPOUT), small_training.ALONE
  )
  return folder


@pytest.fixture(name='continued', scope='module')
def make_continued(data, tmp_path_factory):
  """Two runs of two steps.

  After the first a third step is saved in part, and the list of checkpoints is
  lost.

  Returns:
    (the folder, what the second run logged).
  """
  folder = tmp_path_factory.mktemp('continued')
  job = small_training.job(data, folder, 2, **WITH_DROPOUT)
  sync_replicas.run(job, small_training.ALONE)
  for suffix in ('index', 'data-00000-of-00001'):
    shutil.copy(
      f'{job.train_dir}/model.ckpt-2.{suffix}',
      f'{job.train_dir}/model.ckpt-3.{suffix}',
    )
  damaged = folder / 'model.ckpt-3.data-00000-of-00001'
  damaged.write_bytes(damaged.read_bytes()[:-1000])
  (folder / 'checkpoint').unlink()
  with logged() as log:
    sync_replicas.run(
      dataclasses.replace(job, max_steps=4), small_training.ALONE
    )
  return folder, log.getvalue()


def test_a_restarted_run_continues_bit_identically(whole, continued):
  """With dropout, several gradients a step and momentum."""
  expected = small_training.read_all(whole / 'model.ckpt-4')
  found = small_training.read_all(continued[0] / 'model.ckpt-4')
  assert expected.keys() == found.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(value, found[name], err_msg=name)


def test_a_truncated_newest_checkpoint_is_skipped(continued):
  folder, log = continued
  assert f'{folder}/model.ckpt-3 is skipped' in log
  assert f'continuing from {folder}/model.ckpt-2\n' in log


def test_no_whole_checkpoint_is_an_error_and_not_a_new_start(whole, tmp_path):
  train_dir = tmp_path / 'run'
  shutil.copytree(whole, train_dir)
  for path in train_dir.glob('model.ckpt-*.data-*'):
    path.write_bytes(b'')
  with pytest.raises(errors.InputError, match='none of the 2'):
    saved_checkpoints.newest_whole(train_dir)


def test_the_network_alone_is_exported_in_the_released_layout(whole):
  export, last = whole / 'export/model.ckpt', whole / 'model.ckpt-4'
  assert checkpoints.describe(export) == checkpoints.Description(
    num_classes=small_training.CLASSES,
    channels=3,
    depth_multiplier=small_training.WIDTH,
    scope='RGB',
    slots=(),
  )
  assert checkpoints.describe(last).slots == ('Momentum',)
  exported, trained = checkpoints.read(export), checkpoints.read(last)
  assert exported.keys() == trained.keys()
  for name, value in trained.items():
    np.testing.assert_array_equal(value, exported[name])


def test_training_on_other_classes_starts_from_all_but_the_logits(
  data, tmp_path
):
  """A step at a rate of zero leaves the weights as they were given."""
  given = small_networks.write(tmp_path, 'rgb_imagenet', 7)
  job = small_training.job(
    data, tmp_path / 'run', 1, learning_rates=((0, 0.0),)
  )
  job = dataclasses.replace(job, init_checkpoint=str(given))
  assert sync_replicas.run(job, small_training.ALONE) == 0
  before = checkpoints.read(given)
  after = checkpoints.read(tmp_path / 'run/export/model.ckpt')
  assert before.keys() == after.keys()
  for name, value in before.items():
    if name.startswith('Logits/'):
      assert (value.shape[-1], after[name].shape[-1]) == (
        7,
        small_training.CLASSES,
      )
    elif not name.partition('batch_norm/')[2].startswith('moving'):
      np.testing.assert_array_equal(value, after[name], err_msg=name)


@pytest.mark.slow
def test_training_starts_from_an_image_network(data, tmp_path, caplog):
  caplog.set_level('INFO')
  network = inception_v1.InceptionV1(11, depth_multiplier=small_training.WIDTH)
  network(tf.zeros([1, 193, 193, 3]), is_training=False)
  slim_reference.fill(network)
  saver = v1.train.Saver(slim_reference.variables(network))
  source = saver.save(None, str(tmp_path / 'inception_v1.ckpt'))
  job = small_training.job(data, tmp_path / 'run', 1)
  job = dataclasses.replace(job, init_checkpoint=source)
  assert sync_replicas.run(job, small_training.ALONE) == 0
  assert f'inflating {source}; the logits start at random' in caplog.text
  started = checkpoints.read(f'{job.train_dir}/model.ckpt-0')
  trained = checkpoints.read(tmp_path / 'run/export/model.ckpt')
  for name, value in inflation.read(source, 3).items():
    np.testing.assert_array_equal(started[name], value)
    assert np.isfinite(trained[name]).all()
    assert (trained[name] != value).any()


def test_evaluate_sample_takes_what_training_exported(whole, tmp_path):
  """As it is, for a data directory."""
  clip = np.random.default_rng(1).uniform(
    -1, 1, (1, small_training.FRAMES, 224, 224, 3)
  )
  clip = clip.astype(np.float32)
  np.save(tmp_path / 'clip_rgb.npy', clip)
  result = programs.run_script(
    *('evaluate_sample.py', '--eval_type=rgb', '--noimagenet_pretrained'),
    *(f'--data_dir={whole}/export', f'--sample={tmp_path}/clip'),
  )
  assert result.returncode == 0, result.stderr
  logits = classifier.load(whole / 'model.ckpt-4', 'RGB')(clip)[0]
  printed = {
    label: float(logit)
    for line in result.stdout.splitlines()[-small_training.CLASSES :]
    for _, logit, label in [line.split(' ', 2)]
  }
  assert printed == pytest.approx(
    dict(zip(small_records.CLASS_NAMES, logits)), rel=1e-5
  )


def test_the_evaluator_ranks_the_validation_split(data, whole, caplog):
  caplog.set_level('INFO')
  evaluator.follow(small_training.job(data, whole, 4, **WITH_DROPOUT))
  index = record_index.build(shards.find(data, 'validation'))
  classify = classifier.load(whole / 'model.ckpt-4', 'RGB')
  hits, losses = [], []
  for each in clips.test_clips(index, 'rgb').as_numpy_iterator():
    logits = classify(clips.scale(each['clip'][tf.newaxis], 'rgb'))[0]
    hits.append(logits.argmax() == each['label'])
    losses.append(-tf.nn.log_softmax(logits)[each['label']])
  # All are among the best five of three classes.
  assert f'top-1 {np.mean(hits):.4f}, top-5 1.0000' in caplog.text
  shares = summaries(whole / 'eval')
  assert shares['validation/loss'] == pytest.approx(np.mean(losses), rel=1e-5)
  assert shares['validation/top_1'] == pytest.approx(np.mean(hits))
  assert shares['validation/top_5'] == 1


def test_the_evaluator_needs_labels(whole, tmp_path):
  small_records.write(tmp_path, 'validation', ((5,),), label=schema.NO_LABEL)
  with pytest.raises(errors.InputError, match='no clip has a label'):
    evaluator.follow(small_training.job(tmp_path, whole, 4, **WITH_DROPOUT))


@pytest.mark.parametrize('flip', [True, False])
def test_clips_are_flipped_unless_the_run_is_not_to(
  data, tmp_path, monkeypatch, caplog, flip
):
  class Built(Exception):  # noqa: N818
    pass

  def build(parameters, num_classes, make_dataset, task):
    raise Built(make_dataset)

  caplog.set_level('INFO')
  monkeypatch.setattr(training_graph, 'build', build)
  job = small_training.job(data, tmp_path, flip=flip)
  with pytest.raises(Built) as built:
    sync_replicas.run(job, small_training.ALONE)
  (make_dataset,) = built.value.args
  dataset = make_dataset(tf.constant(0, tf.int64)).take(3)
  flipped = [
    batch['label'] != batch['record'] % small_training.CLASSES
    for batch in dataset.as_numpy_iterator()
  ]
  assert np.any(flipped) == flip
  said = "flips swap 'Moving left' and 'Moving right'"
  assert (said if flip else 'no clip is flipped') in caplog.text


def test_the_evaluator_tells_of_clips_that_it_cannot_read(
  data, tmp_path, caplog
):
  (path,) = shards.find(
    shutil.copytree(data, tmp_path / 'records'), 'validation'
  )
  index = record_index.build([path])
  content = bytearray(path.read_bytes())
  content[index.offsets[1] + 500] ^= 255
  path.write_bytes(content)
  labels = [5 % 3, 7 % 3]
  classify = lambda clip: np.eye(3)[[labels.pop(0) for _ in clip]]
  found = evaluator.evaluate(classify, 'rgb', index)
  assert (found['top_1'], found['top_5']) == (1, 1)
  assert f'1 of 3 clips of {path}... cannot be read' in caplog.text


def test_a_loss_that_is_not_finite_ends_the_run_before_it_is_applied(
  data, tmp_path
):
  rates = ((0, 0.1), (1, 1e38))
  job = small_training.job(data, tmp_path, 9, learning_rates=rates)
  with pytest.raises(errors.InputError, match='step [23]: .* not finite'):
    sync_replicas.run(job, small_training.ALONE)
  values = small_training.read_all(tf.train.latest_checkpoint(str(tmp_path)))
  assert all(np.isfinite(value).all() for value in values.values())


def test_a_damaged_record_is_reported_and_too_many_end_the_run(
  data, tmp_path, caplog
):
  records_dir = tmp_path / 'records'
  shutil.copytree(data, records_dir)
  path = shards.find(records_dir, 'train')[0]
  content = bytearray(path.read_bytes())
  for offset in record_index.build([path]).offsets[:2]:
    content[offset + 500] ^= 255
  path.write_bytes(content)
  # In five steps of a clip each, every record has its turn.
  job = small_training.job(records_dir, tmp_path / 'run', 5, batch_size=1)
  with pytest.raises(errors.InputError, match='^2 .*--max_damaged_records'):
    sync_replicas.run(
      dataclasses.replace(job, max_damaged_records=1), small_training.ALONE
    )
  reports = re.findall(
    rf'{path}: the record at byte .*; (\d) so far', caplog.text
  )
  assert reports == ['1', '2']


def test_records_that_are_all_damaged_end_the_run(data, tmp_path):
  records_dir = tmp_path / 'records'
  shutil.copytree(data, records_dir)
  for path in shards.find(records_dir, 'train'):
    tfrecords.write_shard(path, [b'no example'] * 3)
  job = small_training.job(records_dir, tmp_path / 'run')
  with pytest.raises(errors.InputError, match='10 records in a row') as error:
    sync_replicas.run(job, small_training.ALONE)
  assert 'Invalid protocol message input' in str(error.value)
  assert 'preprocess again' in str(error.value)


@pytest.mark.parametrize('task', ['worker', 'evaluator'])
def test_a_shard_that_lost_records_is_refused_before_the_start(
  data, tmp_path, task
):
  records_dir = tmp_path / 'records'
  shutil.copytree(data, records_dir)
  counts = {'train': (5, 2), 'validation': (3, 1)}
  parameters = {
    split: {'videos': videos, 'shards': count, 'sha256': ''}
    for split, (videos, count) in counts.items()
  }
  version = {shard_counts.VERSION_KEY: shard_counts.SCHEMA_VERSION}
  (records_dir / 'parameters.json').write_text(
    json.dumps({**version, **parameters})
  )
  job = small_training.job(records_dir, tmp_path / 'run')
  split = 'validation' if task == 'evaluator' else 'train'
  path = shards.find(records_dir, split)[0]
  offset = record_index.build([path]).offsets[2]
  path.write_bytes(path.read_bytes()[:offset])
  with pytest.raises(
    errors.InputError, match='2 records instead of 3'
  ) as error:
    sync_replicas.run(job, cluster_task.ClusterTask(job_name=task))
  assert str(error.value).startswith(f'{path}: ')
  assert not (tmp_path / 'run').exists()


def test_a_training_folder_that_cannot_be_is_one_line(data):
  job = small_training.job(data, data / 'label_map.txt' / 'run')
  with pytest.raises(errors.InputError, match='^--train_dir: .*label_map.txt'):
    sync_replicas.run(job, small_training.ALONE)
