"""A training job whose steps take a second, and what it should compute."""

import functools
import os

import numpy as np
import small_records
import tensorflow as tf

import i3d
from two_stream.cluster import cluster_task
from two_stream.datasets import mirroring
from two_stream.networks import checkpoints
from two_stream.records import clips, record_index, shards
from two_stream.training import ps_servers, training_job

FRAMES = 9
CLASSES = len(small_records.CLASS_NAMES)
WIDTH = 1 / 16
BATCH_NORM_DECAY = 0.9


class Unoptimized(cluster_task.ClusterTask):
  """A task whose sessions do not optimize graphs, which halves their start."""


_session_config = ps_servers.session_config


def _unoptimized_session_config(
  task: cluster_task.ClusterTask,
) -> tf.compat.v1.ConfigProto:
  """Takes the place of `ps_servers.session_config` in the tests' process."""
  config = _session_config(task)
  if isinstance(task, Unoptimized):
    config.graph_options.rewrite_options.disable_meta_optimizer = True
  return config


ps_servers.session_config = _unoptimized_session_config

ALONE = Unoptimized()


def job(data, train_dir, max_steps=2, stream='rgb', **hyperparameters):
  """A `training_job.Job` of two steps with these hyperparameters."""
  values = {
    'learning_rates': ((0, 0.1), (1, 0.05)),
    'replicas_to_aggregate': 1,
    'batch_size': 2,
    'num_frames': FRAMES,
    'depth_multiplier': WIDTH,
    'batch_norm_decay': BATCH_NORM_DECAY,
    **hyperparameters,
  }
  return training_job.Job(
    hyperparameters=training_job.Hyperparameters(stream=stream, **values),
    records_dir=str(data),
    train_dir=str(train_dir),
    max_steps=max_steps,
  )


def read_all(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  """Returns {name: value} of every tensor of a checkpoint."""
  reader = tf.train.load_checkpoint(str(path))
  return {
    name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
  }


def batches_of(job, count, turn=None):
  """What a replica reads, without its graph."""
  hyperparameters = job.hyperparameters
  reading = clips.Reading(
    records=record_index.build(shards.find(job.records_dir, 'train')),
    stream=hyperparameters.stream,
    num_frames=FRAMES,
    flipped_labels=mirroring.flipped_labels(small_records.CLASS_NAMES),
    seed=hyperparameters.seed,
  )
  dataset = clips.training_clips(
    reading,
    hyperparameters.batch_size,
    turn or clips.Turn(),
    tf.constant(0, tf.int64),
  )
  return list(dataset.take(count))


class Reference:
  """Computes in TensorFlow 2 what training should compute.

  Attributes:
    net: the `i3d.InceptionI3d`. Each gradient updates its moving averages.
  """

  def __init__(self, stream: str):
    self.net = i3d.InceptionI3d(
      CLASSES,
      depth_multiplier=WIDTH,
      unit=functools.partial(i3d.Unit3D, batch_norm_decay=BATCH_NORM_DECAY),
    )
    self._stream = stream

  def gradient(self, path, batch, weight_decay):
    """Returns the loss and {path in the network: gradient} of a batch.

    Args:
      path: of the checkpoint whose weights are used.
      batch: a dict of `clip` and `label`.
      weight_decay: factor of half the squared norm of the weights.
    """
    checkpoints.restore(self.net, path)
    loss, gradients = self._compute(batch['clip'], batch['label'], weight_decay)
    return float(loss), {
      path: value.numpy() for path, value in gradients.items()
    }

  # This has to be a graph: max_pool3d has another gradient in eager mode, where
  # every one of several equal maxima gets the whole gradient. The kernels of
  # oneDNN, which graphs use, give it to a single one.
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
