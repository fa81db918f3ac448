"""Every clip is classified once, with others of its length."""

import collections

import numpy as np
import pytest

from two_stream import recipe
from two_stream.evaluation import clip_batches


def elements(lengths):
  for record, length in enumerate(lengths):
    yield {'record': record, 'clip': np.zeros([length, 1, 1, 1], np.uint8)}


@pytest.mark.parametrize('seed', range(5))
def test_batches_hold_every_clip_once_and_one_length_each(seed):
  lengths = np.random.default_rng(seed).integers(9, 251, 400)
  seen = []
  for batch in clip_batches.batches(elements(lengths)):
    (length,) = {len(element['clip']) for element in batch}
    assert length * len(batch) <= recipe.MAX_TEST_FRAMES
    seen.extend(element['record'] for element in batch)
  assert sorted(seen) == list(range(400))


def test_clips_of_few_lengths_fill_their_batches():
  lengths = np.random.default_rng(0).permutation([25] * 40 + [36] * 30)
  sizes = collections.Counter(
    (len(batch[0]['clip']), len(batch))
    for batch in clip_batches.batches(elements(lengths))
  )
  assert sizes == {(25, 10): 4, (36, 6): 5}


def test_few_frames_wait():
  """The generator of clips sees how many have not come back."""
  waiting, most = 0, 0

  def watched():
    nonlocal waiting, most
    for element in elements([*range(9, 251)] * 3):
      waiting += len(element['clip'])
      most = max(most, waiting)
      yield element

  for batch in clip_batches.batches(watched()):
    waiting -= sum(len(element['clip']) for element in batch)
  assert waiting == 0
  limit = clip_batches.WAITING_FRAMES
  assert limit < most <= limit + recipe.MAX_TEST_FRAMES
