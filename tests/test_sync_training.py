"""Training does what the recipe says, to the number, and survives."""

import collections
import concurrent.futures
import contextlib
import pathlib
import shutil
import socket

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
  inference,
  recipe,
  record_index,
  shards,
  sync_training,
  training_graph,
)

v1 = tf.compat.v1

ALONE = cluster.Cluster()
FRAMES = 9
CLASSES = len(small_records.CLASS_NAMES)


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
    'depth_multiplier': 1 / 16,
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


def gradient(net, batch, stream, weight_decay):
  """(loss, gradients by path) by TensorFlow 2; moves the moving averages."""
  trainable = {
    path: variable
    for path, variable in checkpoints.variables(net).items()
    if variable.trainable
  }

  # A function, as eager max_pool3d has another gradient: it goes in full to
  # every tied maximum, and in oneDNN's kernels, which graphs use, to one.
  @tf.function
  def compute():
    with tf.GradientTape() as tape:
      logits, _ = net(clips.scale(batch['clip'], stream), is_training=True)
      loss = tf.reduce_mean(
        -tf.gather(tf.nn.log_softmax(logits), batch['label'], batch_dims=1)
      )
      for path, variable in trainable.items():
        if path.endswith('/w'):
          loss += weight_decay * tf.reduce_sum(variable**2) / 2
    return loss, tape.gradient(loss, trainable)

  loss, gradients = compute()
  return loss, {path: value.numpy() for path, value in gradients.items()}


def eager_network(path, batch_norm_decay=0.9):
  net = i3d.InceptionI3d(
    CLASSES,
    depth_multiplier=1 / 16,
    unit=lambda *args, **kwargs: i3d.Unit3D(
      *args, batch_norm_decay=batch_norm_decay, **kwargs
    ),
  )
  checkpoints.restore(net, path)
  return net


@pytest.mark.parametrize('stream', recipe.STREAMS)
def test_a_step_is_momentum_sgd_as_written_in_numpy(data, tmp_path, stream):
  """Decayed gradient, momentum, moving averages, of the first two steps.

  Each from the trainer's own weights: rounding grows tenthousandfold a step in
  a network of one channel here and there.
  """
  decay, momentum = 0.01, 0.9
  job = small_job(
    data,
    tmp_path,
    stream=stream,
    weight_decay=decay,
    dropout_keep_prob=1.0,
    batch_norm_decay=0.9,
  )
  for max_steps in (1, 2):
    assert sync_training.run(job._replace(max_steps=max_steps), ALONE) == 0
  prefix = f'{recipe.STREAMS[stream].scope}/inception_i3d/'
  for step, batch in enumerate(batches_of(job, 2)):
    before, after = (
      read_all(tmp_path / f'model.ckpt-{step + i}') for i in (0, 1)
    )
    net = eager_network(tmp_path / f'model.ckpt-{step}')
    _, gradients = gradient(net, batch, stream, decay)
    expected = {
      path: variable.numpy()
      for path, variable in checkpoints.variables(net).items()
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


def test_the_loss_is_cross_entropy_and_half_the_squared_weights(data, tmp_path):
  job = small_job(data, tmp_path, 1, weight_decay=0.01, dropout_keep_prob=1.0)
  sync_training.run(job, ALONE)
  summary = {
    value.tag: value.simple_value
    for events in pathlib.Path(tmp_path).glob('events.out.*')
    for event in v1.train.summary_iterator(str(events))
    for value in event.summary.value
  }
  net = eager_network(tmp_path / 'model.ckpt-0')
  loss, _ = gradient(net, batches_of(job, 1)[0], 'rgb', 0.01)
  assert summary['training/loss'] == pytest.approx(float(loss), rel=1e-5)
  assert summary['training/learning_rate'] == pytest.approx(0.1)
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


def test_a_restarted_run_continues_bit_identically(data, tmp_path):
  """With dropout, several gradients a step and momentum."""
  settings = {'replicas_to_aggregate': 2, 'batch_size': 1}
  sync_training.run(small_job(data, tmp_path / 'a', 4, **settings), ALONE)
  for max_steps in (2, 4):
    sync_training.run(
      small_job(data, tmp_path / 'b', max_steps, **settings), ALONE
    )
  whole = read_all(tmp_path / 'a/model.ckpt-4')
  continued = read_all(tmp_path / 'b/model.ckpt-4')
  assert whole.keys() == continued.keys()
  for name, value in whole.items():
    np.testing.assert_array_equal(value, continued[name], err_msg=name)


@pytest.fixture(name='trained', scope='module')
def make_trained(data, tmp_path_factory):
  """A finished run of two steps."""
  folder = tmp_path_factory.mktemp('trained')
  sync_training.run(small_job(data, folder), ALONE)
  return folder


def test_checkpoints_have_the_released_names_and_serve_inference(trained):
  clip = np.random.default_rng(1).uniform(-1, 1, (1, 9, 224, 224, 3))
  clip = clip.astype(np.float32)
  export = trained / 'export/model.ckpt'
  described = checkpoints.describe(export)
  assert described == (CLASSES, 3, 1 / 16, 'RGB', ())
  assert checkpoints.describe(trained / 'model.ckpt-2').slots == ('Momentum',)
  first = inference.classifier(export, 'RGB')(clip)
  second = inference.classifier(trained / 'model.ckpt-2', 'RGB')(clip)
  np.testing.assert_array_equal(first, second)


def test_a_truncated_newest_checkpoint_is_skipped(
  data, trained, tmp_path, caplog
):
  train_dir = tmp_path / 'run'
  sync_training.run(small_job(data, train_dir), ALONE)
  newest = train_dir / 'model.ckpt-2.data-00000-of-00001'
  newest.write_bytes(newest.read_bytes()[:-1000])
  sync_training.run(small_job(data, train_dir), ALONE)
  assert 'model.ckpt-2 is skipped' in caplog.text
  assert read_all(train_dir / 'model.ckpt-2')['global_step'] == 2
  repaired = read_all(train_dir / 'model.ckpt-2')
  for name, value in read_all(trained / 'model.ckpt-2').items():
    np.testing.assert_array_equal(value, repaired[name], err_msg=name)


def test_no_whole_checkpoint_is_an_error_and_not_a_new_start(
  data, trained, tmp_path
):
  train_dir = tmp_path / 'run'
  shutil.copytree(trained, train_dir)
  for path in train_dir.glob('model.ckpt-*.data-*'):
    path.write_bytes(b'')
  with pytest.raises(errors.InputError, match='none of the 2'):
    sync_training.run(small_job(data, train_dir), ALONE)


def test_a_loss_that_is_not_finite_ends_the_run_before_it_is_applied(
  data, tmp_path
):
  rates = ((0, 0.1), (1, 1e38))
  job = small_job(data, tmp_path, 9, learning_rates=rates)
  with pytest.raises(errors.InputError, match='step [23]: .* not finite'):
    sync_training.run(job, ALONE)
  values = read_all(tf.train.latest_checkpoint(str(tmp_path)))
  assert all(np.isfinite(value).all() for value in values.values())


def test_damaged_records_are_reported_and_too_many_end_the_run(
  data, tmp_path, caplog
):
  records_dir = tmp_path / 'records'
  shutil.copytree(data, records_dir)
  path = shards.find(records_dir, 'train')[0]
  content = bytearray(path.read_bytes())
  content[record_index.build([path]).offsets[1] + 500] ^= 255
  path.write_bytes(content)
  job = small_job(records_dir, tmp_path / 'run', 3)
  assert sync_training.run(job, ALONE) == 0
  assert f'{path}: the record at byte' in caplog.text
  with pytest.raises(errors.InputError, match='--max_damaged_records'):
    sync_training.run(
      job._replace(train_dir=str(tmp_path / 'b'), max_damaged_records=0), ALONE
    )


def test_fine_tuning_takes_all_but_logits_of_other_classes(
  data, tmp_path, caplog
):
  caplog.set_level('INFO')
  source = i3d.InceptionI3d(7, depth_multiplier=1 / 16)
  source(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  checkpoints.save(source, tmp_path / 'source', 'RGB')
  job = small_job(data, tmp_path / 'run', 1)
  job = job._replace(init_checkpoint=str(tmp_path / 'source'))
  sync_training.run(job, ALONE)
  assert 'which are of 7 classes and not 3' in caplog.text
  started = checkpoints.read(tmp_path / 'run/model.ckpt-0')
  for name, value in checkpoints.read(tmp_path / 'source').items():
    if not name.startswith('Logits/'):
      np.testing.assert_array_equal(started[name], value)
  assert started['Logits/Conv3d_0c_1x1/conv_3d/w'].shape[-1] == CLASSES
  with pytest.raises(errors.InputError, match='--depth_multiplier'):
    wide = job.hyperparameters._replace(depth_multiplier=1 / 8)
    sync_training.run(
      job._replace(hyperparameters=wide, train_dir=str(tmp_path / 'c')), ALONE
    )


def test_the_evaluator_ranks_the_validation_split(data, trained, caplog):
  caplog.set_level('INFO')
  evaluator.follow(small_job(data, trained))
  assert 'step 2: top-1 ' in caplog.text
  index = record_index.build(shards.find(data, 'validation'))
  top_1, top_5 = evaluator.evaluate(trained / 'model.ckpt-2', 'rgb', index)
  classify = inference.classifier(trained / 'model.ckpt-2', 'RGB')
  hits = [
    classify(clips.scale(each['clip'][tf.newaxis], 'rgb'))[0].argmax()
    == each['label']
    for each in clips.test_clips(index, 'rgb').as_numpy_iterator()
  ]
  assert top_1 == np.mean(hits)
  assert top_5 == 1.0  # Of three classes.


def free_ports(count):
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for each in sockets:
      each.bind(('127.0.0.1', 0))
    return [each.getsockname()[1] for each in sockets]


def start_cluster(num_workers, num_ps=1):
  """In-process servers; returns (ps places, worker places, targets)."""
  hosts = [f'127.0.0.1:{port}' for port in free_ports(num_workers + num_ps)]
  everyone = cluster.Cluster(tuple(hosts[:num_ps]), tuple(hosts[num_ps:]))
  places = [
    everyone._replace(job_name=job, task_index=i)
    for job, count in (('ps', num_ps), ('worker', num_workers))
    for i in range(count)
  ]
  servers = [cluster.start_server(place) for place in places]
  return places[num_ps:], servers[num_ps:], servers


@contextlib.contextmanager
def manual_sessions(job, places, servers):
  """A monitored session of each worker, whose steps the test takes."""
  with contextlib.ExitStack() as stack:
    replicas, sessions = [], []
    index = record_index.build(shards.find(job.records_dir, 'train'))
    for place, server in zip(places, servers):
      replica = sync_training._build(
        job, place, small_records.CLASS_NAMES, index
      )
      aggregate = job.hyperparameters.replicas_to_aggregate
      tokens = training_graph.tokens_per_step(aggregate, len(places))
      hooks = [
        replica.optimizer.make_session_run_hook(
          place.is_chief, tokens - len(places)
        ),
        sync_training.hooks.StartReading(replica, aggregate, len(places)),
      ]
      with (
        replica.graph.as_default(),
        v1.device(cluster.variable_placement(place)),
      ):
        sessions.append(
          v1.train.MonitoredTrainingSession(
            server.target,
            place.is_chief,
            hooks=hooks,
            save_summaries_steps=None,
            save_summaries_secs=None,
            log_step_count_steps=None,
            config=place.session_config(),
            stop_grace_period_secs=1,
          )
        )
      stack.callback(sessions[-1].close)
      replicas.append(replica)
    yield replicas, sessions


def test_a_step_is_the_mean_of_three_gradients_and_a_stale_one_is_dropped(
  data, tmp_path
):
  """1 ps, 4 workers, of which 3 make a step."""
  places, servers, _ = start_cluster(4)
  job = small_job(
    data,
    tmp_path,
    replicas_to_aggregate=3,
    batch_size=1,
    dropout_keep_prob=1.0,
    learning_rates=((0, 0.1),),
  )
  with manual_sessions(job, places, servers) as (replicas, sessions):
    network = replicas[0].network
    values = checkpoints.variables(network)

    def current():
      read = sessions[0].run([values, replicas[0].global_step])
      return read[0], read[1]

    before, step = current()
    assert step == 0
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
      steps = [
        pool.submit(session.run, replica.train)
        for session, replica in zip(sessions[:3], replicas)
      ]
      assert [each.result(60) for each in steps] == [1, 1, 1]
    after, step = current()
    assert step == 1
    token, measures = sessions[3].run([replicas[3].train, replicas[3].measures])
    assert (token, measures['dropped_gradients']) == (1, 1)
    unchanged, step = current()
    assert step == 1
    for path, variable in values.items():
      if variable.trainable:
        np.testing.assert_array_equal(unchanged[path], after[path])

  prefix = str(tmp_path / 'before')
  checkpoints.write(before, prefix, 'RGB')
  means = {}
  for worker in range(3):
    batch = batches_of(job, 1, clips.Turn(worker, 4))[0]
    net = eager_network(prefix)
    _, gradients = gradient(net, batch, 'rgb', recipe.WEIGHT_DECAY)
    for path, value in gradients.items():
      means[path] = means.get(path, 0) + value / 3
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
