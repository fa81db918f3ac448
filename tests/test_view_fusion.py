"""The logits of the views of a clip are averaged, and mirror images mapped."""

import numpy as np
import pytest

from two_stream.evaluation import view_fusion
from two_stream.records import view_plan

TEN = view_plan.ViewPlan(num_crops=10)
SIDES = ['turn left', 'turn right', 'stop', 'look right']  # No 'look left'.


def views_of(*logits):
  return np.array(logits, np.float32)


def test_the_logits_of_upright_views_are_averaged():
  plan = view_plan.ViewPlan(num_clips=2, clip_frames=9, num_crops=3)
  logits = np.random.default_rng(0).normal(size=[6, 4]).astype(np.float32)
  averaged = view_fusion.ViewFusion(plan, SIDES).average(logits)
  assert averaged.dtype == np.float32
  for index in range(4):
    mean = sum(float(row[index]) for row in logits) / 6
    assert averaged[index] == pytest.approx(mean, abs=1e-6)


def test_a_mirror_image_votes_for_the_class_that_it_shows_mirrored():
  """In each upright view 'turn left' has 8, in each mirrored one 'turn right'.

  'stop' has 1 and 3. A clip of 'look right' has no mirrored class, so that its
  5 of the upright views stay.
  """
  upright, mirrored = [8, 0, 1, 5], [0, 8, 3, -100]
  averaged = view_fusion.ViewFusion(TEN, SIDES).average(
    views_of(*[upright] * 5, *[mirrored] * 5)
  )
  assert averaged.tolist() == [8, 0, 2, 5]


def test_mirror_images_are_those_of_each_window():
  plan = view_plan.ViewPlan(num_clips=2, clip_frames=9, num_crops=10)
  upright, mirrored = [8, 0, 1, 5], [0, 8, 3, -100]
  averaged = view_fusion.ViewFusion(plan, SIDES).average(
    views_of(*([upright] * 5 + [mirrored] * 5) * 2)
  )
  assert averaged.tolist() == [8, 0, 2, 5]


def test_a_single_view_keeps_its_logits_to_the_bit():
  fusion = view_fusion.ViewFusion(view_plan.WHOLE_CLIP, SIDES)
  logits = views_of([-0.0, 1e-45, 0.1, 3e38])
  assert fusion.average(logits).tobytes() == logits.tobytes()
  assert fusion.add(0, 0, logits[0]).tobytes() == logits.tobytes()


def test_a_clip_is_complete_with_its_last_view_in_any_order():
  plan = view_plan.ViewPlan(num_crops=3)
  logits = np.float32([[0.1, 0, 0, 0], [1e8, 0, 0, 0], [-1e8, 0, 0, 0]])
  fusion = view_fusion.ViewFusion(plan, SIDES)
  results = []
  for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
    for count, view in enumerate(order, 1):
      result = fusion.add(7, view, logits[view])
      assert (result is None) == (count < 3)
      # Another clip, which lacks its last view, stays apart.
      assert fusion.add(8, min(view, 1), logits[0]) is None
    results.append(result.tobytes())
  assert len(set(results)) == 1


def test_the_name_tells_what_the_logits_depend_on():
  """That is the plan, and for mirror images the classes that are swapped."""
  name = lambda plan, names: view_fusion.ViewFusion(plan, names).name
  assert name(view_plan.WHOLE_CLIP, SIDES) == ''
  three = view_plan.ViewPlan(num_crops=3)
  assert name(three, SIDES) == name(three, ['a'] * 4) == '1xallx3'
  assert name(TEN, SIDES) == '1xallx10 1 0 2 -1'
