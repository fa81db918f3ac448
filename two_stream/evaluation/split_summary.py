"""What was evaluated, and the content of {split}.json."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from two_stream.evaluation import (
  class_accuracy,
  split_logits,
  video_counts,
)
from two_stream.records import schema, view_plan

# Initialization -> stream or 'joint' -> how often the logits are right.
Accuracies = Mapping[str, Mapping[str, class_accuracy.Accuracies]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluated:
  """What was evaluated.

  Attributes:
    split: the name of the split, which the names of the files begin with.
    class_names: in the order of the logits.
    videos: how many videos of the split there are, if that is known.
    plan: the views of each clip.
  """

  split: str
  class_names: Sequence[str]
  videos: video_counts.VideoCounts | None = None
  plan: view_plan.ViewPlan = view_plan.WHOLE_CLIP


def make(
  evaluated: Evaluated, logits: split_logits.Logits, accuracies: Accuracies
) -> dict[str, Any]:
  """Returns the content of {split}.json."""
  names = evaluated.class_names
  videos = evaluated.videos
  return {
    'split': evaluated.split,
    'videos': None if videos is None else videos._asdict(),
    'clips': len(logits.ids),
    'labelled': int(np.sum(logits.labels != schema.NO_LABEL)),
    'damaged': len(logits.damaged),
    'damaged_records': [
      dataclasses.asdict(damage) for damage in logits.damaged
    ],
    'views': dataclasses.asdict(evaluated.plan),
    'repeated': num_repeated(evaluated, logits),
    'classes_with_clips': num_classes(logits.labels, names),
    'accuracy': {
      initialization: {
        stream: each.overall
        and _shares(each.overall, mean_class=each.mean_class)
        for stream, each in streams.items()
      }
      for initialization, streams in accuracies.items()
    },
    'classes': [
      {
        'name': name,
        'clips': int(count),
        'accuracy': _of_class(accuracies, index) if count else None,
      }
      for index, (name, count) in enumerate(
        zip(names, class_accuracy.count_clips(logits.labels, len(names)))
      )
    ],
  }


def _of_class(
  accuracies: Accuracies, index: int
) -> dict[str, dict[str, dict[str, float | None]]]:
  """Returns the accuracies over the clips of one class, for {split}.json."""
  return {
    initialization: {
      stream: _shares(each.of_classes[index].tolist())
      for stream, each in streams.items()
    }
    for initialization, streams in accuracies.items()
  }


def _shares(
  top: Sequence[float], **others: float | None
) -> dict[str, float | None]:
  """Gives accuracies their names in {split}.json."""
  names = [f'top_{k}' for k in class_accuracy.KS]
  return {**dict(zip(names, top)), **others}


def num_repeated(evaluated: Evaluated, logits: split_logits.Logits) -> int:
  """Returns how many clips are shorter than --clip_frames."""
  if evaluated.plan.clip_frames is None:
    return 0
  return int(logits.repeated.sum())


def num_classes(labels: np.ndarray, class_names: Sequence[str]) -> int:
  """Returns how many classes have clips.

  Args:
    labels: int [N]; `schema.NO_LABEL` for a clip without a label.
    class_names: in the order of the class indices.
  """
  counts = class_accuracy.count_clips(labels, len(class_names))
  return int(np.count_nonzero(counts))
