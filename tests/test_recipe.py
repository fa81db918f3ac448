"""The recipe's numbers are the published ones."""

import pytest

import i3d
from two_stream import errors, recipe


def test_64_of_68_replicas_make_a_step_of_384_clips():
  assert recipe.REPLICAS_TO_AGGREGATE + recipe.BACKUP_REPLICAS == 68
  assert recipe.REPLICAS_TO_AGGREGATE * recipe.BATCH_SIZE == 384


def test_a_training_clip_is_2_56_seconds():
  assert recipe.TRAIN_FRAMES / 25 == 2.56


def test_streams_differ_in_channels_names_and_length():
  rgb, flow = recipe.STREAMS['rgb'], recipe.STREAMS['flow']
  assert (rgb.scope, rgb.channels, rgb.max_steps) == ('RGB', 3, 115_000)
  assert (flow.scope, flow.channels, flow.max_steps) == ('Flow', 2, 155_000)


def test_what_it_says_of_the_network_is_the_networks():
  assert recipe.MIN_FRAMES == i3d.MIN_FRAMES
  assert recipe.BATCH_NORM_DECAY == i3d.BATCH_NORM_DECAY


def test_a_schedule_is_read():
  rows = recipe.parse_learning_rates('0:0.1,97000:1e-2')
  assert rows == ((0, 0.1), (97_000, 0.01))


@pytest.mark.parametrize(
  'text', ['', '0.1', '1:0.1', '0:0.1,5:0.2,5:0.3', '0:0.1,9:1,5:1', '0:x']
)
def test_a_schedule_that_is_none_is_refused(text):
  with pytest.raises(errors.InputError, match='0:0.1,97000:0.01'):
    recipe.parse_learning_rates(text)
