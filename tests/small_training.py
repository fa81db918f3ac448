"""A training job so small that a step takes a second, and what it should do."""

import functools

import small_records
import tensorflow as tf

import i3d
from two_stream.cluster import cluster_task
from two_stream.datasets import mirroring
from two_stream.networks import checkpoints
from two_stream.records import clips, record_index, shards
from two_stream.training import sync_replicas, training_graph

FRAMES = 9
CLASSES = len(small_records.CLASS_NAMES)
WIDTH = 1 / 16
BATCH_NORM_DECAY = 0.9


class Unoptimized(cluster_task.Cluster):
  """Whose sessions take graphs as they are, and start in half the time."""

  def session_config(self):  # noqa: D102
    config = super().session_config()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


ALONE = Unoptimized()


def job(data, train_dir, max_steps=2, stream='rgb', **hyperparameters):
  """A `sync_replicas.Job` of two steps with these hyperparameters."""
  values = {
    'learning_rates': ((0, 0.1), (1, 0.05)),
    'replicas_to_aggregate': 1,
    'batch_size': 2,
    'num_frames': FRAMES,
    'depth_multiplier': WIDTH,
    'batch_norm_decay': BATCH_NORM_DECAY,
    **hyperparameters,
  }
  return sync_replicas.Job(
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
    mirroring.flipped_labels(small_records.CLASS_NAMES),
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
