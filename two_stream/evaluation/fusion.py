"""Two-stream fusion: the logits of the RGB and the Flow stream are added.

The two networks are trained apart. Carreira & Zisserman average their
predictions at test time (https://arxiv.org/abs/1705.07750, section 2.4), and
DeepMind's released script adds the logits, which is what happens here.
"""

import functools
from collections.abc import Mapping

import numpy as np

JOINT = 'joint'  # The name of both streams together.


def add(logits: Mapping[str, np.ndarray]) -> np.ndarray:
  """Returns the sum of the streams' logits.

  Args:
    logits: stream -> float32 [..., classes], the same shape for each stream.
  """
  return functools.reduce(np.add, logits.values())


def with_joint(logits: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the logits of each stream, then those of both streams together.

  Args:
    logits: as in `add`.

  Returns:
    stream -> logits. The last key is `JOINT` if there is more than one stream;
    a single stream is returned as it is.
  """
  if len(logits) < 2:
    return dict(logits)
  return {**logits, JOINT: add(logits)}
