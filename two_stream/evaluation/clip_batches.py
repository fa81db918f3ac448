"""The logits of many clips of full length; clips of equal length form batches.

A batch holds at most `BATCH_FRAMES` frames, as many as the longest clip of a
data set has alone. Clips wait until there are enough of their length, but never
more than about `WAITING_FRAMES` frames wait. So the memory needed does not grow
with the number of clips.
"""

import collections
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from two_stream import recipe
from two_stream.records import clips

BATCH_FRAMES = recipe.MAX_TEST_FRAMES
WAITING_FRAMES = 2048  # 300 MB of RGB.

# One clip of `clips.test_clips` with its record, id and label, as NumPy values.
Element = dict[str, Any]


def of_clips(
  classify: Callable[[np.ndarray], np.ndarray],
  stream: str,
  elements: Iterable[Element],
) -> Iterator[tuple[list[Element], np.ndarray]]:
  """Classifies clips, batch by batch.

  Args:
    classify: a `classifier.Classifier`.
    stream: a key of `recipe.STREAMS`.
    elements: NumPy elements of `clips.test_clips`.

  Yields:
    (the elements of a batch, their logits float32 [batch, classes]). Every
    element comes once, but not in the order of `elements`.
  """
  for batch in batches(elements):
    clip = np.stack([element['clip'] for element in batch])
    yield batch, classify(clips.scale(clip, stream))


def batches(elements: Iterable[Element]) -> Iterator[list[Element]]:
  """Forms batches of clips of equal length, see the docstring of this module.

  Args:
    elements: NumPy elements of `clips.test_clips`.

  Yields:
    The elements of a batch.
  """
  # Number of frames -> the elements of that length that wait.
  waiting: dict[int, list[Element]] = collections.defaultdict(list)
  frames = lambda length: length * len(waiting[length])
  for element in elements:
    length = len(element['clip'])
    waiting[length].append(element)
    if frames(length) + length > BATCH_FRAMES:
      yield waiting.pop(length)
    elif sum(map(frames, waiting)) > WAITING_FRAMES:
      yield waiting.pop(max(waiting, key=frames))
  yield from waiting.values()
