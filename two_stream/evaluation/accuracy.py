"""Top-k accuracy, confusion, and the table that DeepMind's README has.

An accuracy is a share of the labelled clips; those without a public label
count nowhere.
"""

import numpy as np

from two_stream.evaluation import fusion, ranking
from two_stream.records import schema

ROWS = {'rgb': 'RGB-I3D', 'flow': 'Flow-I3D', fusion.JOINT: 'Two-Stream I3D'}
COLUMNS = {'imagenet': 'from ImageNet', 'scratch': 'from scratch'}
_CORNER = 'Model'


def top_k(logits, labels, ks=(1, 5)):
  """Tells how often a clip's label is among the k classes of largest logits.

  Equal logits rank as in ranking.py.

  Args:
    logits: float [N, classes].
    labels: int [N]; `schema.NO_LABEL` where there is none.
    ks: the numbers of classes.

  Returns:
    A list of shares, as many as `ks`; None if no clip has a label.
  """
  has_label = labels != schema.NO_LABEL
  if not has_label.any():
    return None
  order = ranking.order(logits[has_label])
  is_label = order == labels[has_label, np.newaxis]
  return [float(np.mean(is_label[:, :k].any(axis=-1))) for k in ks]


def confusion(logits, labels):
  """Counts the clips of each class by the class they were taken for.

  Args:
    logits: float [N, classes].
    labels: as in `top_k`.

  Returns:
    int [classes, classes]; row: label, column: the class that ranks first.
  """
  counts = np.zeros([logits.shape[-1]] * 2, int)
  has_label = labels != schema.NO_LABEL
  answers = ranking.order(logits[has_label])[:, 0]
  np.add.at(counts, (labels[has_label], answers), 1)
  return counts


def table(accuracies):
  """Writes accuracies in percent as a Markdown table.

  Args:
    accuracies: initialization (a key of `COLUMNS`) -> stream (of `ROWS`) ->
      what `top_k` returns.

  Returns:
    Lines of equal length.
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


def _cell(shares):
  if shares is None:
    return 'not available'
  return ' / '.join(f'{100 * share:.1f}' for share in shares)
