"""Flips swap the labels of left and right, however the names are written."""

import time

import pytest

from two_stream.datasets import mirroring
from two_stream.datasets.mirroring import CANNOT_FLIP


def test_pairs_of_something_something_swap_and_the_others_stay():
  names = [
    'Pulling something from left to right',
    'Putting something upright on the table',
    'Turning the camera right while filming something',
    'Pulling something from right to left',
    'Pushing something from right to left',
    'Turning the camera left while filming something',
    'Pushing something from left to right',
  ]
  assert mirroring.flipped_labels(names) == [3, 1, 5, 0, 6, 2, 4]


@pytest.mark.parametrize(
  ('name', 'image'),
  [
    ('turn left', 'turn right'),
    ('turn_left', 'turn_right'),
    ('turn-left-slowly', 'turn-right-slowly'),
    ('TurnLeft', 'TurnRight'),
    ('turnLeft', 'turnRight'),
    ('leftTurn', 'rightTurn'),
    ('LeftTURN', 'RightTURN'),
    ('TURNLeft', 'TURNRight'),
    ('turnLEFT', 'turnRIGHT'),
    ('TURN_LEFT', 'TURN_RIGHT'),
    ('LEFT', 'RIGHT'),
    ('left-hand', 'right-hand'),
    ('Left-hand', 'Right-hand'),
    ('Left2Right', 'Right2Left'),
    ('left2', 'right2'),
    ('2left', '2right'),
    ('(left)', '(right)'),
    ('from left to right', 'from right to left'),
    ('from_RIGHT_to_Left', 'from_LEFT_to_Right'),
    ('drift leftwards', 'drift rightwards'),
    ('the leftmost one', 'the rightmost one'),
    ('Turning Hand Clockwise', 'Turning Hand Counterclockwise'),
  ],
)
def test_sides_are_found_in_every_way_of_writing(name, image):
  assert mirroring.flipped_labels([name, 'rest', image]) == [2, 1, 0]
  assert mirroring.flipped_labels([name, 'rest']) == [CANNOT_FLIP, 1]


@pytest.mark.parametrize(
  'name',
  [
    *('leftover', 'leftovers', 'Leftover', 'LEFTOVER', 'using_leftovers'),
    *('bright', 'Bright', 'BRIGHT', 'copyright', 'Copyright', 'COPYRIGHT'),
    *('upright', 'Upright', 'cleft', 'Cleft', 'CLEFT', 'righteous', 'rightly'),
    *('éleft', 'leftö', 'wise', 'lefty'),
  ],
)
def test_words_that_only_contain_a_side_have_none(name):
  assert mirroring.flipped_labels([name]) == [0]


def test_other_data_sets_have_names_without_sides():
  """Those of Kinetics, UCF-101 and HMDB-51 that come nearest to one."""
  names = [
    *('answering questions', 'front raises', 'side kick', 'moving furniture'),
    *('bending back', 'spinning poi', 'steering car', 'directing traffic'),
    *('head stand', 'standing on hands', 'throwing ball (not baseball)'),
    *('changing wheel (not on bike)', 'waving hand', 'tightrope walking'),
    *('shot put', 'land sailing', 'clean and jerk', 'playing pinball'),
    *('HandstandPushups', 'CleanAndJerk', 'BalanceBeam', 'BodyWeightSquats'),
    *('RockClimbingIndoor', 'TennisSwing', 'WritingOnBoard', 'SalsaSpin'),
    *('turn', 'climb_stairs', 'flic_flac', 'handstand', 'swing_baseball'),
    *('draw_sword', 'kick_ball', 'fall_floor', 'shoot_bow', 'sword_exercise'),
  ]
  assert mirroring.flipped_labels(names) == list(range(len(names)))


def test_gestures_of_jester_swap():
  names = [
    *('Swiping Left', 'Sliding Two Fingers Right', 'Swiping Right'),
    *('Sliding Two Fingers Left', 'Turning Hand Counterclockwise'),
    *('Turning Hand Clockwise', 'Swiping Down'),
  ]
  assert mirroring.flipped_labels(names) == [2, 3, 0, 1, 5, 4, 6]


def test_a_side_in_another_style_is_no_partner():
  names = ['turn_left', 'TurnRight', 'turn right']
  assert mirroring.flipped_labels(names) == [CANNOT_FLIP] * 3


def test_the_other_spelling_of_a_turn_is_at_least_never_mislabelled():
  names = ['clockwise', 'anticlockwise']
  assert mirroring.flipped_labels(names) == [CANNOT_FLIP, 0]


def test_a_run_says_what_its_flips_do():
  names = ['turn_left', 'rest', 'Push right', 'turn_right', 'anticlockwise']
  names.append('clockwise')
  flipped = mirroring.flipped_labels(names)
  assert list(mirroring.describe(names, flipped)) == [
    "flips swap 'turn_left' and 'turn_right'",
    "clips of 'Push right' are never flipped: there is no class 'Push left'",
    "flips turn 'anticlockwise' into 'clockwise'",
    "clips of 'clockwise' are never flipped: there is no class "
    "'counterclockwise'",
  ]
  assert list(mirroring.describe(['a', 'b'], [0, 1])) == []


def test_flips_can_be_turned_off():
  names = ['turn_left', 'rest', 'turn_right']
  never = mirroring.never(names)
  assert never == [CANNOT_FLIP] * 3
  assert list(mirroring.describe(names, never)) == ['no clip is flipped']


def test_thousands_of_classes_take_no_time():
  """500 took 1.6 seconds once, and twice as many 9.9."""
  names = [
    f'push {i} {side}' for i in range(5000) for side in ('left', 'right')
  ]
  start = time.process_time()
  flipped = mirroring.flipped_labels(names)
  assert time.process_time() - start < 2
  assert flipped == [i ^ 1 for i in range(10_000)]
