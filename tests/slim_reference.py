"""Inception-v1 weights from a formula, and what TF-slim computes with them.

`golden/slim_inception_v1.npz` holds what tf_slim 1.1.0, unmodified, under
TensorFlow 2.15.1 computed from `weight` and `image`: logits, and for every
endpoint ep/<name> the mean, standard deviation, L2 norm and maximum.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import reference
import tensorflow as tf

_KINDS = {'weights': 'w', 'biases': 'b'}  # A name in slim -> in Sonnet.


def original() -> Mapping[str, np.ndarray]:
  """Returns {name: array} of what slim computed."""
  path = reference.GOLDEN / 'slim_inception_v1.npz'
  return np.load(path, allow_pickle=False)


def weight(name: str, shape: Sequence[int]) -> np.ndarray:
  """Returns the value of a variable, which depends on its name only."""
  path, _, kind = name.rpartition('/')
  return reference.weight(f'{path}/{_KINDS.get(kind, kind)}', shape)


def image() -> np.ndarray:
  """Returns the input, float32 [1, 224, 224, 3] in [-1, 1]."""
  return reference.clip('rgb16')[0, :1]


def fill(network: tf.Module) -> None:
  """Sets the weights of an `InceptionV1`, which has been called before."""
  for name, variable in variables(network).items():
    variable.assign(weight(name, variable.shape.as_list()))


def variables(network: tf.Module) -> dict[str, tf.Variable]:
  """Returns {name in a checkpoint: variable of the network}."""
  return {v.name.removesuffix(':0'): v for v in network.variables}
