"""One replica's graph: the network, its loss and the synchronous update.

Sonnet's modules are made eagerly and called in a TensorFlow 1 graph, in which
SyncReplicasOptimizer works:

    a worker    reads the variables, computes a gradient of its own minibatch,
                adds it to the ps's accumulators, and waits for a token;
    the chief   takes the mean of 64 gradients from the accumulators, applies
                it, and hands out a token for each gradient of the next step.

A gradient of variables that have been updated since is dropped.
"""

import functools
from typing import NamedTuple

import tensorflow as tf
from tensorflow.compat import v1

import i3d
from two_stream import recipe
from two_stream.networks import checkpoints
from two_stream.records import clips
from two_stream.training import divergence, ps_placement, update_gate

NOT_FINITE = 'the loss or its gradient is not finite'


class TrainingGraph(NamedTuple):
  """Tensors and ops of a replica's graph, a tf.Graph.

  Attributes:
    graph: the tf.Graph.
    network: the `i3d.InceptionI3d`.
    optimizer: the SyncReplicasOptimizer.
    global_step: variable; number of updates so far.
    train: contributes a gradient, then waits for a token, whose value it is:
      the number of updates that the next gradient will have seen.
    measures: dict of scalars: loss, accuracy, learning_rate, gradient_norm and
      dropped_gradients, of all replicas so far.
    bounds: `divergence.Bounds` of the loss and of the weights.
    batch: the dict of `clips.training_clips`.
    first_batch: placeholder, fed to `start_reading`.
    start_reading: op.
  """

  graph: tf.Graph
  network: i3d.InceptionI3d
  optimizer: v1.train.SyncReplicasOptimizer
  global_step: tf.Variable
  train: tf.Tensor
  measures: dict
  bounds: divergence.Bounds
  batch: dict
  first_batch: tf.Tensor
  start_reading: tf.Operation


def build(hyperparameters, num_classes, make_dataset, task):
  """Builds a replica's graph.

  Args:
    hyperparameters: `training_job.Hyperparameters`.
    num_classes: number of logits.
    make_dataset: first batch, int64 tensor [] -> the dataset of
      `clips.training_clips`.
    task: this task's `cluster_task.ClusterTask`.

  Returns:
    A `TrainingGraph`.
  """
  stream = recipe.STREAMS[hyperparameters.stream]
  with tf.name_scope(stream.scope):
    network = i3d.InceptionI3d(
      num_classes,
      depth_multiplier=hyperparameters.depth_multiplier,
      unit=functools.partial(
        i3d.Unit3D, batch_norm_decay=hyperparameters.batch_norm_decay
      ),
      # A restarted run draws again the same.
      dropout=lambda net, rate: tf.nn.experimental.stateless_dropout(
        net, rate, [hyperparameters.seed, batch['number'][0]]
      ),
    )
  with (
    tf.Graph().as_default() as graph,
    v1.device(ps_placement.device_setter(task)),
  ):
    v1.set_random_seed(hyperparameters.seed)
    global_step = v1.train.get_or_create_global_step()
    with tf.device(f'{task.device}/cpu:0'):
      first_batch = v1.placeholder(tf.int64, [])
      iterator = v1.data.make_initializable_iterator(make_dataset(first_batch))
      batch = iterator.get_next()
    # Not for the global step, of which tokens need the value of the moment.
    read_once = functools.partial(_read_once, task.device)
    with tf.variable_creator_scope(read_once):
      logits, _ = network(
        clips.scale(batch['clip'], hyperparameters.stream),
        is_training=True,
        dropout_keep_prob=hyperparameters.dropout_keep_prob,
      )
    loss = _loss(logits, batch['label'], network, hyperparameters.weight_decay)
    rate = learning_rate(global_step, hyperparameters.learning_rates)
    # With more workers than gradients to a step, the slowest are backups; with
    # fewer, they compute several each.
    optimizer = _SyncReplicas(
      update_gate.GatedMomentum(rate, hyperparameters.momentum),
      hyperparameters.replicas_to_aggregate,
      task.num_workers,
    )
    train, norm, dropped = _train(
      optimizer, loss, network, global_step, task.device
    )
    hits = tf.equal(tf.argmax(logits, 1, tf.int32), batch['label'])
    accuracy = tf.reduce_mean(tf.cast(hits, tf.float32))
  return TrainingGraph(
    graph,
    network,
    optimizer,
    global_step,
    train,
    {
      'loss': loss,
      'accuracy': accuracy,
      'learning_rate': rate,
      'gradient_norm': norm,
      'dropped_gradients': dropped,
    },
    divergence.bounds(network, num_classes, hyperparameters.weight_decay),
    batch,
    first_batch,
    iterator.initializer,
  )


def learning_rate(step, rows):
  """The rate of the last row whose first step is not later than `step`.

  `tf.compat.v1.train.piecewise_constant` would keep the old rate for one step
  more.
  """
  first_steps, rates = zip(*rows)
  row = tf.searchsorted(
    tf.constant(first_steps, tf.int64),
    [tf.cast(step, tf.int64)],
    side='right',
  )
  return tf.gather(tf.constant(rates, tf.float32), row[0] - 1)


def first_unread_batch(step, replicas_to_aggregate, num_workers):
  """How many batches a replica has read by a step.

  Exact for a single worker; others share the gradients about equally.
  """
  return (
    step * tokens_per_step(replicas_to_aggregate, num_workers) // (num_workers)
  )


def tokens_per_step(replicas_to_aggregate, num_workers):
  """How many gradients are computed in a step, those dropped included."""
  return max(replicas_to_aggregate, num_workers)


class _SyncReplicas(v1.train.SyncReplicasOptimizer):
  """The optimizer, whose thread in the chief ends quietly with the session.

  The queue of tokens stays open then. When the chief loses one of several ps
  and makes a new session, it could not go on with a closed one on another ps.

  Attributes:
    gate: the `update_gate.UpdateGate`, once `apply_gradients` was called.
  """

  @property
  def gate(self):
    return self._opt.gate

  def get_init_tokens_op(self, num_tokens=-1):
    return tf.group(super().get_init_tokens_op(num_tokens), self.gate.open)

  @functools.cache  # noqa: B019 (a process makes one optimizer)
  def get_chief_queue_runner(self):
    runner = super().get_chief_queue_runner()
    return v1.train.QueueRunner(
      runner.queue,
      runner.enqueue_ops,
      close_op=tf.no_op(),
      cancel_op=tf.no_op(),
      queue_closed_exception_types=(
        tf.errors.OutOfRangeError,
        tf.errors.CancelledError,
      ),
    )


def _read_once(device, next_creator, **kwargs):
  """Makes variables that a step fetches once from their ps, not once a use."""
  if device:
    kwargs['caching_device'] = device
  return next_creator(**kwargs)


def _loss(logits, labels, network, weight_decay):
  cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  weights = [
    variable
    for path, variable in checkpoints.variables(network).items()
    if path.endswith('/w')
  ]
  decay = tf.add_n([tf.nn.l2_loss(weight) for weight in weights])
  return tf.reduce_mean(cross_entropy) + weight_decay * decay


def _train(optimizer, loss, network, global_step, device):
  """The op that contributes a gradient.

  Returns:
    (the next token, the gradient's norm, the number of dropped gradients).
  """
  gradients, variables = zip(
    *optimizer.compute_gradients(loss, network.trainable_variables)
  )
  norm = tf.linalg.global_norm(gradients)
  finite = v1.Assert(
    tf.math.is_finite(loss) & tf.math.is_finite(norm),
    [NOT_FINITE, 'loss', loss, 'norm', norm],
  )
  with tf.control_dependencies(gradients):
    last_token, dropped = _count_if_stale(global_step, device)
  # Nothing of a gradient that is not finite reaches the ps.
  with tf.control_dependencies([finite, dropped]):
    gradients = [tf.identity(gradient) for gradient in gradients]
  wait = optimizer.apply_gradients(zip(gradients, variables), global_step)
  # Else TensorFlow complains, at length, if no session is made after all.
  optimizer.ready_for_local_init_op.mark_used()
  token = tf.identity(wait)
  moving_averages = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
  remember = last_token.assign(token, read_value=False)
  with tf.control_dependencies([remember, *moving_averages]):
    return tf.identity(token), norm, dropped


def _count_if_stale(global_step, device):
  """Counts the gradient at hand if the accumulators are going to drop it.

  Returns:
    (variable of this replica that is to hold the last token, the count).
  """
  count = tf.Variable(
    0, trainable=False, dtype=tf.int64, name='dropped_gradients'
  )
  with tf.device(device), tf.control_dependencies(None):
    last_token = v1.Variable(
      global_step.read_value,
      trainable=False,
      collections=[v1.GraphKeys.LOCAL_VARIABLES],
      name='last_token',
    )
  stale = global_step.read_value() > last_token.read_value()
  return last_token, count.assign_add(tf.cast(stale, tf.int64)).read_value()
