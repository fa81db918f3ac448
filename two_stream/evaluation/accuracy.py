"""Top-k accuracy, confusion, and the table that DeepMind's README has.

An accuracy is a share, 0 to 1, of the clips that have a label. Clips without a
public label are not counted.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from two_stream.evaluation import fusion, ranking
from two_stream.records import schema

ROWS = {'rgb': 'RGB-I3D', 'flow': 'Flow-I3D', fusion.JOINT: 'Two-Stream I3D'}
COLUMNS = {
  'imagenet': 'from ImageNet',
  'scratch': 'from scratch',
  'scratch_kin600': 'from scratch, Kinetics-600',
}
_CORNER = 'Model'


def top_k(
  logits: np.ndarray, labels: np.ndarray, ks: Sequence[int] = (1, 5)
) -> list[float] | None:
  """Returns how often a clip's label is among the k classes of largest logits.

  `ranking.order` decides between equal logits.

  Args:
    logits: float [N, classes].
    labels: int [N]; `schema.NO_LABEL` for a clip without a label.
    ks: the values of k.

  Returns:
    The share of clips for each k; None if no clip has a label.
  """
  right = hits(logits, labels, ks)
  return right.mean(axis=0).tolist() if len(right) else None


def hits(
  logits: np.ndarray, labels: np.ndarray, ks: Sequence[int]
) -> np.ndarray:
  """Tells which clips are classified right.

  Args:
    logits: float [N, classes].
    labels: int [N]; `schema.NO_LABEL` for a clip without a label.
    ks: the values of k.

  Returns:
    Whether the label of a clip is among the k classes of largest logits: bool
    [M, number of ks], for the M clips that have a label, in their order.
  """
  has_label = labels != schema.NO_LABEL
  best = ranking.best(logits[has_label], max(ks))
  is_label = best == labels[has_label, np.newaxis]
  return np.stack([is_label[:, :k].any(axis=-1) for k in ks], axis=-1)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
  """Computes the mean of -log(probability of the label), in nats.

  Args:
    logits: float [N, classes].
    labels: int [N]; `schema.NO_LABEL` for a clip without a label. At least one
      clip has a label.

  Returns:
    The mean of the clips that have a label. It is infinite if a label is no
    class, because such a class has no probability.
  """
  has_label = labels != schema.NO_LABEL
  logits, labels = logits[has_label].astype(np.float64), labels[has_label]
  if labels.min() < 0 or labels.max() >= logits.shape[-1]:
    return math.inf
  logits -= logits.max(axis=-1, keepdims=True)  # So that no power overflows.
  of_label = logits[np.arange(len(labels)), labels]
  return float(np.mean(np.log(np.exp(logits).sum(axis=-1)) - of_label))


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
  """Returns the confusion matrix.

  Args:
    logits: float [N, classes].
    labels: int [N]; `schema.NO_LABEL` for a clip without a label.

  Returns:
    The number of clips, int [classes, classes]. The row is the label, the
    column is the class of the largest logit.
  """
  counts = np.zeros([logits.shape[-1]] * 2, int)
  has_label = labels != schema.NO_LABEL
  answers = ranking.best(logits[has_label], 1)[:, 0]
  np.add.at(counts, (labels[has_label], answers), 1)
  return counts


def table(
  accuracies: Mapping[str, Mapping[str, Sequence[float] | None]],
) -> list[str]:
  """Formats accuracies, in percent, as a Markdown table.

  Args:
    accuracies: initialization -> stream -> the shares that a cell shows, such
      as what `top_k` returns. The keys are those of `COLUMNS` and of `ROWS`;
      every initialization has the same streams.

  Returns:
    The lines of the table.
  """
  streams = [key for key in ROWS if key in next(iter(accuracies.values()))]
  cells = [
    [_CORNER, *(COLUMNS[key] for key in accuracies)],
    *(
      [ROWS[stream], *(_cell(column[stream]) for column in accuracies.values())]
      for stream in streams
    ),
  ]
  widths = [max(map(len, column)) for column in zip(*cells)]
  rows = [
    ' | '.join(cell.ljust(width) for cell, width in zip(row, widths))
    for row in cells
  ]
  rows.insert(1, ' | '.join('-' * width for width in widths))
  return [f'| {row} |' for row in rows]


def _cell(shares: Sequence[float] | None) -> str:
  if shares is None:
    return 'not available'
  return ' / '.join(f'{100 * share:.1f}' for share in shares)
