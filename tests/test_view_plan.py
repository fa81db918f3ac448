"""Which views there are, and how they are called."""

import pytest

from two_stream import errors
from two_stream.records import view_plan


def test_the_usual_view_is_the_whole_clip():
  plan = view_plan.ViewPlan()
  assert plan == view_plan.WHOLE_CLIP
  assert plan.num_views == 1
  assert plan.flips == (False,)
  assert plan.describe() == 'all frames, centre crop'


def test_views_are_windows_times_crops():
  plan = view_plan.ViewPlan(num_clips=10, clip_frames=64, num_crops=3)
  assert plan.num_views == 30
  assert plan.flips == (False, False, False)
  assert plan.name == '10x64x3'
  assert plan.describe() == '10 windows of 64 frames, 3 crops'
  one = view_plan.ViewPlan(clip_frames=64)
  assert one.describe() == 'window of 64 frames, centre crop'


def test_half_of_ten_crops_are_mirror_images():
  plan = view_plan.ViewPlan(num_crops=10)
  assert plan.flips == (False,) * 5 + (True,) * 5
  assert plan.describe() == 'all frames, 10 crops'


def test_windows_that_would_all_be_the_same_are_refused():
  with pytest.raises(errors.InputError, match='add --clip_frames, such as 64'):
    view_plan.ViewPlan(num_clips=2)
