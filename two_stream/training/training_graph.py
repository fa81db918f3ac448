"""One replica's graph: its clips, the network, the loss and the update.

Sonnet's modules are made eagerly and called in a TensorFlow 1 graph, because
SyncReplicasOptimizer works in such a graph alone.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.compat import v1

import i3d
from two_stream.cluster import cluster_task
from two_stream.records import clips
from two_stream.training import (
  divergence,
  objective,
  ps_placement,
  sync_optimizer,
  training_job,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingGraph:
  """Tensors and ops of a replica's graph.

  Attributes:
    graph: the graph.
    network: the network.
    optimizer: the optimizer.
    global_step: int64 [], a variable; the number of steps that have been done.
    train: int64 []. Evaluating it contributes a gradient, see
      `sync_optimizer.Contribution.token`.
    measures: the scalars 'loss', 'accuracy', 'learning_rate', 'gradient_norm',
      and 'dropped_gradients', which counts those of all replicas so far.
    bounds: what loss and weights must not exceed.
    batch: the tensors of a minibatch, see `clips.training_clips`.
    first_batch: int64 [], a placeholder that is fed to `start_reading`: the
      number of the minibatch to begin with.
    start_reading: an op that begins to read clips.
  """

  graph: tf.Graph
  network: i3d.InceptionI3d
  optimizer: sync_optimizer.SyncReplicas
  global_step: tf.Variable
  train: tf.Tensor
  measures: dict[str, tf.Tensor]
  bounds: divergence.Bounds
  batch: dict[str, tf.Tensor]
  first_batch: tf.Tensor
  start_reading: tf.Operation


def build(
  hyperparameters: training_job.Hyperparameters,
  num_classes: int,
  make_dataset: Callable[[tf.Tensor], tf.data.Dataset],
  task: cluster_task.ClusterTask,
) -> TrainingGraph:
  """Builds a replica's graph.

  Args:
    hyperparameters: the hyperparameters of the job.
    num_classes: the number of logits.
    make_dataset: a function of the number of the first minibatch, int64 [],
      that returns a dataset like that of `clips.training_clips`.
    task: the worker that this process is.

  Returns:
    The graph, and what to do with it.
  """
  batch: dict[str, tf.Tensor] = {}
  network = objective.make_network(
    hyperparameters, num_classes, lambda: batch['number'][0]
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
      batch.update(iterator.get_next())
    # A token needs the newest value of the step, so the step is made before.
    with _reading_variables_once(task.device):
      logits, _ = network(
        clips.scale(batch['clip'], hyperparameters.stream),
        is_training=True,
        dropout_keep_prob=hyperparameters.dropout_keep_prob,
      )
    optimizer, train, measures = _update(
      hyperparameters, task, network, global_step, logits, batch['label']
    )
  return TrainingGraph(
    graph=graph,
    network=network,
    optimizer=optimizer,
    global_step=global_step,
    train=train,
    measures=measures,
    bounds=divergence.bounds(
      network, num_classes, hyperparameters.weight_decay
    ),
    batch=batch,
    first_batch=first_batch,
    start_reading=iterator.initializer,
  )


def _update(
  hyperparameters: training_job.Hyperparameters,
  task: cluster_task.ClusterTask,
  network: i3d.InceptionI3d,
  global_step: tf.Variable,
  logits: tf.Tensor,
  labels: tf.Tensor,
) -> tuple[sync_optimizer.SyncReplicas, tf.Tensor, dict[str, tf.Tensor]]:
  """Builds the loss and the update.

  Returns:
    (the optimizer; the tensor `TrainingGraph.train`; the measures).
  """
  loss = objective.loss(logits, labels, network, hyperparameters.weight_decay)
  rate = objective.learning_rate(global_step, hyperparameters.learning_rates)
  optimizer = sync_optimizer.make_optimizer(
    rate,
    hyperparameters.momentum,
    hyperparameters.replicas_to_aggregate,
    task.num_workers,
  )
  contribution = sync_optimizer.contribute(
    optimizer, loss, network, global_step, task.device
  )
  measures = {
    'loss': loss,
    'accuracy': objective.accuracy(logits, labels),
    'learning_rate': rate,
    'gradient_norm': contribution.gradient_norm,
    'dropped_gradients': contribution.dropped_gradients,
  }
  return optimizer, contribution.token, measures


def _reading_variables_once(
  device: str,
) -> contextlib.AbstractContextManager[None]:
  """Makes variables of which a worker fetches the value once in a gradient.

  Otherwise a worker would fetch a variable from its ps for each use.

  Args:
    device: of the worker; '' in a job of one process.

  Returns:
    A context manager for the code that makes the variables.
  """
  return tf.variable_creator_scope(functools.partial(_make_variable, device))


def _make_variable(
  device: str, next_creator: Callable[..., tf.Variable], **kwargs: Any
) -> tf.Variable:
  """Makes a variable whose value is kept on a device during a gradient."""
  if device:
    kwargs['caching_device'] = device
  return next_creator(**kwargs)
