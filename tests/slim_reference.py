"""Inception-v1 weights by recipe, and what TF-slim gives with them.

`golden/slim_inception_v1.npz` holds what tf_slim 1.1.0, unmodified, under
TensorFlow 2.15.1 computed from `weight` and `image`: logits, and for every
endpoint ep/<name> the mean, standard deviation, L2 norm and maximum.
"""

import numpy as np
import reference

_KINDS = {'weights': 'w', 'biases': 'b'}  # slim's names, Sonnet's names


def original():
  """What slim computed, by name."""
  path = reference.GOLDEN / 'slim_inception_v1.npz'
  return np.load(path, allow_pickle=False)


def weight(name, shape):
  """A variable's value, from its name alone."""
  path, _, kind = name.rpartition('/')
  return reference.weight(f'{path}/{_KINDS.get(kind, kind)}', shape)


def image():
  """[1, 224, 224, 3]."""
  return reference.clip('rgb16')[0, :1]


def fill(network):
  """Gives an `InceptionV1` that has been called its weights."""
  for name, variable in variables(network).items():
    variable.assign(weight(name, variable.shape.as_list()))


def variables(network):
  """The network's variables by name in a checkpoint."""
  return {v.name.removesuffix(':0'): v for v in network.variables}
