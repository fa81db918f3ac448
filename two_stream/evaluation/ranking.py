"""The order of classes by their logits, with one rule for ties.

Classes of equal logits stand in the order of their indices. So a network whose
logits are all equal is as accurate as always guessing class 0. A logit that is
not a number comes last.
"""

from collections.abc import Sequence

import numpy as np


def order(logits: np.ndarray) -> np.ndarray:
  """Sorts classes by their logits.

  Args:
    logits: float [..., classes].

  Returns:
    The indices of the classes, int [..., classes]; that of the largest logit
    comes first.
  """
  return np.argsort(-logits, axis=-1, kind='stable')


def best(logits: np.ndarray, count: int) -> np.ndarray:
  """Returns the first classes of `order`, in much less time.

  Args:
    logits: float [..., classes].
    count: how many classes to return at most.

  Returns:
    int [..., count], or [..., classes] if there are not so many.
  """
  count = min(count, logits.shape[-1])
  if not np.isfinite(logits).all():
    return order(logits)[..., :count]
  rest = logits.copy()
  columns = []
  for _ in range(count):
    # Of equal logits, argmax finds the one with the smallest index.
    column = rest.argmax(axis=-1)
    np.put_along_axis(rest, column[..., np.newaxis], -np.inf, axis=-1)
    columns.append(column)
  return np.stack(columns, axis=-1)


def top_classes(
  logits: np.ndarray, names: Sequence[str], count: int
) -> list[tuple[np.floating, np.floating, str]]:
  """Returns the classes of the largest logits of one clip.

  Args:
    logits: float [classes].
    names: the class names, in the order of the logits.
    count: how many classes to return at most.

  Returns:
    A list of (probability, logit, name), the most probable class first. The
    probabilities are the softmax of the logits.
  """
  probabilities = np.exp(logits - logits.max())
  probabilities /= probabilities.sum()
  return [
    (probabilities[index], logits[index], names[index])
    for index in order(logits)[:count]
  ]
