"""The streams' logits are added, and a single stream stays as it is."""

import numpy as np

from two_stream.evaluation import fusion

LOGITS = {'rgb': np.float32([[1, 2.5]]), 'flow': np.float32([[3, -1]])}


def test_logits_are_added():
  np.testing.assert_array_equal(fusion.add(LOGITS), [[4, 1.5]])
  assert fusion.add(LOGITS).dtype == np.float32


def test_both_streams_together_come_last():
  combined = fusion.with_joint(LOGITS)
  assert list(combined) == ['rgb', 'flow', 'joint']
  np.testing.assert_array_equal(combined['joint'], [[4, 1.5]])
  assert list(LOGITS) == ['rgb', 'flow']


def test_a_single_stream_has_nothing_to_be_fused_with():
  assert fusion.with_joint({'flow': LOGITS['flow']}) == {'flow': LOGITS['flow']}
