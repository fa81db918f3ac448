"""The classes a network gives the largest logits."""

import numpy as np


def rank(logits, names, count):
  """Ranks.

  Args:
    logits: float [classes].
    names: of the classes.
    count: how many to give at most.

  Returns:
    A list of (probability, logit, name), the most probable first.
  """
  probabilities = np.exp(logits - logits.max())
  probabilities /= probabilities.sum()
  return [
    (probabilities[index], logits[index], names[index])
    for index in np.argsort(-logits)[:count]
  ]
