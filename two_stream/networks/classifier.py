"""From a checkpoint to an object that classifies clips, made to be fast.

At inference BatchNorm is `x * scale + offset` with constants, so it is folded
into the convolution before it: w' = w * scale, b' = offset. The network then
makes one pass over its activations where it made two, in less memory. It also
runs in bfloat16, for which TensorFlow has no fused BatchNorm on CPUs.

    classify = classifier.load('rgb_imagenet/model.ckpt', 'RGB')
    logits = classify(clip)
    features = classify.endpoints(clip, ['Mixed_5c'])['Mixed_5c']
    tf.saved_model.save(classify, 'rgb_saved_model')
"""

import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

import i3d
from two_stream import errors, files
from two_stream.networks import batch_norm, checkpoints, weight_checks

_FOLDED_UNIT = functools.partial(
  i3d.Unit3D, use_batch_norm=False, use_bias=True
)


class Classifier(tf.Module):
  """A trained network, folded and compiled.

  The object can be called with NumPy arrays. `tf.saved_model.save` saves the
  object with its attribute `logits`, which others can load without this code.

  Attributes:
    logits: the forward pass as a `tf.function`: float32 clip
      [B, T, 224, 224, C], values in [-1, 1], T >= 9 -> float32 [B, classes].
      It is compiled once, for any B and T.
  """

  def __init__(
    self,
    net: i3d.InceptionI3d,
    description: checkpoints.Description,
    precision: str = 'float32',
    name: str = 'the network',
  ) -> None:
    """Folds a network; the network itself stays as it is.

    Args:
      net: the network, whose variables exist already.
      description: its `checkpoints.Description`.
      precision: of weights and activations, 'float32' or 'bfloat16'.
      name: what error messages call the network, such as its path.

    Raises:
      InputError: the weights are so large that the folded ones overflow.
    """
    super().__init__(name='classifier')
    self._network_name = name
    dtype = tf.as_dtype(precision)
    network = fold(net, description, dtype)
    weight_checks.check_values(
      name, {v.name: v.numpy() for v in network.variables}
    )
    clip_spec = tf.TensorSpec([None, None, 224, 224, description.channels])

    # These are no methods, because a compiled method refers to its object.
    # Objects in a circle of references keep their memory for longer.
    def logits(clip: tf.Tensor) -> tf.Tensor:
      return network(tf.cast(clip, dtype), is_training=False)[0]

    def endpoints(
      clip: tf.Tensor, names: tuple[str, ...]
    ) -> dict[str, tf.Tensor]:
      net, outputs = network(tf.cast(clip, dtype), is_training=False)
      outputs['Predictions'] = tf.nn.softmax(net)
      return {name: tf.cast(outputs[name], tf.float32) for name in names}

    self._network = network
    self._clip_spec = clip_spec
    self.logits = tf.function(
      logits, input_signature=[clip_spec], autograph=False
    )
    self._endpoints = tf.function(endpoints, autograph=False)

  def __call__(self, clip: np.ndarray) -> np.ndarray:
    """Classifies clips.

    Args:
      clip: float32 [B, T, 224, 224, C], values in [-1, 1], T >= 9.

    Returns:
      The logits, float32 [B, classes].

    Raises:
      ValueError: the clips have fewer than 9 frames.
      InputError: the logits are not finite.
    """
    _check_length(clip)
    return self._finite('logits', self.logits(clip))

  def endpoints(
    self, clip: np.ndarray, names: Iterable[str]
  ) -> dict[str, np.ndarray]:
    """Computes the outputs of named layers, in one pass.

    What the outputs do not need is not computed. The function is compiled once
    for each choice of names.

    Args:
      clip: as in `__call__`.
      names: some of `i3d.InceptionI3d.VALID_ENDPOINTS`, such as 'Mixed_5c'.

    Returns:
      name -> float32 array. The shapes are those of the network's endpoints:
      [B, T', H', W', channels], or [B, classes] of Logits and Predictions.

    Raises:
      ValueError: a name is unknown, or the clips have fewer than 9 frames.
      InputError: an output is not finite.
    """
    names = tuple(dict.fromkeys(names))
    unknown = set(names) - set(i3d.InceptionI3d.VALID_ENDPOINTS)
    if unknown:
      raise ValueError(
        f'unknown endpoints {", ".join(sorted(unknown))}; there are '
        f'{", ".join(i3d.InceptionI3d.VALID_ENDPOINTS)}'
      )
    _check_length(clip)
    # A concrete function is kept for each choice of names, whatever B and T.
    run = self._endpoints.get_concrete_function(self._clip_spec, names)
    outputs = run(tf.convert_to_tensor(clip, tf.float32))
    return {name: self._finite(name, outputs[name]) for name in names}

  def _finite(self, name: str, output: tf.Tensor) -> np.ndarray:
    """Returns an output as an array; raises InputError if it is not finite."""
    values = output.numpy()
    if not np.isfinite(values).all():
      raise errors.InputError(
        f'{self._network_name}: {name} are not finite; take a checkpoint from '
        'before its training went wrong'
      )
    return values


def load(
  path: files.PathLike, scope: str, precision: str = 'float32'
) -> Classifier:
  """Loads the classifier of a checkpoint.

  Args:
    path: the checkpoint's prefix.
    scope: 'RGB' or 'Flow', the stream that the checkpoint must be of.
    precision: of weights and activations, 'float32' or 'bfloat16'.

  Raises:
    InputError: the checkpoint cannot be used.
  """
  description = checkpoints.describe(path)
  net = i3d.InceptionI3d(
    description.num_classes, depth_multiplier=description.depth_multiplier
  )
  checkpoints.restore(net, path, scope)
  return Classifier(net, description, precision, str(path))


def fold(
  net: i3d.InceptionI3d,
  description: checkpoints.Description,
  dtype: tf.DType = tf.float32,
) -> i3d.InceptionI3d:
  """Copies a network, with its BatchNorms folded into the convolutions.

  Args:
    net: the network, whose variables exist already.
    description: its `checkpoints.Description`.
    dtype: of the copy's weights. The logits are float32 in any case.

  Returns:
    A network that gives the same logits for clips of `dtype`.
  """
  folded = i3d.InceptionI3d(
    description.num_classes,
    depth_multiplier=description.depth_multiplier,
    unit=_FOLDED_UNIT,
  )
  # Layers make their variables when they are called first, with any clip.
  folded(
    tf.zeros([1, i3d.MIN_FRAMES, 193, 193, description.channels], dtype),
    is_training=False,
  )
  for source, target in zip(_units(net), _units(folded), strict=True):
    w, b = _folded_weights(source)
    target.conv.w.assign(tf.cast(w, target.conv.w.dtype))
    target.conv.b.assign(tf.cast(b, target.conv.b.dtype))
  return folded


def _check_length(clip: np.ndarray) -> None:
  """Raises ValueError if a clip has too few frames."""
  if clip.shape[1] < i3d.MIN_FRAMES:
    raise ValueError(
      f'a clip needs at least {i3d.MIN_FRAMES} frames to give logits, and '
      f'this one has {clip.shape[1]}'
    )


def _units(net: i3d.InceptionI3d) -> list[i3d.Unit3D]:
  """Returns all units of a network, always in the same order."""
  return [unit for unit in net.submodules if isinstance(unit, i3d.Unit3D)]


def _folded_weights(unit: i3d.Unit3D) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns weights and bias of a unit without BatchNorm that does the same."""
  norm = unit.batch_norm
  if norm is None:
    return unit.conv.w, unit.conv.b
  scale = tf.math.rsqrt(norm.moving_variance + batch_norm.EPSILON)
  offset = norm.beta - norm.moving_mean * scale
  return unit.conv.w * scale, tf.reshape(offset, [-1])
