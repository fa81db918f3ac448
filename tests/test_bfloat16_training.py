"""--precision=bfloat16 rounds what it says and trains in float32."""

import dataclasses
import shutil

import numpy as np
import pytest
import small_networks
import small_records
import small_training
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.cluster import cluster_task
from two_stream.networks import checkpoints
from two_stream.records import clips
from two_stream.training import all_reduce, objective, sync_replicas

pytestmark = pytest.mark.process  # Whole trainings.

PREFIX = 'RGB/inception_i3d/'
DECAY = 0.01
# Its graph is optimized, which changes where TensorFlow rounds.
TASK = cluster_task.ClusterTask()


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


def make_job(data, train_dir, max_steps=1, **hyperparameters):
  """A job that saves after every step."""
  values = {
    'precision': 'bfloat16',
    'weight_decay': DECAY,
    'dropout_keep_prob': 1.0,
    'seed': 3,
    **hyperparameters,
  }
  job = small_training.job(data, train_dir, max_steps, **values)
  return dataclasses.replace(job, checkpoint_seconds=1e-3)


@pytest.fixture(name='trained', scope='module')
def train(data, tmp_path_factory):
  """One step."""
  folder = tmp_path_factory.mktemp('trained')
  assert sync_replicas.run(make_job(data, folder, 1), TASK) == 0
  return folder


def network(job):
  """The network of a job, with variables."""
  net = objective.make_network(
    job.hyperparameters, small_training.CLASSES, lambda: 0
  )
  return net, checkpoints.variables(net, channels=3)


def first_step(job, trained):
  """Computes the first step's gradient with `tf.GradientTape`.

  Returns:
    {path: gradient}, {path: value of the variable afterwards}, {endpoint: its
    type}.
  """
  net, variables = network(job)
  checkpoints.restore(net, trained / 'model.ckpt-0')
  trainable = {path: v for path, v in variables.items() if v.trainable}
  (batch,) = small_training.batches_of(job, 1)

  @tf.function(autograph=False)
  def compute(clip, labels):
    with tf.GradientTape() as tape:
      logits, endpoints = net(clips.scale(clip, 'rgb'), is_training=True)
      loss = objective.loss(logits, labels, net, DECAY)
    return tape.gradient(loss, trainable), endpoints

  gradients, endpoints = compute(batch['clip'], batch['label'])
  return (
    {path: value.numpy() for path, value in gradients.items()},
    {path: variable.numpy() for path, variable in variables.items()},
    {name: endpoint.dtype for name, endpoint in endpoints.items()},
  )


def cosine(trained, gradients):
  """The cosine between the gradient that was applied and this one.

  Args:
    trained: the folder of checkpoints.
    gradients: {path: gradient}.
  """
  applied = small_training.read_all(trained / 'model.ckpt-1')
  expected, found = (
    np.concatenate([values[path].ravel() for path in gradients])
    for values in (
      {path: applied[f'{PREFIX}{path}/Momentum'] for path in gradients},
      gradients,
    )
  )
  norms = np.linalg.norm(expected) * np.linalg.norm(found)
  return np.vdot(expected, found) / norms


def test_the_first_weights_are_those_of_float32(data, trained):
  _, variables = network(make_job(data, trained, precision='float32'))
  first = small_training.read_all(trained / 'model.ckpt-0')
  assert variables
  for path, variable in variables.items():
    np.testing.assert_array_equal(
      first[PREFIX + path], variable.numpy(), err_msg=path
    )
  # Everything is float32, but for the numbers of steps and dropped gradients.
  assert {value.dtype.name for value in first.values()} <= {'float32', 'int64'}
  slots = {name for name in first if name.endswith('/Momentum')}
  assert len(first) == len(variables) + len(slots) + 2


def test_a_tape_computes_the_step_of_the_graph(data, trained):
  """Gradients, and moving averages; all activations are bfloat16."""
  gradients, values, types = first_step(make_job(data, trained), trained)
  assert types.pop('Logits') == tf.float32
  assert len(types) == len(i3d.LAYERS)
  assert set(types.values()) == {tf.bfloat16}
  assert {value.dtype.name for value in gradients.values()} == {'float32'}
  assert cosine(trained, gradients) > 0.999
  after = small_training.read_all(trained / 'model.ckpt-1')
  for path, value in values.items():
    if 'moving' in path:
      np.testing.assert_allclose(
        after[PREFIX + path], value, rtol=1e-3, atol=1e-3, err_msg=path
      )


class RoundingUnit(i3d.Unit3D):
  """Rounds to bfloat16 and computes in float32, on kernels of float32."""

  def __call__(self, inputs, is_training):
    """As the unit that it is derived from."""
    if self.batch_norm is None:  # The logits.
      return super().__call__(inputs, is_training)
    super().__call__(inputs, is_training=False)  # Makes the variables.
    net = tf.nn.convolution(
      rounded(inputs), rounded(self.conv.w), self.conv.stride, 'SAME'
    )
    net = self.batch_norm(rounded(net), is_training)
    return tf.nn.relu(rounded(net))


@tf.custom_gradient
def rounded(value):
  def to_bfloat16(value):
    return tf.cast(tf.cast(value, tf.bfloat16), tf.float32)

  return to_bfloat16(value), to_bfloat16


@pytest.mark.slow
def test_the_gradient_is_that_of_float32_with_rounded_values(
  data, trained, monkeypatch
):
  """The kernels of bfloat16 do nothing else than those of float32."""
  job = make_job(data, trained, precision='float32')
  plain, _, _ = first_step(job, trained)
  monkeypatch.setattr(i3d, 'Unit3D', RoundingUnit)
  emulated, _, _ = first_step(job, trained)
  assert cosine(trained, emulated) > 0.98
  # Rounding itself changes a gradient more than that, in so narrow a network.
  assert 0.5 < cosine(trained, plain) < 0.95


def test_precision_may_not_change_between_runs(data, trained):
  job = make_job(data, trained, 3, precision='float32')
  with pytest.raises(
    errors.InputError, match="--precision was 'bfloat16' and is 'float32' now"
  ):
    sync_replicas.run(job, TASK)


@pytest.mark.slow
@pytest.mark.parametrize(
  ('engine', 'train_only'),
  [
    (sync_replicas, ()),
    (sync_replicas, ('Mixed_5c', 'Logits')),
    (all_reduce, ()),
  ],
)
def test_a_training_goes_on(data, trained, tmp_path, engine, train_only):
  """Also above frozen units, from a network that was trained in float32."""
  if train_only:
    given = small_networks.write(tmp_path, 'rgb_imagenet', 3)
    job = make_job(data, tmp_path / 'run', train_only=train_only)
    job = dataclasses.replace(job, init_checkpoint=str(given))
    assert sync_replicas.run(job, TASK) == 0
  else:
    job = make_job(data, shutil.copytree(trained, tmp_path / 'run'))
  job = dataclasses.replace(job, max_steps=2)
  assert engine.run(job, TASK) == 0
  first, second = (
    small_training.read_all(tmp_path / f'run/model.ckpt-{step}')
    for step in (1, 2)
  )
  assert first.keys() == second.keys()
  for name, value in second.items():
    if name.endswith('/w'):
      is_trained = not train_only or name.split('/')[2] in train_only
      assert (value != first[name]).any() == is_trained, name


def test_there_is_no_other_precision(data, trained):
  with pytest.raises(KeyError, match='float16'):
    network(make_job(data, trained, precision='float16'))
