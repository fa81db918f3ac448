"""From a checkpoint to features: one endpoint of the network, and no more.

    network = feature_network.FeatureNetwork(
      'rgb_imagenet/model.ckpt', 'rgb', 'pooled'
    )
    features = network(clip)                  float32 [B, 1024]

What is behind the endpoint is not computed, so clips may have fewer frames than
the logits need.

The endpoint `pooled` is what the logits are computed from: Mixed_5c, averaged
over the space and over every two neighbouring steps of time, and then over
time. So `pooled @ w + b`, with the last weights and biases, are the logits. A
clip of up to 8 frames has a single step of time, which is averaged over the
space alone.
"""

import logging

import numpy as np
import tensorflow as tf

import i3d
from two_stream import errors, files, identity, recipe
from two_stream.networks import (
  checkpoint_files,
  checkpoints,
  classifier,
  clip_checks,
  provenance,
)

POOLED = 'pooled'
ENDPOINTS = (POOLED, *i3d.InceptionI3d.VALID_ENDPOINTS)


class FeatureNetwork(tf.Module):
  """A network that ends at one endpoint, folded and compiled."""

  def __init__(
    self,
    path: files.PathLike,
    stream: str,
    endpoint: str,
    precision: str = 'float32',
  ) -> None:
    """Loads a checkpoint, and logs where DeepMind released its weights.

    Args:
      path: the checkpoint's prefix.
      stream: 'rgb' or 'flow', the stream that the checkpoint must be of.
      endpoint: one of `ENDPOINTS`.
      precision: of weights and activations, 'float32' or 'bfloat16'.

    Raises:
      InputError: the checkpoint cannot be used.
    """
    super().__init__(name='features')
    self._path = path
    self._endpoint = endpoint
    dtype = tf.as_dtype(precision)
    description, values = checkpoints.read_network(
      path, recipe.STREAMS[stream].scope
    )
    network = classifier.fold(
      values,
      description,
      dtype,
      'Mixed_5c' if endpoint == POOLED else endpoint,
    )
    classifier.check_folded(str(path), network)
    if released := provenance.find(values):
      logging.info('%s: %s', path, released)

    def compute(clip: tf.Tensor) -> tf.Tensor:
      net, _ = network(tf.cast(clip, dtype), is_training=False)
      net = tf.cast(net, tf.float32)
      return pooled(net) if endpoint == POOLED else net

    spec = tf.TensorSpec([None, None, 224, 224, description.channels])
    gives_logits = endpoint in i3d.InceptionI3d.VALID_ENDPOINTS[-2:]
    self._check = clip_checks.ClipCheck(
      i3d.MIN_FRAMES if gives_logits else 1,
      description.channels,
      'float32',
      size=224,
    )
    self._network = network
    self._compute = tf.function(
      compute, input_signature=[spec], autograph=False
    )

  def __call__(self, clip: np.ndarray) -> np.ndarray:
    """Computes the features of clips.

    Args:
      clip: float32 [B, T, 224, 224, C], values in [-1, 1]. Logits and
        Predictions need T >= 9.

    Returns:
      float32: [B, 1024] of pooled, [B, classes] of Logits and Predictions, and
      [B, T', H', W', channels] of other endpoints.

    Raises:
      ValueError: the clips are not such clips.
      InputError: a feature is not finite.
    """
    features = self._compute(self._check(clip)).numpy()
    if not np.isfinite(features).all():
      raise errors.InputError(
        f'{self._path}: {self._endpoint} is not finite; take a checkpoint from '
        'before its training went wrong'
      )
    return features


def digest(path: files.PathLike) -> str:
  """Returns the digest of a checkpoint's files, 64 hexadecimal digits."""
  return identity.digest(*checkpoint_files.load(path).files)


def pooled(features: tf.Tensor) -> tf.Tensor:
  """Averages Mixed_5c as the logits average it.

  Args:
    features: [B, T', 7, 7, C].

  Returns:
    [B, C].
  """
  is_single = tf.cast(tf.shape(features)[1] == 1, tf.int32)
  features = tf.tile(features, [1, 1 + is_single, 1, 1, 1])
  net = tf.nn.avg_pool3d(features, i3d.LOGITS_POOL, 1, padding='VALID')
  return tf.reduce_mean(net, axis=[1, 2, 3])
