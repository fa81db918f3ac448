"""The clips that a job trains on, whichever engine reads them."""

import logging
from collections.abc import Sequence

from two_stream.datasets import mirroring
from two_stream.records import clips, record_index
from two_stream.training import training_job


def reading(
  hyperparameters: training_job.Hyperparameters,
  class_names: Sequence[str],
  index: record_index.RecordIndex,
) -> clips.Reading:
  """Describes what a training reads, and how.

  Args:
    hyperparameters: the hyperparameters of the job.
    class_names: the label map, in the order of the labels in the records.
    index: where the records of the training split are.

  Returns:
    What `clips.training_clips` takes.
  """
  flips = mirroring.flipped_labels if hyperparameters.flip else mirroring.never
  return clips.Reading(
    records=index,
    stream=hyperparameters.stream,
    num_frames=hyperparameters.num_frames,
    flipped_labels=flips(class_names),
    seed=hyperparameters.seed,
  )


def log_flips(
  class_names: Sequence[str], flipped_labels: Sequence[int]
) -> None:
  """Logs what becomes of the labels of clips that are flipped.

  Args:
    class_names: the label map.
    flipped_labels: the field of `clips.Reading`.
  """
  for line in mirroring.describe(class_names, flipped_labels):
    logging.info('%s', line)
