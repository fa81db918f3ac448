"""Accuracies of each class, and their mean, beside those of all clips.

Where classes have different numbers of clips, the accuracy over all clips tells
most about the large classes. The mean class accuracy counts each class alike.
It is the mean of the top-1 accuracies of those classes that have clips.
"""

import dataclasses

import numpy as np

from two_stream.evaluation import accuracy
from two_stream.records import schema

KS = (1, 5)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Accuracies:
  """How often a network, or both streams together, are right.

  Attributes:
    overall: the top-1 and top-5 accuracy over all clips with a label, as
      `accuracy.top_k` returns them; None if no clip has a label.
    of_classes: float [classes, 2], the same over the clips of each class; NaN
      for a class without clips.
  """

  overall: list[float] | None
  of_classes: np.ndarray

  @property
  def mean_class(self) -> float | None:
    """The mean class accuracy, 0 to 1; None if no clip has a label."""
    if self.overall is None:
      return None
    return float(np.nanmean(self.of_classes[:, 0]))


def compute(logits: np.ndarray, labels: np.ndarray) -> Accuracies:
  """Computes the accuracies of a network.

  Args:
    logits: float [N, classes].
    labels: int [N], class indices; `schema.NO_LABEL` for a clip without a
      label.
  """
  num_classes = logits.shape[-1]
  right = accuracy.hits(logits, labels, KS)
  of_clips = labels[labels != schema.NO_LABEL]
  sums = np.stack(
    [np.bincount(of_clips, column, num_classes) for column in right.T], axis=-1
  )
  clips = count_clips(labels, num_classes)[:, np.newaxis]
  of_classes = np.full(sums.shape, np.nan)
  np.divide(sums, clips, out=of_classes, where=clips > 0)
  return Accuracies(
    overall=right.mean(axis=0).tolist() if len(right) else None,
    of_classes=of_classes,
  )


def count_clips(labels: np.ndarray, num_classes: int) -> np.ndarray:
  """Returns the number of clips of each class, int [num_classes].

  Args:
    labels: int [N], class indices; `schema.NO_LABEL` for a clip without a
      label.
    num_classes: how many classes there are.
  """
  return np.bincount(labels[labels != schema.NO_LABEL], minlength=num_classes)
