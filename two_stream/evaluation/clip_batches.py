"""One network's logits of many clips at full length, equal lengths together.

A batch holds at most as many frames as the longest clip alone, and so do not
many more wait for others of their length: memory does not grow with the split.
"""

import collections

import numpy as np

from two_stream import recipe
from two_stream.records import clips

BATCH_FRAMES = recipe.MAX_TEST_FRAMES
WAITING_FRAMES = 2048  # 300 MB of RGB.


def of_clips(classify, stream, elements):
  """Classifies clips.

  Args:
    classify: a `classifier.Classifier`.
    stream: a key of `recipe.STREAMS`.
    elements: NumPy elements of `clips.test_clips`.

  Yields:
    (some of the elements, float32 [as many, classes]), until all had their
    turn; not in their order.
  """
  for batch in batches(elements):
    clip = np.stack([element['clip'] for element in batch])
    yield batch, classify(clips.scale(clip, stream))


def batches(elements):
  """Groups clips of one length, see the docstring of this module.

  Args:
    elements: as in `of_clips`.

  Yields:
    Lists of elements.
  """
  waiting = collections.defaultdict(list)  # Length -> elements.
  frames = lambda length: length * len(waiting[length])
  for element in elements:
    length = len(element['clip'])
    waiting[length].append(element)
    if frames(length) + length > BATCH_FRAMES:
      yield waiting.pop(length)
    elif sum(map(frames, waiting)) > WAITING_FRAMES:
      yield waiting.pop(max(waiting, key=frames))
  yield from waiting.values()
