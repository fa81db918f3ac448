"""Training does what the recipe says, to the number, and survives."""

import collections
import concurrent.futures
import contextlib
import functools
import io
import logging
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import small_records
import tensorflow as tf

import i3d
from two_stream import (
  checkpoints,
  clips,
  cluster,
  errors,
  evaluator,
  hooks,
  inference,
  recipe,
  record_index,
  shards,
  start,
  sync_training,
  training_graph,
)

v1 = tf.compat.v1

ROOT = pathlib.Path(__file__).parent.parent
FRAMES = 9
CLASSES = len(small_records.CLASS_NAMES)
WIDTH = 1 / 16
BATCH_NORM_DECAY = 0.9


class Unoptimized(cluster.Cluster):
  """Whose sessions take graphs as they are, and start in half the time."""

  def session_config(self):  # noqa: D102
    config = super().session_config()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


ALONE = Unoptimized()


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  small_records.write(folder, 'validation', ((5, 6, 7),))
  return folder


def small_job(data, train_dir, max_steps=2, stream='rgb', **hyperparameters):
  values = {
    'learning_rates': ((0, 0.1), (1, 0.05)),
    'replicas_to_aggregate': 1,
    'batch_size': 2,
    'num_frames': FRAMES,
    'depth_multiplier': WIDTH,
    'batch_norm_decay': BATCH_NORM_DECAY,
    **hyperparameters,
  }
  return sync_training.Job(
    training_graph.Hyperparameters(stream, **values),
    str(data),
    str(train_dir),
    max_steps,
  )


def read_all(path):
  """Every tensor of a checkpoint, by name."""
  reader = tf.train.load_checkpoint(str(path))
  return {
    name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
  }


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


def batches_of(job, count, turn=None):
  """What a replica reads, without its graph."""
  hyperparameters = job.hyperparameters
  reading = clips.Reading(
    record_index.build(shards.find(job.records_dir, 'train')),
    hyperparameters.stream,
    FRAMES,
    clips.flipped_labels(small_records.CLASS_NAMES),
    hyperparameters.seed,
  )
  dataset = clips.training_clips(
    reading,
    hyperparameters.batch_size,
    turn or clips.Turn(),
    tf.constant(0, tf.int64),
  )
  return list(dataset.take(count))


class Reference:
  """The network, and what training should compute, written in TensorFlow 2.

  Attributes:
    net: the `i3d.InceptionI3d`, whose moving averages move with each gradient.
  """

  def __init__(self, stream):
    self.net = i3d.InceptionI3d(
      CLASSES,
      depth_multiplier=WIDTH,
      unit=functools.partial(i3d.Unit3D, batch_norm_decay=BATCH_NORM_DECAY),
    )
    self._stream = stream

  def gradient(self, path, batch, weight_decay):
    """(loss, gradients by path in the network) from a checkpoint's weights."""
    checkpoints.restore(self.net, path)
    loss, gradients = self._compute(batch['clip'], batch['label'], weight_decay)
    return float(loss), {
      path: value.numpy() for path, value in gradients.items()
    }

  # A function, as eager max_pool3d has another gradient: it goes in full to
  # every tied maximum, and in oneDNN's kernels, which graphs use, to one.
  @tf.function
  def _compute(self, clip, label, weight_decay):
    trainable = {
      path: variable
      for path, variable in checkpoints.variables(self.net).items()
      if variable.trainable
    }
    with tf.GradientTape() as tape:
      logits, _ = self.net(clips.scale(clip, self._stream), is_training=True)
      loss = tf.reduce_mean(
        -tf.gather(tf.nn.log_softmax(logits), label, batch_dims=1)
      )
      for path, variable in trainable.items():
        if path.endswith('/w'):
          loss += weight_decay * tf.reduce_sum(variable**2) / 2
    return loss, tape.gradient(loss, trainable)


reference_of = functools.cache(Reference)


@pytest.mark.parametrize('stream', recipe.STREAMS)
def test_a_step_is_momentum_sgd_as_written_in_numpy(data, tmp_path, stream):
  """Loss, decayed gradient, momentum, moving averages, of the first two steps.

  Each from the trainer's own weights: rounding grows tenthousandfold a step in
  a network of one channel here and there.
  """
  decay, momentum = tf.constant(0.01), 0.9
  job = small_job(
    data, tmp_path, stream=stream, weight_decay=0.01, dropout_keep_prob=1.0
  )
  job = job._replace(checkpoint_seconds=1e-3)  # After every step.
  assert sync_training.run(job, cluster.Cluster()) == 0
  prefix = f'{recipe.STREAMS[stream].scope}/inception_i3d/'
  mine = reference_of(stream)
  losses = []
  for step, batch in enumerate(batches_of(job, 2)):
    path = tmp_path / f'model.ckpt-{step}'
    before, after = (
      read_all(path),
      read_all(f'{tmp_path}/model.ckpt-{step + 1}'),
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


# stream -> (step, rate) on both sides of every boundary. In the README's words:
# RGB 1e-1 to 97k, 1e-2 to 108k, 1e-3 to 115k, and so on.
BOUNDARIES = {
  'rgb': [
    (0, 1e-1),
    (96_999, 1e-1),
    (97_000, 1e-2),
    (107_999, 1e-2),
    (108_000, 1e-3),
    (114_999, 1e-3),
  ],
  'flow': [
    (0, 1e-1),
    (96_999, 1e-1),
    (97_000, 1e-2),
    (104_499, 1e-2),
    (104_500, 1e-3),
    (114_999, 1e-3),
    (115_000, 1e-1),
    (139_999, 1e-1),
    (140_000, 1e-2),
    (149_999, 1e-2),
    (150_000, 1e-3),
    (154_999, 1e-3),
  ],
}


@pytest.mark.parametrize('stream', recipe.STREAMS)
def test_the_rate_changes_at_the_published_steps(stream):
  rows = recipe.STREAMS[stream].learning_rates
  for step, rate in BOUNDARIES[stream]:
    found = training_graph.learning_rate(tf.constant(step), rows)
    assert found.numpy() == np.float32(rate)
  assert recipe.STREAMS[stream].max_steps == BOUNDARIES[stream][-1][0] + 1


WITH_DROPOUT = {'replicas_to_aggregate': 2, 'batch_size': 1}


@pytest.fixture(name='whole', scope='module')
def make_whole(data, tmp_path_factory):
  """Four steps in one run."""
  folder = tmp_path_factory.mktemp('whole')
  sync_training.run(small_job(data, folder, 4, **WITH_DROPOUT), ALONE)
  return folder


@pytest.fixture(name='continued', scope='module')
def make_continued(data, tmp_path_factory):
  """Two runs of two steps; after the first, a third step is saved in part.

  Returns:
    (the folder, what the second run logged).
  """
  folder = tmp_path_factory.mktemp('continued')
  job = small_job(data, folder, 2, **WITH_DROPOUT)
  sync_training.run(job, ALONE)
  for suffix in ('index', 'data-00000-of-00001'):
    shutil.copy(f'{job.prefix}-2.{suffix}', f'{job.prefix}-3.{suffix}')
  damaged = folder / 'model.ckpt-3.data-00000-of-00001'
  damaged.write_bytes(damaged.read_bytes()[:-1000])
  names = [f'model.ckpt-{step}' for step in (0, 2, 3)]
  v1.train.update_checkpoint_state(str(folder), names[-1], names)
  with logged() as log:
    sync_training.run(job._replace(max_steps=4), ALONE)
  return folder, log.getvalue()


def test_a_restarted_run_continues_bit_identically(whole, continued):
  """With dropout, several gradients a step and momentum."""
  expected = read_all(whole / 'model.ckpt-4')
  found = read_all(continued[0] / 'model.ckpt-4')
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
    start.discard_damaged(train_dir)


def test_the_network_alone_is_exported_in_the_released_layout(whole):
  export, last = whole / 'export/model.ckpt', whole / 'model.ckpt-4'
  assert checkpoints.describe(export) == (CLASSES, 3, WIDTH, 'RGB', ())
  assert checkpoints.describe(last).slots == ('Momentum',)
  exported, trained = checkpoints.read(export), checkpoints.read(last)
  assert exported.keys() == trained.keys()
  for name, value in trained.items():
    np.testing.assert_array_equal(value, exported[name])


def test_evaluate_sample_takes_what_training_exported(data, whole, tmp_path):
  """As it is, in the place of a released checkpoint."""
  shutil.copytree(whole / 'export', tmp_path / 'checkpoints/rgb_scratch')
  shutil.copy(data / 'label_map.txt', tmp_path)
  clip = np.random.default_rng(1).uniform(-1, 1, (1, FRAMES, 224, 224, 3))
  clip = clip.astype(np.float32)
  np.save(tmp_path / 'clip_rgb.npy', clip)
  result = subprocess.run(
    [
      *(sys.executable, ROOT / 'evaluate_sample.py', '--eval_type=rgb'),
      *('--noimagenet_pretrained', f'--data_dir={tmp_path}'),
      f'--sample={tmp_path}/clip',
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  logits = inference.classifier(whole / 'model.ckpt-4', 'RGB')(clip)[0]
  printed = {
    label: float(logit)
    for line in result.stdout.splitlines()[-CLASSES:]
    for _, logit, label in [line.split(' ', 2)]
  }
  assert printed == pytest.approx(
    dict(zip(small_records.CLASS_NAMES, logits)), rel=1e-5
  )


def test_the_evaluator_ranks_the_validation_split(data, whole, caplog):
  caplog.set_level('INFO')
  evaluator.follow(small_job(data, whole, 4))
  index = record_index.build(shards.find(data, 'validation'))
  classify = inference.classifier(whole / 'model.ckpt-4', 'RGB')
  hits = [
    classify(clips.scale(each['clip'][tf.newaxis], 'rgb'))[0].argmax()
    == each['label']
    for each in clips.test_clips(index, 'rgb').as_numpy_iterator()
  ]
  # All are among the best five of three classes.
  assert f'step 4: top-1 {np.mean(hits):.4f}, top-5 1.0000' in caplog.text


def test_a_loss_that_is_not_finite_ends_the_run_before_it_is_applied(
  data, tmp_path
):
  rates = ((0, 0.1), (1, 1e38))
  job = small_job(data, tmp_path, 9, learning_rates=rates)
  with pytest.raises(errors.InputError, match='step [23]: .* not finite'):
    sync_training.run(job, ALONE)
  values = read_all(tf.train.latest_checkpoint(str(tmp_path)))
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
  job = small_job(records_dir, tmp_path / 'run', 5, batch_size=1)
  with pytest.raises(errors.InputError, match='^2 .*--max_damaged_records'):
    sync_training.run(job._replace(max_damaged_records=1), ALONE)
  reports = re.findall(
    rf'{path}: the record at byte .*; (\d) so far', caplog.text
  )
  assert reports == ['1', '2']


def free_ports(count):
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for each in sockets:
      each.bind(('127.0.0.1', 0))
    return [each.getsockname()[1] for each in sockets]


def start_cluster(num_workers, num_ps=1):
  """In-process servers.

  Returns:
    (the workers' places, their servers, all servers).
  """
  hosts = [f'127.0.0.1:{port}' for port in free_ports(num_workers + num_ps)]
  everyone = Unoptimized(tuple(hosts[:num_ps]), tuple(hosts[num_ps:]))
  places = [
    everyone._replace(job_name=job, task_index=i)
    for job, count in (('ps', num_ps), ('worker', num_workers))
    for i in range(count)
  ]
  servers = [cluster.start_server(place) for place in places]
  return places[num_ps:], servers[num_ps:], servers


def gradients_waiting(replica):
  """Tensors: how many gradients lie in each of the accumulators."""
  with replica.graph.as_default():
    return [
      tf.raw_ops.ResourceAccumulatorNumAccumulated(handle=op.outputs[0])
      for op in replica.graph.get_operations()
      if op.type == 'ResourceConditionalAccumulator'
    ]


@contextlib.contextmanager
def manual_sessions(job, places, servers):
  """A monitored session of each worker, whose steps the test takes.

  Yields:
    (replicas, sessions, tensors of the chief's graph: how many gradients lie in
    each of the accumulators).
  """
  with contextlib.ExitStack() as stack:
    replicas, sessions, waiting = [], [], None
    index = record_index.build(shards.find(job.records_dir, 'train'))
    aggregate = job.hyperparameters.replicas_to_aggregate
    tokens = training_graph.tokens_per_step(aggregate, len(places))
    for place, server in zip(places, servers):
      replica = sync_training._build(
        job, place, small_records.CLASS_NAMES, index
      )
      waiting = waiting or gradients_waiting(replica)
      with (
        replica.graph.as_default(),
        v1.device(cluster.variable_placement(place)),
      ):
        sessions.append(
          v1.train.MonitoredTrainingSession(
            server.target,
            place.is_chief,
            hooks=[
              replica.optimizer.make_session_run_hook(
                place.is_chief, tokens - len(places)
              ),
              hooks.StartReading(replica, aggregate, len(places)),
            ],
            save_summaries_steps=None,
            save_summaries_secs=None,
            log_step_count_steps=None,
            config=place.session_config(),
            stop_grace_period_secs=1,
          )
        )
      stack.callback(sessions[-1].close)
      replicas.append(replica)
    yield replicas, sessions, waiting


@pytest.fixture(name='unoptimized')
def take_functions_as_they_are():
  """For numbers to compare with those of sessions that do so too."""
  option = 'disable_meta_optimizer'
  tf.config.optimizer.set_experimental_options({option: True})
  yield
  tf.config.optimizer.set_experimental_options({option: False})


@pytest.mark.usefixtures('unoptimized')
@pytest.mark.parametrize(
  'num_workers, aggregate',
  [(4, 3), pytest.param(68, 64, marks=pytest.mark.slow)],
)
def test_a_step_is_the_mean_of_exactly_its_gradients_and_drops_stale_ones(
  data, tmp_path, num_workers, aggregate
):
  """On 1 ps: 3 gradients of 4 workers; the published 64 of 68."""
  places, servers, _ = start_cluster(num_workers)
  job = small_job(
    data,
    tmp_path,
    replicas_to_aggregate=aggregate,
    dropout_keep_prob=1.0,
    learning_rates=((0, 0.1),),
  )
  with manual_sessions(job, places, servers) as (replicas, sessions, waiting):
    values = checkpoints.variables(replicas[0].network)

    def current():
      return sessions[0].run([values, replicas[0].global_step])

    def gradient(worker):
      return sessions[worker].run(replicas[worker].train)

    before, step = current()
    assert step == 0
    with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
      tokens = [pool.submit(gradient, i) for i in range(aggregate - 1)]
      while set(sessions[0].run(waiting)) != {aggregate - 1}:
        assert not any(token.done() for token in tokens)
        time.sleep(0.1)
      assert current()[1] == 0  # One is missing.
      tokens.append(pool.submit(gradient, aggregate - 1))
      assert [token.result(600) for token in tokens] == [1] * aggregate
      after, step = current()
      assert step == 1
      for late in range(aggregate, num_workers):
        replica = replicas[late]
        token, dropped = sessions[late].run(
          [replica.train, replica.measures['dropped_gradients']]
        )
        assert (token, dropped) == (1, late - aggregate + 1)
      unchanged, step = current()
      assert step == 1
      assert set(sessions[0].run(waiting)) == {0}
      for path, variable in values.items():
        if variable.trainable:
          np.testing.assert_array_equal(unchanged[path], after[path])
      tokens = pool.map(gradient, range(num_workers))
      assert list(tokens) == [2] * num_workers
    assert current()[1] == 2

  prefix = str(tmp_path / 'before')
  checkpoints.write(before, prefix, 'RGB')
  decay = tf.constant(recipe.WEIGHT_DECAY)
  means = collections.Counter()
  for worker in range(aggregate):
    batch = batches_of(job, 1, clips.Turn(worker, num_workers))[0]
    _, gradients = reference_of('rgb').gradient(prefix, batch, decay)
    for path, value in gradients.items():
      means[path] = means[path] + value / aggregate
  for path, mean in means.items():
    np.testing.assert_allclose(
      (before[path] - after[path]) / 0.1,
      mean,
      rtol=0,
      atol=1e-4 * (np.abs(mean).max() + 1e-2),
      err_msg=path,
    )


def test_variables_are_spread_over_ps_by_size(data, tmp_path):
  hosts = tuple(f'127.0.0.1:{port}' for port in (1, 2, 3))
  place = cluster.Cluster(hosts, ('127.0.0.1:4',))
  index = record_index.build(shards.find(data, 'train'))
  replica = sync_training._build(
    small_job(data, tmp_path), place, small_records.CLASS_NAMES, index
  )
  loads = dict.fromkeys(range(3), 0)
  for variable in checkpoints.variables(replica.network).values():
    task = tf.DeviceSpec.from_string(variable.handle.device).task
    loads[task] += variable.shape.num_elements()
  largest = max(v.shape.num_elements() for v in replica.network.variables)
  assert max(loads.values()) - min(loads.values()) <= largest
  reads = collections.Counter(
    op.inputs[0].op.name
    for op in replica.graph.get_operations()
    if op.type == 'ReadVariableOp'
  )
  for variable in replica.network.variables:
    assert reads[variable.handle.op.name] == 1  # Fetched once a gradient.
