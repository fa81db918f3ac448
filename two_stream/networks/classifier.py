"""From a checkpoint to a function that classifies clips, made to be fast.

At inference BatchNorm is `x * scale + offset` with constants, so it is folded
into the convolution before it: w' = w * scale, b' = offset. The network then
makes one pass over its activations where it made two, in less memory, and runs
in bfloat16, for which TensorFlow has no fused BatchNorm on CPUs.
"""

import functools

import numpy as np
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.networks import checkpoints

_FOLDED_UNIT = functools.partial(
  i3d.Unit3D, use_batch_norm=False, use_bias=True
)


def load(path, scope, precision='float32'):
  """Loads a network.

  Args:
    path: a checkpoint's prefix.
    scope: 'RGB' or 'Flow', the stream it must be of.
    precision: 'float32' or 'bfloat16'.

  Returns:
    A function: clip [B, T, 224, 224, C], values in [-1, 1], T >= 9 -> logits
    [B, classes], float32 arrays both. It is compiled once, for any B and T. It
    raises ValueError for shorter clips, and InputError if logits are not
    finite.

  Raises:
    InputError: if the checkpoint cannot be used.
  """
  description = checkpoints.describe(path)
  net = i3d.InceptionI3d(
    description.num_classes, depth_multiplier=description.depth_multiplier
  )
  checkpoints.restore(net, path, scope)
  return compiled(net, description, precision, path)


def compiled(net, description, precision='float32', name='the network'):
  """Folds and compiles a network.

  Args:
    net: an `i3d.InceptionI3d` with its variables.
    description: its `checkpoints.Description`.
    precision: as in `load`.
    name: what to call the network in messages, such as its path.

  Returns:
    As `load`.

  Raises:
    InputError: if its weights are so large that the folded ones overflow.
  """
  dtype = tf.as_dtype(precision)
  folded = fold(net, description, dtype)
  checkpoints.check_values(name, {v.name: v.numpy() for v in folded.variables})

  @tf.function(
    input_signature=[
      tf.TensorSpec([None, None, 224, 224, description.channels])
    ],
    autograph=False,
  )
  def run(clip):
    return folded(tf.cast(clip, dtype), is_training=False)[0]

  def classify(clip):
    if clip.shape[1] < i3d.MIN_FRAMES:
      raise ValueError(
        f'a clip needs at least {i3d.MIN_FRAMES} frames to give logits, and '
        f'this one has {clip.shape[1]}'
      )
    logits = run(clip).numpy()
    if not np.isfinite(logits).all():
      raise errors.InputError(
        f'{name}: logits are not finite; take a checkpoint from before its '
        'training went wrong'
      )
    return logits

  return classify


def fold(net, description, dtype=tf.float32):
  """Copies a network without its BatchNorms.

  Args:
    net: an `i3d.InceptionI3d` with its variables.
    description: its `checkpoints.Description`.
    dtype: of the copy. The logits are float32 in any case.

  Returns:
    An `i3d.InceptionI3d` that gives the same logits for clips of `dtype`.
  """
  folded = i3d.InceptionI3d(
    description.num_classes,
    depth_multiplier=description.depth_multiplier,
    unit=_FOLDED_UNIT,
  )
  folded(
    tf.zeros([1, i3d.MIN_FRAMES, 193, 193, description.channels], dtype),
    is_training=False,
  )
  for source, target in zip(_units(net), _units(folded), strict=True):
    w, b = _folded_weights(source)
    target.conv.w.assign(tf.cast(w, target.conv.w.dtype))
    target.conv.b.assign(tf.cast(b, target.conv.b.dtype))
  return folded


def _units(net):
  return [unit for unit in net.submodules if isinstance(unit, i3d.Unit3D)]


def _folded_weights(unit):
  norm = unit.batch_norm
  if norm is None:
    return unit.conv.w, unit.conv.b
  scale = tf.math.rsqrt(norm.moving_variance + i3d.BATCH_NORM_EPSILON)
  offset = norm.beta - norm.moving_mean * scale
  return unit.conv.w * scale, tf.reshape(offset, [-1])
