"""Inflation, shown by the boring video: one image, repeated.

Convolutions pad with zeros in time, so the fixed point holds at the steps that
no padding reaches. `interior` finds them; 120 frames leave some at every
endpoint.
"""

import math

import numpy as np
import pytest
import reference
import slim_reference
import small_tables
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.networks import inception_v1, inflation, layers

WIDTH = 1 / 4
FRAMES = 120
SIZE = 193  # pixels; the smallest that leaves 7x7 to the last pool
CLASSES = 11
SaverDef = tf.compat.v1.train.SaverDef
# Of an endpoint's largest activation. Rounding makes 2e-6; the border of the
# interior, where the padding only just arrives, 2e-5 and more.
TOLERANCE = 5e-6


def interior(frames):
  """Endpoint -> (first, last) of its steps that see no padding in time."""
  steps = (frames, 0, frames - 1)
  interiors = {}
  for name, layer in i3d.LAYERS:
    steps = _after(layer, steps)
    interiors[name] = steps[1:]
  return interiors


def _after(layer, steps):
  """(number of steps, first and last that see no padding) after a layer."""
  if isinstance(layer, dict):
    branches = []
    for rows in layer.values():
      branch = steps
      for _, row in rows:
        branch = _after(row, branch)
      branches.append(branch)
    counts, firsts, lasts = zip(*branches)
    return counts[0], max(firsts), min(lasts)
  count, first, last = steps
  kernel = np.broadcast_to(layer.kernel, 3)[0]
  stride = np.broadcast_to(layer.stride, 3)[0]
  new_count = math.ceil(count / stride)
  # SAME: step t sees the steps from t * stride - before, `kernel` of them.
  before = max((new_count - 1) * stride + kernel - count, 0) // 2
  new_first = math.ceil((first + before) / stride)
  new_last = (last - (kernel - 1) + before) // stride
  return new_count, new_first, new_last


@pytest.fixture(scope='module')
def image_network():
  """The 2-D network, whose weights and statistics are all used."""
  network = inception_v1.InceptionV1(CLASSES, depth_multiplier=WIDTH)
  network(tf.zeros([1, SIZE, SIZE, 3]), is_training=False)
  slim_reference.fill(network)
  return network


def save(network, folder, **options):
  saver = tf.compat.v1.train.Saver(slim_reference.variables(network), **options)
  path = str(folder / 'inception_v1.ckpt')
  return saver.save(None, path, write_meta_graph=False, write_state=False)


@pytest.fixture(scope='module')
def checkpoint(image_network, tmp_path_factory):
  return save(image_network, tmp_path_factory.mktemp('slim'))


def inflated(checkpoint, channels, image_network):
  """I3D from a checkpoint, its logits from the 2-D network's."""
  network = i3d.InceptionI3d(CLASSES, depth_multiplier=WIDTH)
  network(tf.zeros([1, 9, SIZE, SIZE, channels]), is_training=False)
  variables = {
    variable.name.removeprefix('inception_i3d/').removesuffix(':0'): variable
    for variable in network.variables
  }
  values = inflation.read(checkpoint, channels)
  image_logits = 'InceptionV1/Logits/Conv2d_0c_1x1'
  image_variables = slim_reference.variables(image_network)
  for mine, its in (('w', 'weights'), ('b', 'biases')):
    value = image_variables[f'{image_logits}/{its}'].numpy()
    values[f'Logits/Conv3d_0c_1x1/conv_3d/{mine}'] = value
  assert values.keys() == variables.keys()
  for name, variable in variables.items():
    variable.assign(values[name].reshape(variable.shape))
  return network


def test_interior_is_that_of_known_kernels():
  # 7 frames at stride 2, padded by 2 and 3; then 3 at stride 1.
  assert interior(64)['Conv3d_1a_7x7'] == (1, 29)
  assert interior(64)['Conv3d_2c_3x3'] == (2, 28)


@pytest.mark.parametrize(
  'stream, channels', [('rgb', 3), ('flow', 2)], ids=['rgb', 'flow']
)
def test_boring_video_is_a_fixed_point(
  stream, channels, checkpoint, image_network
):
  image = slim_reference.image()[:, :SIZE, :SIZE]
  frame = image
  if stream == 'flow':  # Equal channels, of which flow has one less.
    image = np.repeat(image[..., :1], 3, axis=-1)
    frame = image[..., :2]
  _, expected = image_network(image, is_training=False)
  network = inflated(checkpoint, channels, image_network)
  clip = np.repeat(frame[:, np.newaxis], FRAMES, axis=1)
  _, end_points = network(clip, is_training=False)

  for name, (first, last) in interior(FRAMES).items():
    actual = end_points[name].numpy()[0]
    wanted = expected[inception_v1.image_name(name)].numpy()[0]
    difference = np.abs(actual - wanted).max((1, 2, 3)) / np.abs(wanted).max()
    assert first <= last, name
    assert difference[first : last + 1].max() < TOLERANCE, name
    # The padding does reach the next steps: the interior is no smaller.
    assert difference[first - 1] > 2 * TOLERANCE, name
    assert difference[last + 1] > 2 * TOLERANCE, name

  first, last = interior(FRAMES)['Mixed_5c']
  logits = network.logits_per_time(end_points['Mixed_5c']).numpy()[0]
  interior_logits = logits[first:last]  # Each averages two steps.
  assert len(interior_logits) > 0
  np.testing.assert_allclose(
    interior_logits,
    np.broadcast_to(expected['Logits'], interior_logits.shape),
    atol=TOLERANCE * np.abs(expected['Logits']).max(),
  )


def test_filters_are_repeated_and_divided(checkpoint, image_network):
  values = inflation.read(checkpoint, 3)
  weights = slim_reference.variables(image_network)
  for unit, frames in (
    ('1a_7x7', 7),
    ('2b_1x1', 1),
    ('2c_3x3', 3),
  ):
    weight = weights[f'InceptionV1/Conv2d_{unit}/weights'].numpy()
    inflated_weight = values[f'Conv3d_{unit}/conv_3d/w']
    assert inflated_weight.shape == (frames, *weight.shape)
    assert inflated_weight.dtype == np.float32
    for step in inflated_weight:
      np.testing.assert_allclose(step, weight / frames, rtol=1e-6)


def test_flow_filters_are_equal_and_keep_the_sum(checkpoint, image_network):
  values = inflation.read(checkpoint, 2)
  inflated_weight = values['Conv3d_1a_7x7/conv_3d/w']
  assert inflated_weight.shape == (7, 7, 7, 2, 16)
  x, y = np.moveaxis(inflated_weight, 3, 0)
  np.testing.assert_array_equal(x, y)
  weights = slim_reference.variables(image_network)
  weight = weights['InceptionV1/Conv2d_1a_7x7/weights'].numpy()
  np.testing.assert_allclose(
    inflated_weight.sum((0, 3)), weight.sum(2), rtol=1e-4, atol=1e-6
  )


def test_full_width_has_the_shapes_of_a_released_checkpoint(tmp_path):
  network = inception_v1.InceptionV1()
  network(tf.zeros([1, SIZE, SIZE, 3]), is_training=False)
  path = save(network, tmp_path)
  prefix = 'RGB/inception_i3d/'
  released = {
    name.removeprefix(prefix): tuple(shape)
    for name, shape in reference.layouts()['rgb_imagenet'].items()
    if '/Logits/' not in name
  }
  values = inflation.read(path, 3)
  assert {name: value.shape for name, value in values.items()} == released


def test_old_format_reads_the_same(checkpoint, image_network, tmp_path):
  """As slim's download: one file, without .index."""
  path = save(image_network, tmp_path, write_version=SaverDef.V1)
  assert [file.name for file in tmp_path.iterdir()] == ['inception_v1.ckpt']
  expected = inflation.read(checkpoint, 3)
  for name, value in inflation.read(path, 3).items():
    np.testing.assert_array_equal(value, expected[name])
  assert inflation.is_inception_v1(path)


def write(path, values):
  reference.write_checkpoint(path, values)
  return str(path)


def test_every_misfit_is_named(image_network, tmp_path):
  values = {
    name: variable.numpy()
    for name, variable in slim_reference.variables(image_network).items()
  }
  missing = [
    'InceptionV1/Mixed_3b/Branch_0/Conv2d_0a_1x1/weights',
    'InceptionV1/Mixed_5c/Branch_1/Conv2d_0b_3x3/BatchNorm/beta',
  ]
  for name in missing:
    del values[name]
  cut = 'InceptionV1/Conv2d_2c_3x3/weights'
  values[cut] = values[cut][:, :, :5]
  path = write(tmp_path / 'model.ckpt', values)
  with pytest.raises(errors.InputError) as error:
    inflation.read(path, 3)
  message = str(error.value)
  assert message.startswith(path)
  for name in missing:
    assert f'{name} is missing' in message
  assert f'{cut} is [3, 3, 5, 48] instead of [3, 3, 16, 48]' in message
  assert message.count('InceptionV1/') == 3


def test_i3d_checkpoint_is_told_from_it(tmp_path, checkpoint):
  path = write(
    tmp_path / 'model.ckpt', {'RGB/inception_i3d/x': np.zeros(1, np.float32)}
  )
  assert inflation.is_inception_v1(checkpoint)
  assert not inflation.is_inception_v1(path)
  with pytest.raises(errors.InputError, match='no variable InceptionV1/'):
    inflation.read(path, 3)


def test_no_file_is_one_line(tmp_path):
  path = str(tmp_path / 'nothing.ckpt')
  with pytest.raises(errors.InputError, match='nothing.ckpt.index not found'):
    inflation.read(path, 3)


def test_truncated_file_is_one_line(image_network, tmp_path):
  path = save(image_network, tmp_path)
  data = tmp_path / 'inception_v1.ckpt.data-00000-of-00001'
  data.write_bytes(data.read_bytes()[:1000])
  with pytest.raises(errors.InputError, match='is damaged') as error:
    inflation.read(path, 3)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  'value, reason', [(np.nan, 'is not finite'), (-1, 'is negative')]
)
@pytest.mark.parametrize('version', [SaverDef.V1, SaverDef.V2])
def test_weights_that_compute_nothing_are_refused(
  image_network, tmp_path, value, reason, version
):
  """By the name that they have in the file."""
  name = 'InceptionV1/Conv2d_2c_3x3/BatchNorm/moving_variance'
  variable = slim_reference.variables(image_network)[name]
  before = variable.numpy()
  variable.assign(np.full_like(before, value))
  path = save(image_network, tmp_path, write_version=version)
  variable.assign(before)
  with pytest.raises(errors.InputError) as error:
    inflation.read(path, 3)
  assert f'{path}: {name} {reason}' in str(error.value)


def test_no_path_is_a_pattern(image_network, tmp_path):
  expected = None
  for version in (SaverDef.V1, SaverDef.V2):
    folder = tmp_path / f'slim[{version}]*'
    folder.mkdir()
    path = save(image_network, folder, write_version=version)
    assert inflation.is_inception_v1(path)
    values = inflation.read(path, 3)
    for name, value in (expected or values).items():
      np.testing.assert_array_equal(values[name], value)
    expected = values


def test_a_network_that_cannot_be_is_not_made(tmp_path):
  """What most layers tell is right; what does not fit them is named."""
  weights, _ = layers.weight_shapes(inception_v1.LAYERS, 3, WIDTH, axes=2)
  weights['Conv2d_2b_1x1'] = [1, 1, 16, 2 * 10**9]
  entries, end = {}, 0
  for unit, shape in weights.items():
    name = f'InceptionV1/{unit}/weights'
    entries[name] = small_tables.entry(shape, offset=end)
    end += entries[name].size
  small_tables.write(tmp_path / 'a', entries, end)
  with pytest.raises(errors.InputError) as error:
    inflation.read(tmp_path / 'a', 3)
  assert (
    'InceptionV1/Conv2d_2b_1x1/weights is [1, 1, 16, 2000000000] instead of '
    '[1, 1, 16, 16]'
  ) in str(error.value)
