"""The recipe's numbers are the published ones."""

import numpy as np
import pytest
import tensorflow as tf

import i3d
from two_stream import errors, recipe
from two_stream.networks import batch_norm, layers
from two_stream.training import objective


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
  assert recipe.BATCH_NORM_DECAY == batch_norm.DECAY
  with_weights = {
    path.partition('/')[0]: None for path, _ in layers.convolutions(i3d.LAYERS)
  }
  assert (*with_weights, recipe.LOGITS) == recipe.UNITS


def test_units_to_train_are_read_in_the_order_of_the_network():
  assert recipe.parse_units('') == ()
  assert recipe.parse_units('Logits') == ('Logits',)
  assert recipe.parse_units('Logits,Mixed_5c,Logits') == ('Mixed_5c', 'Logits')


@pytest.mark.parametrize(
  'text',
  [
    *('logits', 'Logits,', ',', ' Logits', 'Logits/Conv3d_0c_1x1', 'Mixed'),
    *('MaxPool3d_2a_3x3,Logits', 'Predictions', 'Mixed_5c Logits'),
  ],
)
def test_what_is_no_unit_is_refused_with_all_names(text):
  with pytest.raises(errors.InputError, match='Mixed_5b, Mixed_5c, Logits'):
    recipe.parse_units(text)


def test_the_logits_have_to_be_trained():
  """They are of the new classes."""
  with pytest.raises(errors.InputError, match='--train_only=Mixed_5c,Logits'):
    recipe.parse_units('Mixed_5c')


def test_a_schedule_is_read():
  rows = recipe.parse_learning_rates('0:0.1,97000:1e-2')
  assert rows == ((0, 0.1), (97_000, 0.01))


@pytest.mark.parametrize('rate', ['1', '1.', '.5', '5E-1', '1e+2', '0', '1e38'])
def test_a_rate_is_written_as_any_number(rate):
  assert recipe.parse_learning_rates(f'0:{rate}') == ((0, float(rate)),)


@pytest.mark.parametrize(
  'text',
  [
    *('', '0.1', '1:0.1', '0:0.1,5:0.2,5:0.3', '0:0.1,9:1,5:1', '0:0.1,', ':'),
    *(
      f'0:{rate}'
      for rate in (
        *('', 'x', 'nan', 'inf', '-1', '-0', '+1', '1e39', '1e999', '1_0'),
        *(' 1', '1 ', '\u0661', '1.2.3', '.', 'e1', '0x1', '1:1', '1' * 5000),
      )
    ),
    *(
      f'0:0.1,{step}:0.2'
      for step in (
        '1_0',
        ' 5',
        '+5',
        '05',
        '5.0',
        '\u0665',
        '9' * 30,
        '9' * 5000,
      )
    ),
  ],
)
def test_a_schedule_that_is_none_is_refused(text):
  with pytest.raises(errors.InputError, match='0:0.1,97000:0.01') as error:
    recipe.parse_learning_rates(text)
  assert len(str(error.value)) < 300


@pytest.mark.parametrize('stream', recipe.STREAMS)
def test_a_schedule_is_written_as_it_is_read(stream):
  rows = recipe.STREAMS[stream].learning_rates
  text = recipe.format_learning_rates(rows)
  assert recipe.parse_learning_rates(text) == rows


# stream -> (step, rate) on both sides of every boundary. In the README's words:
# RGB 1e-1 to 97k, 1e-2 to 108k, 1e-3 to 115k, and so on.
BOUNDARIES = {
  'rgb': [
    (0, 1e-1),
    (96_999, 1e-1),
    (97_000, 1e-2),
    (107_999, 1e-2),
    (108_000, 1e-3),
    (114_999, 1e-3),
  ],
  'flow': [
    (0, 1e-1),
    (96_999, 1e-1),
    (97_000, 1e-2),
    (104_499, 1e-2),
    (104_500, 1e-3),
    (114_999, 1e-3),
    (115_000, 1e-1),
    (139_999, 1e-1),
    (140_000, 1e-2),
    (149_999, 1e-2),
    (150_000, 1e-3),
    (154_999, 1e-3),
  ],
}


@pytest.mark.parametrize('stream', recipe.STREAMS)
def test_the_rate_changes_at_the_published_steps(stream):
  rows = recipe.STREAMS[stream].learning_rates
  for step, rate in BOUNDARIES[stream]:
    found = objective.learning_rate(tf.constant(step), rows)
    assert found.numpy() == np.float32(rate)
  assert recipe.STREAMS[stream].max_steps == BOUNDARIES[stream][-1][0] + 1


def test_the_rate_of_a_step_is_that_of_the_last_row_before():
  rows = recipe.parse_learning_rates('0:0.1,10:0.01,20:0')
  rates = [recipe.rate_of_step(step, rows) for step in (0, 9, 10, 19, 20, 99)]
  assert rates == [0.1, 0.1, 0.01, 0.01, 0.0, 0.0]
