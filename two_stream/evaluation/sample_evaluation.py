"""What the networks say of one sample: logits, and the lines to print."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from two_stream import files, recipe
from two_stream.evaluation import ranking
from two_stream.networks import classifier


def stream_logits(
  checkpoints: Mapping[str, files.PathLike],
  clips: Mapping[str, np.ndarray],
  precision: str = 'float32',
) -> dict[str, np.ndarray]:
  """Classifies a sample with each stream.

  The networks are loaded one after the other, so that only one is in memory. If
  a network is one that DeepMind released, the log says so.

  Args:
    checkpoints: stream -> prefix of the checkpoint.
    clips: stream -> float32 [1, T, 224, 224, channels], T >= 9.
    precision: of weights and activations, 'float32' or 'bfloat16'.

  Returns:
    stream -> float32 [classes], for the streams of `checkpoints`.

  Raises:
    InputError: a checkpoint cannot be used, or gives logits that are not
      finite.
  """
  logits = {}
  for stream, path in checkpoints.items():
    scope = recipe.STREAMS[stream].scope
    classify = classifier.load(path, scope, precision)
    if classify.provenance:
      logging.info('%s: %s', path, classify.provenance)
    logits[stream] = classify(clips[stream])[0]
  return logits


def lines(
  logits: np.ndarray, class_names: Sequence[str], top_k: int
) -> list[str]:
  """Writes the answer in the format of DeepMind's evaluate_sample.py.

  Args:
    logits: float32 [classes].
    class_names: in the order of the logits.
    top_k: how many classes to name at most.

  Returns:
    The norm of the logits, a blank line and a heading; then for each class its
    probability, its logit and its name, the most probable class first.
  """
  return [
    f'Norm of logits: {np.linalg.norm(logits):f}',
    '',
    'Top classes and probabilities',
    *(
      ' '.join(map(str, row))
      for row in ranking.top_classes(logits, class_names, top_k)
    ),
  ]
