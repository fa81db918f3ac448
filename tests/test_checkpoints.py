"""DeepMind's five layouts, in and out."""

import dataclasses
import signal

import numpy as np
import programs
import pytest
import reference
import small_tables
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.networks import checkpoints, classifier, layers
from two_stream.training import initial_weights

# Released file -> its description.
RELEASED = {
  'rgb_imagenet': (400, 3, 1.0, 'RGB', ()),
  'rgb_scratch': (400, 3, 1.0, 'RGB', ()),
  'flow_imagenet': (400, 2, 1.0, 'Flow', ()),
  'flow_scratch': (400, 2, 1.0, 'Flow', ()),
  'rgb_scratch_kin600': (600, 3, 1.0, '', ('Momentum',)),
}
DATA = '.data-00000-of-00001'
FIRST = 'Conv3d_1a_7x7/conv_3d/w'
LOGITS = 'Logits/Conv3d_0c_1x1/conv_3d'
UNIT = 'Mixed_3b/Branch_1/Conv3d_0a_1x1'


def stored(path):
  """Every array of a checkpoint, by name."""
  reader = tf.train.load_checkpoint(str(path))
  return {name: reader.get_tensor(name) for name in shapes(path)}


def shapes(path):
  return tf.train.load_checkpoint(str(path)).get_variable_to_shape_map()


@pytest.fixture(scope='module')
def small(tmp_path_factory):
  """A trained-looking network of 1/16 width and its saved checkpoint."""
  net = i3d.InceptionI3d(10, depth_multiplier=1 / 16)
  net(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  rng = np.random.default_rng(0)
  for variable in net.variables:
    variable.assign(rng.uniform(0.5, 1.5, variable.shape))
  path = tmp_path_factory.mktemp('small') / 'model.ckpt'
  checkpoints.save(net, path, 'RGB')
  return net, path


@pytest.fixture
def damaged(small, tmp_path):
  """A function that writes a damaged copy and gives its prefix."""
  _, path = small

  def damage(index=lambda content: content, data=lambda content: content):
    copy = tmp_path / 'damaged.ckpt'
    for suffix, change in (('.index', index), (DATA, data)):
      content = path.with_name(path.name + suffix).read_bytes()
      copy.with_name(copy.name + suffix).write_bytes(change(content))
    return copy

  return damage


@pytest.mark.parametrize('name', RELEASED)
def test_describes_restores_and_saves_every_released_layout(
  kinetics_data, tmp_path, name
):
  path = kinetics_data / 'checkpoints' / name / 'model.ckpt'
  assert shapes(path) == reference.layouts()[name]
  description = checkpoints.describe(path)
  assert dataclasses.astuple(description) == RELEASED[name]

  net = i3d.InceptionI3d(description.num_classes)
  scope = description.scope or 'RGB'
  checkpoints.restore(net, path, scope)
  copy = tmp_path / 'copy' / 'model.ckpt'
  checkpoints.save(net, copy, scope)

  original, saved = stored(path), stored(copy)
  if name != 'rgb_scratch_kin600':
    assert shapes(copy) == reference.layouts()[name]
  assert len(saved) == 230
  for variable, value in saved.items():
    bare = variable.removeprefix(f'{scope}/inception_i3d/')
    source = original[variable if description.scope else bare]
    np.testing.assert_array_equal(value, source.reshape(value.shape))
  assert [file.name for file in sorted(copy.parent.iterdir())] == [
    f'model.ckpt{DATA}',
    'model.ckpt.index',
  ]


def test_three_layouts_of_the_same_weights_give_the_same_logits(
  small, tmp_path
):
  net, path = small
  values = stored(path)
  prefix = 'RGB/inception_i3d/'
  rank_5 = {
    name: value.reshape(1, 1, 1, 1, -1) if '/batch_norm/' in name else value
    for name, value in values.items()
  }
  no_prefix = {
    name.removeprefix(prefix): value for name, value in rank_5.items()
  }
  slots = {
    f'{name}/Momentum': np.ones_like(value)
    for name, value in no_prefix.items()
    if 'moving_' not in name
  }
  layouts = {
    'rank_1': values,
    'rank_5': {**rank_5, 'global_step': np.array(7)},
    'no_prefix': {**no_prefix, **slots},
  }
  clip = tf.random.stateless_uniform([1, 9, 193, 193, 3], [0, 0], -1, 1)
  expected = net(clip, is_training=False)[0]
  assert np.ptp(expected) > 0
  for name, layout in layouts.items():
    reference.write_checkpoint(tmp_path / name, layout)
    other = i3d.InceptionI3d(10, depth_multiplier=1 / 16)
    checkpoints.restore(other, tmp_path / name, 'RGB')
    np.testing.assert_array_equal(other(clip, is_training=False)[0], expected)


def test_a_tf1_saver_restores_what_was_saved(small):
  """As the original code does: names in the graph are names in the file."""
  net, path = small
  with tf.name_scope('RGB'):
    other = i3d.InceptionI3d(10, depth_multiplier=1 / 16)
  with tf.Graph().as_default() as graph:
    other(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
    variables = {
      variable.name.removesuffix(':0'): variable
      for variable in graph.get_collection('variables')
    }
    # Sonnet 1 kept these as [1, 1, 1, 1, C]; so DeepMind's Saver reshapes.
    saver = tf.compat.v1.train.Saver(variables, reshape=True)
    with tf.compat.v1.Session() as session:
      saver.restore(session, str(path))
      restored = session.run(variables)
  for variable in net.variables:
    name = f'RGB/{variable.name.removesuffix(":0")}'
    np.testing.assert_array_equal(restored[name], variable)


def whole_network(multiplier):
  """Shapes by path of a network of RGB and 7 classes."""
  weights, features = layers.weight_shapes(i3d.LAYERS, 3, multiplier)
  shapes = {f'{LOGITS}/w': [1, 1, 1, features, 7], f'{LOGITS}/b': [7]}
  for unit, shape in weights.items():
    shapes[f'{unit}/conv_3d/w'] = shape
    for leaf in ('beta', 'moving_mean', 'moving_variance'):
      shapes[f'{unit}/batch_norm/{leaf}'] = shape[-1:]
  return shapes


def write_shapes(path, shapes):
  """Writes a checkpoint of zeros, which take no room on the disk."""
  entries, end = {}, 0
  for name, shape in shapes.items():
    entries[name] = small_tables.entry(shape, offset=end)
    end += entries[name].size
  small_tables.write(path, entries, end)


@pytest.mark.parametrize('multiplier', [1 / 16, 0.25, 0.3, 0.99, 1.5])
def test_describe_gives_a_multiplier_of_the_same_channel_counts(
  tmp_path, multiplier
):
  write_shapes(tmp_path / 'model.ckpt', whole_network(multiplier))
  described = checkpoints.describe(tmp_path / 'model.ckpt')
  assert (described.num_classes, described.channels) == (7, 3)
  for _, layer in layers.convolutions(i3d.LAYERS):
    assert layers.scaled(layer.channels, multiplier) == layers.scaled(
      layer.channels, described.depth_multiplier
    )


@pytest.mark.parametrize(
  'name, shape, expected',
  [
    (f'{UNIT}/conv_3d/w', [1, 1, 1, 12, 2 * 10**9], [1, 1, 1, 12, 6]),
    (f'{UNIT}/conv_3d/w', [1, 1, 1, 12, 0], [1, 1, 1, 12, 6]),
    (FIRST, [7, 7, 7, 0, 4], [7, 7, 7, 1, 4]),
    (FIRST, [], [7, 7, 7, 1, 4]),
    (f'{LOGITS}/w', [1, 1, 1, 64, 0], [1, 1, 1, 64, 1]),
    (f'{LOGITS}/w', [], [1, 1, 1, 64, 1]),
    (f'{LOGITS}/w', [1, 1, 1, 60, 7], [1, 1, 1, 64, 7]),
    (f'{LOGITS}/b', [8], [7]),
  ],
)
def test_a_network_that_cannot_be_is_not_made(tmp_path, name, shape, expected):
  """What most layers tell is right; what does not fit them is named."""
  write_shapes(tmp_path / 'a', {**whole_network(1 / 16), name: shape})
  with pytest.raises(errors.InputError) as error:
    checkpoints.describe(tmp_path / 'a')
  assert f'{name} is {shape} instead of {expected}' in str(error.value)
  assert str(error.value).count('instead of') <= 2


def test_shapes_are_those_of_a_network(small):
  """A network of another width than the released ones."""
  expected = {
    name.removeprefix('RGB/inception_i3d/'): shape
    for name, shape in shapes(small[1]).items()
  }
  expected |= {f'{LOGITS}/w': [1, 1, 1, 64, 7], f'{LOGITS}/b': [7]}
  assert whole_network(1 / 16) == expected


@pytest.mark.parametrize('value', [np.zeros(4, np.int32), np.array([b'a'] * 4)])
def test_weights_that_are_no_numbers_are_refused(small, tmp_path, value):
  name = 'Conv3d_2b_1x1/batch_norm/beta'
  values = {**stored(small[1]), f'RGB/inception_i3d/{name}': value}
  reference.write_checkpoint(tmp_path / 'a', values)
  with pytest.raises(errors.InputError) as error:
    checkpoints.describe(tmp_path / 'a')
  assert f'{name} is not of floating-point numbers' in str(error.value)


def test_weights_of_other_precisions_are_read(small, tmp_path):
  values = stored(small[1])
  for dtype in ('float16', 'bfloat16', 'float64'):
    cast = {name: tf.cast(value, dtype) for name, value in values.items()}
    reference.write_checkpoint(tmp_path / dtype, cast)
    read = checkpoints.read(tmp_path / dtype)
    for name, value in cast.items():
      np.testing.assert_array_equal(
        read[name.removeprefix('RGB/inception_i3d/')],
        tf.cast(value, tf.float32),
      )


@pytest.mark.parametrize(
  'name, value, reason',
  [
    (f'{UNIT}/conv_3d/w', np.nan, 'is not finite'),
    (f'{UNIT}/batch_norm/beta', np.inf, 'is not finite'),
    (f'{UNIT}/batch_norm/moving_mean', -np.inf, 'is not finite'),
    (f'{UNIT}/batch_norm/moving_variance', -0.001, 'is negative'),
    (f'{LOGITS}/b', 1e300, 'is not finite'),
  ],
)
def test_weights_that_compute_nothing_are_refused(
  small, tmp_path, name, value, reason
):
  """Behind ReLU they would leave logits that look right."""
  net, path = small
  values = stored(path)
  full_name = f'RGB/inception_i3d/{name}'
  bad = values[full_name].astype(np.float64)
  bad.flat[-1] = value
  values[full_name] = bad
  reference.write_checkpoint(tmp_path / 'a', values)
  before = [variable.numpy() for variable in net.variables]
  for use in (
    checkpoints.read,
    lambda path: checkpoints.restore(net, path),
    lambda path: classifier.load(path, 'RGB'),
    lambda path: initial_weights.initial_values(
      path, channels=3, num_classes=10
    ),
  ):
    with pytest.raises(errors.InputError) as error:
      use(tmp_path / 'a')
    assert f'{tmp_path}/a: {full_name} {reason} (1 of 230 ' in str(error.value)
  for variable, unchanged in zip(net.variables, before):
    np.testing.assert_array_equal(variable, unchanged)


def test_no_path_is_a_pattern(small, tmp_path):
  net, path = small
  folder = tmp_path / 'run[1] of *'
  checkpoints.save(net, folder / 'export' / 'model.ckpt', 'RGB')
  other = i3d.InceptionI3d(10, depth_multiplier=1 / 16)
  checkpoints.restore(other, folder / 'export' / 'model.ckpt', 'RGB')
  for variable, expected in zip(other.variables, net.variables):
    np.testing.assert_array_equal(variable, expected)


def test_read_gives_values_by_path_in_the_network(small):
  net, path = small
  values = checkpoints.read(path)
  assert len(values) == len(net.variables)
  for variable in net.variables:
    value = values[variable.name[len('inception_i3d/') : -len(':0')]]
    np.testing.assert_array_equal(np.ravel(value), np.ravel(variable))


def test_one_error_names_all_that_does_not_fit(small, tmp_path):
  net, path = small
  values = stored(path)
  first, second = 'Conv3d_2b_1x1/batch_norm/beta', 'Mixed_4d/Branch_0'
  values = {n: v for n, v in values.items() if second not in n}
  values[f'RGB/inception_i3d/{first}'] = np.zeros(5, np.float32)
  reference.write_checkpoint(tmp_path / 'model.ckpt', values)
  before = net.variables[0].numpy()
  with pytest.raises(errors.InputError) as error:
    checkpoints.restore(net, tmp_path / 'model.ckpt')
  message = str(error.value)
  assert str(tmp_path / 'model.ckpt') in message
  assert f'{first} is [5] instead of [4]' in message
  assert message.count('is missing') == 4
  assert '\n' not in message
  np.testing.assert_array_equal(net.variables[0], before)


def test_other_classes_are_restored_without_the_logits(small):
  net, path = small
  other = i3d.InceptionI3d(3, depth_multiplier=1 / 16)
  left = checkpoints.restore(other, path, 'RGB', without_logits=True)
  assert left == [f'{LOGITS}/b', f'{LOGITS}/w']
  ours, theirs = checkpoints.variables(other), checkpoints.variables(net)
  assert ours.keys() == theirs.keys()
  for name in ours.keys() - set(left):
    np.testing.assert_array_equal(ours[name], theirs[name])
  # As Sonnet makes them: random weights, and no bias.
  assert np.ptp(ours[f'{LOGITS}/w']) > 0
  assert not np.any(ours[f'{LOGITS}/b'])


def test_logits_of_as_many_classes_stay_too_if_that_is_asked(small):
  net, path = small
  other = i3d.InceptionI3d(10, depth_multiplier=1 / 16)
  assert len(checkpoints.restore(other, path, without_logits=True)) == 2
  assert not np.any(checkpoints.variables(other)[f'{LOGITS}/b'])
  assert checkpoints.restore(other, path) == []
  np.testing.assert_array_equal(
    checkpoints.variables(other)[f'{LOGITS}/b'],
    checkpoints.variables(net)[f'{LOGITS}/b'],
  )


def test_other_classes_are_told_how_to_be_restored(small):
  net = i3d.InceptionI3d(3, depth_multiplier=1 / 16)
  with pytest.raises(errors.InputError) as error:
    checkpoints.restore(net, small[1])
  message = str(error.value)
  assert (
    f'{LOGITS}/w is [1, 1, 1, 64, 10] instead of [1, 1, 1, 64, 3]' in message
  )
  assert message.endswith('; without_logits=True restores the rest')


def test_another_width_is_refused_without_the_logits_too(small):
  net = i3d.InceptionI3d(3, depth_multiplier=1 / 8)
  with pytest.raises(errors.InputError) as error:
    checkpoints.restore(net, small[1], without_logits=True)
  # All variables, but the weights and the bias of the logits.
  assert str(error.value).count('instead of') == 228
  assert 'Logits' not in str(error.value)


def test_a_network_without_logits_is_restored(small):
  net = i3d.InceptionI3d(final_endpoint='Mixed_3b', depth_multiplier=1 / 16)
  assert checkpoints.restore(net, small[1]) == []
  theirs = checkpoints.variables(small[0])
  for name, variable in checkpoints.variables(net).items():
    np.testing.assert_array_equal(variable, theirs[name])


def test_the_other_streams_checkpoint_is_refused(small):
  net, path = small
  with pytest.raises(errors.InputError, match='RGB checkpoint; the Flow'):
    checkpoints.restore(net, path, 'Flow')


def test_a_missing_checkpoint_is_named(tmp_path):
  with pytest.raises(errors.InputError, match='nowhere.ckpt.index not found'):
    checkpoints.describe(tmp_path / 'nowhere.ckpt')


@pytest.mark.parametrize(
  'index',
  [
    pytest.param(lambda content: b'', id='empty'),
    pytest.param(lambda content: content[:500], id='truncated'),
    pytest.param(lambda content: b'<html>' * 100, id='foreign'),
    pytest.param(lambda content: content[:99] + b'?' + content[100:], id='bit'),
  ],
)
def test_a_damaged_index_is_one_clear_error(damaged, index):
  path = damaged(index=index)
  with pytest.raises(errors.InputError, match=f'{path} is damaged') as error:
    checkpoints.describe(path)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  'data',
  [
    pytest.param(lambda content: b'', id='empty'),
    pytest.param(lambda content: content[:-100], id='truncated'),
    pytest.param(
      lambda content: content[:5000] + b'?' + content[5001:], id='bit'
    ),
  ],
)
def test_damaged_data_is_one_clear_error(small, damaged, data):
  path = damaged(data=data)
  with pytest.raises(errors.InputError, match=f'{path} is damaged') as error:
    checkpoints.restore(small[0], path)
  assert '\n' not in str(error.value)


def test_another_networks_checkpoint_is_refused(tmp_path):
  reference.write_checkpoint(tmp_path / 'mnist', {'dense/w': np.zeros([3, 4])})
  with pytest.raises(errors.InputError, match='not the checkpoint of one I3D'):
    checkpoints.describe(tmp_path / 'mnist')


KILLED = """
import os, pathlib, signal, sys
import numpy as np
import tensorflow as tf
from two_stream.networks import checkpoints
tf.raw_ops.SaveV2 = lambda **unused: os.kill(os.getpid(), signal.SIGKILL)
checkpoints.write({}, sys.argv[1], 'RGB')
"""


@pytest.mark.process
def test_what_a_killed_save_left_goes_with_the_next(small, tmp_path):
  net, _ = small
  path = tmp_path / 'model.ckpt'
  killed = programs.run_code(KILLED, path)
  assert killed.returncode == -signal.SIGKILL, killed.stderr
  assert len(list(tmp_path.iterdir())) == 1
  checkpoints.save(net, path, 'RGB')
  assert sorted(each.name for each in tmp_path.iterdir()) == [
    'model.ckpt.data-00000-of-00001',
    'model.ckpt.index',
  ]


def test_saving_over_a_checkpoint_replaces_it(small, tmp_path):
  net, path = small
  reference.write_checkpoint(tmp_path / 'model.ckpt', {'a': np.zeros(3)})
  checkpoints.save(net, tmp_path / 'model.ckpt', 'RGB')
  assert shapes(tmp_path / 'model.ckpt') == shapes(path)
