"""--train_only changes the named units, by the rule, and nothing else."""

import dataclasses

import numpy as np
import pytest
import small_networks
import small_records
import small_training

from two_stream import errors
from two_stream.networks import checkpoints, classifier
from two_stream.records import clips
from two_stream.training import initial_weights, sync_replicas

pytestmark = pytest.mark.process  # Whole trainings.

DECAY, MOMENTUM, RATES = 0.01, 0.9, (0.1, 0.05)
PREFIX = 'RGB/inception_i3d/'
LOGITS = f'{PREFIX}Logits/Conv3d_0c_1x1/conv_3d/'


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


@pytest.fixture(name='given', scope='module')
def make_given(tmp_path_factory):
  """A network of seven classes to start from, where the records have three."""
  return small_networks.write(
    tmp_path_factory.mktemp('given'), 'rgb_imagenet', 7
  )


def make_job(data, train_dir, given, max_steps=2, **hyperparameters):
  """A job that trains the logits alone, and saves after every step."""
  values = {
    'train_only': ('Logits',),
    'weight_decay': DECAY,
    'dropout_keep_prob': 1.0,
    **hyperparameters,
  }
  job = small_training.job(data, train_dir, max_steps, **values)
  return dataclasses.replace(
    job, init_checkpoint=str(given), checkpoint_seconds=1e-3
  )


@pytest.fixture(name='trained', scope='module')
def train_logits(data, given, tmp_path_factory):
  """Two steps, in two runs."""
  folder = tmp_path_factory.mktemp('trained')
  for max_steps in (1, 2):
    job = make_job(data, folder, given, max_steps)
    assert sync_replicas.run(job, small_training.ALONE) == 0
  return folder


def softmax_regression(features, labels, w, b):
  """The gradients of logits averaged over time, and their loss, in NumPy.

  Args:
    features: [B, time, C].
    labels: [B].
    w: [C, classes].
    b: [classes].

  Returns:
    The gradients of w and b.
  """
  means = features.mean(1)  # The mean of the logits is linear in them.
  odds = np.exp(means @ w + b)
  slope = odds / odds.sum(1, keepdims=True) - np.eye(len(b))[labels]
  return means.T @ slope / len(labels) + DECAY * w, slope.mean(0)


def pooled_features(given, clip):
  """What the last layer sees, [B, time, C], from the classifier."""
  classify = classifier.load(given, 'RGB')
  net = classify.endpoints(clips.scale(clip, 'rgb').numpy(), ['Mixed_5c'])
  net = net['Mixed_5c'].astype(float).mean((2, 3))
  return (net[:, 1:] + net[:, :-1]) / 2


def test_the_logits_are_those_of_softmax_regression(data, given, trained):
  batches = small_training.batches_of(make_job(data, trained, given), 2)
  for step, batch in enumerate(batches):
    before, after = (
      small_training.read_all(trained / f'model.ckpt-{step + i}')
      for i in (0, 1)
    )
    gradients = softmax_regression(
      pooled_features(given, batch['clip']),
      batch['label'].numpy(),
      before[f'{LOGITS}w'][0, 0, 0].astype(float),
      before[f'{LOGITS}b'].astype(float),
    )
    for leaf, gradient in zip('wb', gradients):
      name = LOGITS + leaf
      velocity = MOMENTUM * before[f'{name}/Momentum'] + gradient.reshape(
        before[name].shape
      )
      assert np.abs(velocity).max() > 1e-3
      np.testing.assert_allclose(
        after[f'{name}/Momentum'], velocity, rtol=1e-3, atol=1e-5
      )
      np.testing.assert_allclose(
        after[name], before[name] - RATES[step] * velocity, rtol=0, atol=1e-5
      )


def test_all_else_is_as_it_was_given_to_the_last_bit(given, trained):
  """Moving averages too."""
  before = checkpoints.read(given)
  after = checkpoints.read(trained / 'model.ckpt-2')
  assert before.keys() == after.keys()
  for name, value in before.items():
    if not name.startswith('Logits/'):
      np.testing.assert_array_equal(after[name], value, err_msg=name)


def test_only_what_is_trained_has_momentum(trained):
  slots = {
    name
    for name in small_training.read_all(trained / 'model.ckpt-2')
    if name.endswith('/Momentum')
  }
  assert slots == {f'{LOGITS}w/Momentum', f'{LOGITS}b/Momentum'}


@pytest.mark.slow
def test_a_restarted_run_continues_bit_identically(data, given, trained):
  """What was trained in two runs is what one run trains."""
  job = make_job(data, trained / 'at_once', given)
  assert sync_replicas.run(job, small_training.ALONE) == 0
  expected = small_training.read_all(trained / 'model.ckpt-2')
  found = small_training.read_all(trained / 'at_once/model.ckpt-2')
  assert expected.keys() == found.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(value, found[name], err_msg=name)


def test_it_does_not_go_on_as_a_training_of_all(data, given, trained):
  """Neither by its job.json nor, if that is lost, by its checkpoint."""
  job = make_job(data, trained, given, 3, train_only=())
  with pytest.raises(errors.InputError, match="--train_only was 'Logits' and"):
    sync_replicas.run(job, small_training.ALONE)
  checkpoint = str(trained / 'model.ckpt-2')
  message = refuse_to_continue(job, checkpoint)
  assert f'{checkpoint}: has no momentum of RGB/inception_i3d' in message
  assert f'--init_checkpoint={checkpoint}' in message


def refuse_to_continue(job, checkpoint):
  """Returns what is said of a checkpoint whose job.json is lost."""
  replica = sync_replicas.build_replica(
    job,
    small_training.ALONE,
    small_records.CLASS_NAMES,
    sync_replicas.record_index.of_split(job.records_dir, 'train', ['rgb']),
  )
  with pytest.raises(errors.InputError) as error:
    initial_weights.choose(job, replica.network, {}, checkpoint)
  return str(error.value)


@pytest.mark.slow
def test_a_training_of_the_last_block_starts_from_its_export(
  data, trained, tmp_path
):
  """Its BatchNorm learns; that of the units below does not."""
  export = trained / 'export/model.ckpt'
  job = make_job(data, tmp_path, export, 1, train_only=('Mixed_5c', 'Logits'))
  assert sync_replicas.run(job, small_training.ALONE) == 0
  before = checkpoints.read(export)
  started, after = (
    checkpoints.read(tmp_path / f'model.ckpt-{step}') for step in (0, 1)
  )
  for name, value in before.items():
    np.testing.assert_array_equal(started[name], value, err_msg=name)
    is_trained = name.startswith(('Mixed_5c/', 'Logits/'))
    assert (after[name] != value).any() == is_trained, name
  # It does not go on as a training of fewer units either.
  narrower = make_job(data, tmp_path, export, 2)
  checkpoint = str(tmp_path / 'model.ckpt-1')
  message = refuse_to_continue(narrower, checkpoint)
  assert f'{checkpoint}: has momentum of RGB/inception_i3d/Mixed_5c/' in message
  assert f'--init_checkpoint={checkpoint}' in message
