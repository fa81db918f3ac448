"""The answers for clips whose labels are not public, as files to send in.

{split}_predictions_{stream}_{initialization}.csv
    A header, then for each clip its id and the five most probable classes:
    `id,class_1,probability_1,...,class_5,probability_5`. Values with commas or
    quotation marks are quoted.

{split}_submission_{stream}_{initialization}.csv
    The form in which answers for the test split of Something-Something were
    sent in: `id;index_1;...;index_5` and no header. An index is the number of a
    class in the label map, from 0. The form is that of the function
    get_submission in https://github.com/TwentyBN/smth-smth-v2-baseline-with-models
    (utils.py).

The stream is 'joint' if both streams were evaluated.
"""

import csv
import io
from collections.abc import Sequence

import numpy as np

from two_stream import documents, errors
from two_stream.evaluation import ranking

_MOST_CLASSES = 5
# An id with one of these would look like more fields or more lines.
_SEPARATORS = frozenset(';"\r\n')


def table(
  ids: Sequence[str], logits: np.ndarray, class_names: Sequence[str]
) -> str:
  """Returns the content of a file of predictions.

  Args:
    ids: the ids of the clips.
    logits: float [N, classes].
    class_names: in the order of the logits.
  """
  content = io.StringIO()
  writer = csv.writer(content, lineterminator='\n')
  ranks = range(1, min(_MOST_CLASSES, len(class_names)) + 1)
  pairs = [(f'class_{rank}', f'probability_{rank}') for rank in ranks]
  writer.writerow(['id', *sum(pairs, ())])
  for clip_id, of_clip in zip(ids, logits):
    answers = ranking.top_classes(of_clip, class_names, _MOST_CLASSES)
    fields = [(name, f'{probability:.6g}') for probability, _, name in answers]
    writer.writerow([clip_id, *sum(fields, ())])
  return content.getvalue()


def submission(ids: Sequence[str], logits: np.ndarray) -> str:
  """Returns the content of a file to send in.

  Args:
    ids: the ids of the clips.
    logits: float [N, classes].

  Raises:
    InputError: the form cannot hold an id. The ids of Something-Something are
      numbers.
  """
  for clip_id in ids:
    if not _SEPARATORS.isdisjoint(clip_id):
      raise errors.InputError(
        f'id {documents.quote(clip_id)} does not fit into id;1;2;3;4;5'
      )
  best = ranking.best(logits, _MOST_CLASSES)
  return ''.join(
    f'{clip_id};{";".join(map(str, row))}\n' for clip_id, row in zip(ids, best)
  )
