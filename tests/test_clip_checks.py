"""What is told of clips that a network cannot take."""

import numpy as np
import pytest
import tensorflow as tf

import i3d
from two_stream.networks import clip_checks

SHAPE = (1, 9, 224, 224, 3)


@pytest.mark.parametrize('dtype', ['uint8', 'int64'])
def test_whole_numbers_are_told_to_be_scaled(dtype):
  check = clip_checks.ClipCheck(9)
  with pytest.raises(ValueError, match='^a clip of .*divide by 127.5 and sub'):
    check(np.zeros(SHAPE, dtype))


@pytest.mark.parametrize('dtype', ['float64', 'float16'])
def test_other_floats_are_told_to_be_converted(dtype):
  check = clip_checks.ClipCheck(9)
  with pytest.raises(ValueError, match=f'^a clip of {dtype}; clips are float'):
    check(np.zeros(SHAPE, dtype))


def test_a_network_takes_one_type():
  check = clip_checks.ClipCheck(9)
  check(tf.zeros(SHAPE, tf.bfloat16))
  with pytest.raises(ValueError, match='a clip of float32; clips are bfloat16'):
    check(tf.zeros(SHAPE))


@pytest.mark.parametrize(
  'shape, message',
  [
    (SHAPE[1:], r'shape \[9, 224, 224, 3\]; .*clip\[None\] is a batch of one'),
    (SHAPE[2:], r'clips are \[batch, frames, height, width, channels\]$'),
    ((1, 8, 224, 224, 3), 'a clip of 8 frames; .* at least 9 frames'),
    ((1, 9, 224, 224, 2), 'with 2 channels; this network takes 3'),
    ((1, 3, 9, 224, 224), 'with 224 channels; .* are the last axis'),
    ((1, 9, 256, 224, 3), 'of 256x224 pixels; this network takes 224x224'),
  ],
)
def test_a_wrong_shape_is_told_with_the_right_one(shape, message):
  check = clip_checks.ClipCheck(9, 3, 'float32', size=224)
  with pytest.raises(ValueError, match=message):
    check(np.zeros(shape, np.float32))


def test_the_first_clip_decides_on_the_channels():
  check = clip_checks.ClipCheck(9)
  check(tf.zeros([1, 9, 32, 32, 2]))
  with pytest.raises(ValueError, match='with 3 channels; this network takes 2'):
    check(tf.zeros([1, 9, 32, 32, 3]))


def test_nothing_is_added_to_a_graph_that_knows_the_channels():
  check = clip_checks.ClipCheck(9, 3, 'float32', size=224)
  with tf.Graph().as_default() as graph:
    clip = tf.compat.v1.placeholder(tf.float32, [None, None, None, None, 3])
    assert check(clip) is clip
    assert len(graph.get_operations()) == 1


@pytest.mark.parametrize('shape', [None, [None] * 5])
def test_unknown_channels_are_checked_when_the_graph_runs(shape):
  check = clip_checks.ClipCheck(9)
  compiled = tf.function(check, input_signature=[tf.TensorSpec(shape)])
  with pytest.raises(ValueError, match='unknown number of channels; give'):
    compiled(tf.zeros(SHAPE))
  check(tf.zeros(SHAPE))
  assert compiled(tf.zeros(SHAPE)).shape == SHAPE
  with pytest.raises(tf.errors.InvalidArgumentError, match='not compatible'):
    compiled(tf.zeros([1, 9, 224, 224, 2]))


def test_the_network_makes_no_variables_for_a_clip_that_it_refuses():
  net = i3d.InceptionI3d(5, depth_multiplier=1 / 16)
  for clip in (np.zeros(SHAPE, np.uint8), tf.zeros([1, 8, 224, 224, 2])):
    with pytest.raises(ValueError, match='^a clip of'):
      net(clip, is_training=True)
  assert not tf.Module.variables.fget(net)
