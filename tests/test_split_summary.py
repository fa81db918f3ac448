"""The content of {split}.json that nothing else shows."""

import numpy as np
import pytest

from two_stream.evaluation import split_logits, split_summary
from two_stream.records import schema, view_plan


@pytest.fixture(name='logits')
def make_logits():
  """Three clips, of which one has no label and one was repeated."""
  return split_logits.Logits(
    ids=np.array(['a', 'b', 'c']),
    labels=np.array([0, schema.NO_LABEL, 0], np.int32),
    networks={},
    damaged=[],
    repeated=np.array([False, True, False]),
  )


def test_records_of_other_programs_have_no_number_of_videos(logits):
  evaluated = split_summary.Evaluated(split='test', class_names=['x', 'y'])
  content = split_summary.make(evaluated, logits, {})
  assert content['videos'] is None
  assert (content['clips'], content['labelled']) == (3, 2)
  assert [each['clips'] for each in content['classes']] == [2, 0]
  assert split_summary.num_classes(logits.labels, ['x', 'y']) == 1


def test_clips_are_repeated_for_windows_alone(logits):
  for clip_frames, count in ((None, 0), (64, 1)):
    evaluated = split_summary.Evaluated(
      split='test',
      class_names=['x', 'y'],
      plan=view_plan.ViewPlan(clip_frames=clip_frames),
    )
    assert split_summary.num_repeated(evaluated, logits) == count
