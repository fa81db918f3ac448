"""The order of classes by their logits, with one rule for ties.

Classes of equal logits stand in the order of their indices, so a network that
tells nothing gets what guessing one class gets. A logit that is not a number
comes last.
"""

import numpy as np


def order(logits):
  """Sorts classes by their logits.

  Args:
    logits: float [..., classes].

  Returns:
    int [..., classes]; the indices of the classes, that of the largest logit
    first.
  """
  return np.argsort(-logits, axis=-1, kind='stable')


def top_classes(logits, names, count):
  """Gives the classes of the largest logits of one clip.

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
    for index in order(logits)[:count]
  ]
