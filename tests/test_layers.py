"""What a table of layers tells of the weights."""

import pytest
import tensorflow as tf

import i3d
from two_stream.networks import layers

TABLE = (
  ('first', layers.Conv(8, 3, 2)),
  ('pool', layers.MaxPool(3, 2)),
  (
    'block',
    {
      'left': (('a', layers.Conv(16, 1)), ('b', layers.Conv(32, (1, 3, 3)))),
      'right': (('pool', layers.MaxPool(3, 1)), ('c', layers.Conv(4, 1))),
    },
  ),
  ('last', layers.Conv(24, 1)),
)


def test_convolutions_come_with_their_paths_in_order():
  assert [path for path, _ in layers.convolutions(TABLE)] == [
    'first',
    'block/left/a',
    'block/left/b',
    'block/right/c',
    'last',
  ]


def test_each_layer_takes_the_channels_that_the_one_before_gives():
  shapes, channels = layers.weight_shapes(TABLE, 3, depth_multiplier=0.5)
  assert channels == 12
  assert shapes == {
    'first': [3, 3, 3, 3, 4],
    'block/left/a': [1, 1, 1, 4, 8],
    'block/left/b': [1, 3, 3, 8, 16],
    'block/right/c': [1, 1, 1, 4, 2],
    'last': [1, 1, 1, 18, 12],
  }


def test_the_shapes_are_those_of_the_network():
  net = i3d.InceptionI3d(7, depth_multiplier=1 / 16)
  net(tf.zeros([1, 9, 193, 193, 2]), is_training=False)
  prefix, suffix = 'inception_i3d/', '/conv_3d/w:0'
  found = {
    variable.name.removeprefix(prefix).removesuffix(suffix): variable.shape
    for variable in net.variables
    if variable.name.endswith(suffix)
  }
  logits = found.pop('Logits/Conv3d_0c_1x1')
  shapes, channels = layers.weight_shapes(i3d.LAYERS, 2, 1 / 16)
  assert shapes == found
  assert logits == [1, 1, 1, channels, 7]


def widths(multiplier):
  return {
    path: layers.scaled(layer.channels, multiplier)
    for path, layer in layers.convolutions(i3d.LAYERS)
  }


@pytest.mark.parametrize('multiplier', [1 / 16, 0.29, 0.3, 0.99, 1, 1.5])
def test_the_multiplier_is_found_that_gives_these_channels(multiplier):
  found = layers.fitting_multiplier(i3d.LAYERS, widths(multiplier))
  assert widths(found) == widths(multiplier)


def test_the_multiplier_is_that_of_most_layers():
  channels = {**widths(0.25), 'Mixed_3b/Branch_0/Conv3d_0a_1x1': 10**9}
  found = layers.fitting_multiplier(i3d.LAYERS, {**channels, 'unknown': 3})
  assert widths(found) == widths(0.25)


def test_no_multiplier_leaves_a_layer_without_channels():
  tiny = dict.fromkeys(widths(1), 1)
  assert layers.fitting_multiplier(i3d.LAYERS, tiny) >= layers.NARROWEST
  assert layers.fitting_multiplier(i3d.LAYERS, {}) == layers.NARROWEST
  assert min(widths(layers.NARROWEST).values()) == 1
  with pytest.raises(ValueError, match='1/16'):
    layers.scaled(16, 0.05)


def test_channels_are_rounded_down_but_not_by_a_rounding_error():
  assert layers.scaled(100, 0.29) == 29
  assert layers.scaled(100, 0.299) == 29
