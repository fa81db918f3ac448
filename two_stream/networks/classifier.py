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

from collections.abc import Iterable, Mapping

import numpy as np
import sonnet as snt
import tensorflow as tf

import i3d
from two_stream import errors, files
from two_stream.networks import (
  batch_norm,
  checkpoints,
  clip_checks,
  layers,
  provenance,
  weight_checks,
)


class FoldedUnit(snt.Module):
  """A convolution into which its BatchNorm is folded, and ReLU.

  Attributes:
    w: the weights of the convolution.
    b: the bias.
  """

  def __init__(self, stride: layers.Size, name: str) -> None:
    super().__init__(name=name)
    self._stride = stride

  def set_weights(self, w: tf.Tensor, b: tf.Tensor) -> None:
    """Makes the variables.

    They are no arguments of the constructor, because Sonnet makes a string of
    each of these. For arrays that takes longer than all the rest.

    Args:
      w: the weights of the convolution.
      b: the bias.
    """
    self.w = tf.Variable(w, name='w')
    self.b = tf.Variable(b, name='b')

  def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    """[B, T, H, W, C] -> [B, T/stride, H/stride, W/stride, channels]."""
    del is_training
    net = tf.nn.convolution(inputs, self.w, self._stride, 'SAME')
    return tf.nn.relu(tf.nn.bias_add(net, self.b))


class Classifier(tf.Module):
  """A trained network, folded and compiled.

  The object can be called with NumPy arrays. `tf.saved_model.save` saves the
  object with its attribute `logits`, which others can load without this code.

  Attributes:
    logits: the forward pass as a `tf.function`: float32 clip
      [B, T, 224, 224, C], values in [-1, 1], T >= 9 -> float32 [B, classes].
      It is compiled once, for any B and T.
    provenance: which of DeepMind's released files the weights are from, or
      None.
  """

  def __init__(
    self,
    values: Mapping[str, np.ndarray],
    description: checkpoints.Description,
    precision: str = 'float32',
    name: str = 'the network',
  ) -> None:
    """Makes the folded network.

    Args:
      values: path in the network -> array, see `checkpoints.read`.
      description: what kind of network it is.
      precision: of weights and activations, 'float32' or 'bfloat16'.
      name: what error messages call the network, such as its path.

    Raises:
      InputError: the weights are so large that the folded ones overflow.
    """
    super().__init__(name='classifier')
    self._network_name = name
    self.provenance = provenance.find(values)
    dtype = tf.as_dtype(precision)
    network = fold(values, description, dtype)
    check_folded(name, network)
    clip_spec = tf.TensorSpec([None, None, 224, 224, description.channels])
    self._check = clip_checks.ClipCheck(
      i3d.MIN_FRAMES, description.channels, 'float32', size=224
    )

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
      ValueError: the clips are not such clips.
      InputError: the logits are not finite.
    """
    return self._finite('logits', self.logits(self._check(clip)))

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
      ValueError: a name is unknown, or the clips are not such clips.
      InputError: an output is not finite.
    """
    names = tuple(dict.fromkeys(names))
    unknown = set(names) - set(i3d.InceptionI3d.VALID_ENDPOINTS)
    if unknown:
      raise ValueError(
        f'unknown endpoints {", ".join(sorted(unknown))}; there are '
        f'{", ".join(i3d.InceptionI3d.VALID_ENDPOINTS)}'
      )
    clip = self._check(clip)
    # A concrete function is kept for each choice of names, whatever B and T.
    run = self._endpoints.get_concrete_function(self._clip_spec, names)
    outputs = run(clip)
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
  description, values = checkpoints.read_network(path, scope)
  return Classifier(values, description, precision, str(path))


def fold(
  values: Mapping[str, np.ndarray],
  description: checkpoints.Description,
  dtype: tf.DType = tf.float32,
  final_endpoint: str = 'Logits',
) -> i3d.InceptionI3d:
  """Makes a network whose BatchNorms are folded into the convolutions.

  The units are made of their values. Nothing is initialized at random and
  nothing is computed only to make variables, which would take seconds.

  Args:
    values: path in the network -> array, see `checkpoints.read`.
    description: what kind of network it is.
    dtype: of the weights. The logits are float32 in any case.
    final_endpoint: the last endpoint that the network computes.

  Returns:
    A network for clips of `dtype` that gives the logits of the plain network.
  """
  paths = (path for path, _ in layers.convolutions(i3d.LAYERS))

  def unit(
    channels: int, kernel: layers.Size, stride: layers.Size, name: str
  ) -> FoldedUnit:
    del channels, kernel  # The values have them.
    w, b = _folded_weights(next(paths), values)
    made = FoldedUnit(stride, name)
    made.set_weights(tf.cast(w, dtype), tf.cast(b, dtype))
    return made

  folded = i3d.InceptionI3d(
    description.num_classes,
    final_endpoint=final_endpoint,
    depth_multiplier=description.depth_multiplier,
    unit=unit,
  )
  logits = checkpoints.LOGITS
  w = values[f'{logits}/conv_3d/w']
  # The last unit makes its variables when it is called.
  folded.logits_per_time(tf.zeros([1, *i3d.LOGITS_POOL, w.shape[-2]], dtype))
  (last,) = [u for u in folded.submodules if isinstance(u, i3d.Unit3D)]
  last.conv.w.assign(w)
  last.conv.b.assign(values[f'{logits}/conv_3d/b'])
  return folded


def check_folded(name: str, network: i3d.InceptionI3d) -> None:
  """Raises InputError if the weights of a folded network overflow.

  Args:
    name: what the message calls the network, such as its path.
    network: what `fold` made.
  """
  folded = {v.name: v.numpy() for v in network.variables}
  weight_checks.check_values(name, folded)
  # What the last weights give is looked at itself.
  weight_checks.check_sizes(
    name, {v: w for v, w in folded.items() if checkpoints.LOGITS not in v}
  )


def _folded_weights(
  path: str, values: Mapping[str, np.ndarray]
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns weights and bias of a unit without BatchNorm that does the same."""
  return batch_norm.fold(
    values[f'{path}/conv_3d/w'],
    *(
      values[f'{path}/batch_norm/{leaf}'].reshape(-1)
      for leaf in ('beta', 'moving_mean', 'moving_variance')
    ),
  )
