"""The logits of a clip from those of its views.

The logits of all views are averaged. A view that is a mirror image shows what
would be another class if the class has a side: a clip of 'turn left' looks like
'turn right'. So the logit of each class is taken from the class that its mirror
image belongs to. For a class whose mirror image belongs to no class, the mirror
images count nowhere, and only the other views are averaged.
"""

from collections.abc import Sequence

import numpy as np

from two_stream.datasets import mirroring
from two_stream.records import view_plan


class ViewFusion:
  """Collects the logits of views until a clip has all of its views.

  Args:
    plan: the views of each clip.
    class_names: in the order of the logits.
  """

  def __init__(
    self, plan: view_plan.ViewPlan, class_names: Sequence[str]
  ) -> None:
    self._plan = plan
    self._flipped = np.array(mirroring.flipped_labels(class_names))
    # Record -> number of a view -> its logits.
    self._waiting: dict[int, dict[int, np.ndarray]] = {}

  @property
  def name(self) -> str:
    """A text that changes when the views or what is made of them changes.

    It is '' for the centre crop of all frames.
    """
    if self._plan == view_plan.WHOLE_CLIP:
      return ''
    if not any(self._plan.flips):
      return self._plan.name
    return f'{self._plan.name} {" ".join(map(str, self._flipped))}'

  def add(
    self, record: int, view: int, logits: np.ndarray
  ) -> np.ndarray | None:
    """Adds the logits of a view.

    Args:
      record: which clip.
      view: number of the view, see `views.planned`.
      logits: float32 [classes].

    Returns:
      The logits of the clip, float32 [classes], if it has all views now.
    """
    views = self._waiting.setdefault(record, {})
    views[view] = logits
    if len(views) < self._plan.num_views:
      return None
    del self._waiting[record]
    return self.average(np.stack([views[number] for number in sorted(views)]))

  def average(self, logits: np.ndarray) -> np.ndarray:
    """Averages the logits of all views of a clip.

    Args:
      logits: float32 [views, classes], in the order of the views.

    Returns:
      float32 [classes].
    """
    if len(logits) == 1:
      return logits[0]
    flips = np.tile(self._plan.flips, self._plan.num_clips)
    # Index -1 gives some logit, which is not used.
    mirrored = logits[flips][:, self._flipped]
    upright = logits[~flips].astype(np.float64)
    both = np.concatenate([upright, mirrored])
    can_flip = self._flipped != mirroring.CANNOT_FLIP
    return np.where(can_flip, both.mean(axis=0), upright.mean(axis=0)).astype(
      np.float32
    )
