"""Which views of a clip a network is tested on.

Without further wishes that is one view: the centre crop of all frames. Tables
of other networks are often made with many views, whose logits are averaged. A
plan says how many, and in which order they come: all crops of the first window
of time, then those of the second, and so on.

    --num_crops=1    the centre
    --num_crops=3    along the longer side: left, centre, right, or top, centre,
                     bottom (Wang et al., "Non-local Neural Networks",
                     https://arxiv.org/abs/1711.07971, section 5)
    --num_crops=10   the four corners and the centre, then their mirror images
                     (Krizhevsky et al., "ImageNet Classification with Deep
                     Convolutional Neural Networks", 2012, section 4.1)

views.py turns the number of a view into a view. This module needs no
TensorFlow.
"""

import dataclasses

from two_stream import errors, recipe

NUM_CROPS = (1, 3, 10)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewPlan:
  """The views of each clip.

  Attributes:
    num_clips: how many windows of time; they are equally spaced over the clip.
      The first begins where the clip begins and the last ends where it ends. A
      single window lies in the middle.
    clip_frames: the length of a window; None: all frames, up to
      `recipe.MAX_TEST_FRAMES`. A shorter clip is repeated from its start.
    num_crops: one of `NUM_CROPS`.
  """

  num_clips: int = 1
  clip_frames: int | None = None
  num_crops: int = 1

  def __post_init__(self) -> None:
    """Raises InputError if all windows would be the same."""
    if self.num_clips > 1 and self.clip_frames is None:
      raise errors.InputError(
        f'--num_clips={self.num_clips}: without --clip_frames a clip has all '
        f'frames; add --clip_frames, such as {recipe.TRAIN_FRAMES}'
      )

  @property
  def num_views(self) -> int:
    """How many views of each clip there are."""
    return self.num_clips * self.num_crops

  @property
  def flips(self) -> tuple[bool, ...]:
    """For each crop of a window, whether it is a mirror image."""
    is_ten = self.num_crops == NUM_CROPS[-1]
    return (False,) * 5 + (True,) * 5 if is_ten else (False,) * self.num_crops

  @property
  def name(self) -> str:
    """A short text that no other plan has, such as '10x64x3'."""
    return f'{self.num_clips}x{self.clip_frames or "all"}x{self.num_crops}'

  def describe(self) -> str:
    """Says what the views are."""
    frames = 'all frames'
    if self.clip_frames:
      windows = f'{self.num_clips} windows' if self.num_clips > 1 else 'window'
      frames = f'{windows} of {self.clip_frames} frames'
    crops = f'{self.num_crops} crops' if self.num_crops > 1 else 'centre crop'
    return f'{frames}, {crops}'


# The centre crop of all frames.
WHOLE_CLIP = ViewPlan()
