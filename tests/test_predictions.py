"""Files of answers."""

import csv
import io

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import predictions

NAMES = ['plain', 'with, comma', 'with "quotes"', 'd', 'e', 'f', 'g']
IDS = ['-kWZ#1', '=1+1', 'a,"b"']
LOGITS = np.log(
  [
    [1, 2, 3, 4, 5, 6, 7],
    [7, 6, 5, 4, 3, 2, 1],
    [1, 7, 2, 6, 3, 5, 4],
  ]
).astype(np.float32)


def test_a_table_of_predictions_has_the_five_most_probable_classes():
  """The logits are logarithms of 1 to 7, so that probabilities are n / 28."""
  content = predictions.table(IDS, LOGITS, NAMES)
  header, *rows = csv.reader(io.StringIO(content))
  assert header == ['id'] + [
    f'{kind}_{rank}'
    for rank in (1, 2, 3, 4, 5)
    for kind in ('class', 'probability')
  ]
  assert [row[0] for row in rows] == IDS
  assert rows[0][1::2] == ['g', 'f', 'e', 'd', 'with "quotes"']
  assert rows[1][1::2] == NAMES[:5]
  for row in rows:
    found = [float(probability) for probability in row[2::2]]
    assert found == pytest.approx([n / 28 for n in (7, 6, 5, 4, 3)], 1e-5)
  assert content.splitlines()[1].startswith('-kWZ#1,g,0.25,f,')


def test_fewer_classes_have_fewer_columns():
  content = predictions.table(['1'], LOGITS[:1, :2], NAMES[:2])
  assert content.splitlines() == [
    'id,class_1,probability_1,class_2,probability_2',
    '1,"with, comma",0.666667,plain,0.333333',
  ]


def test_what_is_sent_in_is_what_20bns_own_code_writes():
  """Its lines are '{id}' and five times ';{index}', the best class first."""
  assert predictions.submission(['78687', '5', '6'], LOGITS) == (
    '78687;6;5;4;3;2\n5;0;1;2;3;4\n6;1;3;5;6;4\n'
  )


@pytest.mark.parametrize('clip_id', ['a;b', 'a"b', 'a\nb'])
def test_an_id_that_the_form_cannot_hold_is_refused(clip_id):
  with pytest.raises(errors.InputError, match='does not fit'):
    predictions.submission([clip_id], LOGITS[:1])
