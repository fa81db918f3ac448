"""The network against DeepMind's, number by number."""

import functools

import numpy as np
import pytest
import reference
import tensorflow as tf

import i3d

UNITS = 57
SMALL = 1 / 16  # The narrowest network, for tests of structure.

# Released file -> scope, channels, classes.
RELEASED = {
  'rgb_imagenet': ('RGB', 3, 400),
  'rgb_scratch': ('RGB', 3, 400),
  'flow_imagenet': ('Flow', 2, 400),
  'flow_scratch': ('Flow', 2, 400),
  'rgb_scratch_kin600': ('RGB', 3, 600),
}


def network(scope='RGB', **options):
  with tf.name_scope(scope):
    return i3d.InceptionI3d(**options)


def build(net, channels=3):
  net(tf.zeros([1, 9, 193, 193, channels]), is_training=False)
  return net


def names_and_shapes(variables):
  return {v.name.removesuffix(':0'): v.shape.as_list() for v in variables}


def released_variables(name, scope):
  """Names and shapes in the graph that made a released file."""
  variables = {}
  for variable, shape in reference.layouts()[name].items():
    if not variable.endswith('/Momentum'):
      path = variable.removeprefix(f'{scope}/inception_i3d/')
      # The Kinetics-400 files keep BatchNorm's variables as [C].
      ones = [1, 1, 1, 1] if '/batch_norm/' in path else []
      variables[f'{scope}/inception_i3d/{path}'] = (ones + shape)[-5:]
  return variables


@pytest.fixture(scope='module')
def net():
  net = build(network(final_endpoint='Predictions'))
  reference.fill(net)
  return net


@pytest.fixture(scope='module')
def end_points(net):
  return net(reference.clip('rgb16'), is_training=False)[1]


@pytest.mark.parametrize('endpoint', i3d.InceptionI3d.VALID_ENDPOINTS)
def test_endpoint_equals_the_original(end_points, endpoint):
  original = reference.original()
  prefix = f'rgb16/ep/{endpoint}'
  value = end_points[endpoint].numpy()
  assert list(value.shape) == list(original[f'{prefix}/shape'])
  stats = [
    value.mean(),
    value.std(),
    np.linalg.norm(value),
    value.min(),
    value.max(),
  ]
  np.testing.assert_allclose(
    stats, original[f'{prefix}/stats'], rtol=1e-4, atol=1e-6
  )
  if value.ndim == 5:
    _, frames, height, width, _ = value.shape
    value = value[:1, [0, frames - 1]]
    value = value[:, :, [0, height // 2, height - 1]]
    value = value[:, :, :, [0, width // 2, width - 1], :8]
  np.testing.assert_allclose(value, original[f'{prefix}/slice'], atol=1e-4)


def test_logits_equal_the_original(net, end_points):
  original = reference.original()
  logits = end_points['Logits']
  np.testing.assert_allclose(logits, original['rgb16/logits'], atol=1e-4)
  np.testing.assert_allclose(np.linalg.norm(logits), 19.5066, atol=1e-3)
  np.testing.assert_allclose(
    end_points['Predictions'], original['rgb16/predictions'], atol=1e-5
  )
  np.testing.assert_allclose(
    net.logits_per_time(end_points['Mixed_5c']),
    original['rgb16/logits_per_time'],
    atol=1e-4,
  )


def test_a_training_step_equals_the_original():
  original = reference.original()
  # With a decay of 0 the moving averages are the batch's own statistics.
  unit = functools.partial(i3d.Unit3D, batch_norm_decay=0.0)
  net = build(network(unit=unit))
  reference.fill(net)
  with tf.GradientTape() as tape:
    logits, _ = net(reference.clip('rgb_train'), is_training=True)
    loss = tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(
        reference.TRAIN_LABELS, logits
      )
    )
  gradients = tape.gradient(loss, net.trainable_variables)

  np.testing.assert_allclose(loss, original['train_rgb/loss'], rtol=1e-5)
  np.testing.assert_allclose(logits, original['train_rgb/logits'], atol=3e-4)
  for variable, gradient in zip(net.trainable_variables, gradients):
    name = variable.name.removesuffix(':0')
    # A beta's gradient is a sum over all positions that nearly cancels. In
    # float32, TensorFlow's two CPU kernels differ from each other by as much.
    np.testing.assert_allclose(
      np.linalg.norm(gradient),
      original[f'train_rgb/grad_l2/{name}'],
      rtol=3e-2 if name.endswith('/beta') else 3e-3,
      err_msg=name,
    )
  for variable in net.variables:
    norm, _, statistic = variable.name.removesuffix(':0').rpartition('/')
    deviation = np.sqrt(original.get(f'train_rgb/batch_var/{norm}', 1))
    if statistic == 'moving_mean':
      expected = original[f'train_rgb/batch_mean/{norm}']
      error = np.abs(np.ravel(variable) - np.ravel(expected))
      assert np.max(error / np.ravel(deviation)) < 3e-4, norm
    elif statistic == 'moving_variance':
      np.testing.assert_allclose(
        np.ravel(variable),
        np.ravel(original[f'train_rgb/batch_var/{norm}']),
        rtol=3e-4,
        err_msg=norm,
      )


@pytest.mark.parametrize('name', RELEASED)
def test_variables_have_the_released_names_and_shapes(name):
  scope, channels, num_classes = RELEASED[name]
  net = build(network(scope, num_classes=num_classes), channels)
  expected = released_variables(name, scope)
  assert len(expected) == 230
  assert names_and_shapes(net.variables) == expected


def test_parameter_counts_are_the_released_ones():
  for channels, count in ((3, 12_704_544), (2, 12_682_592)):
    net = build(network(), channels)
    assert sum(np.prod(v.shape) for v in net.variables) == count


@pytest.mark.parametrize('name', ['rgb_imagenet', 'flow_imagenet'])
def test_a_tf1_graph_gets_the_released_names_and_update_ops(name):
  scope, channels, _ = RELEASED[name]
  net = network(scope)
  with tf.Graph().as_default() as graph:
    clip = tf.compat.v1.placeholder(
      tf.float32, [None, None, 224, 224, channels]
    )
    net(clip, is_training=True)
    variables = graph.get_collection('variables')
    assert names_and_shapes(variables) == released_variables(name, scope)
    trainable = graph.get_collection('trainable_variables')
    assert len(trainable) == 2 * UNITS + 2
    assert not any('moving_' in variable.name for variable in trainable)
    updates = graph.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
    assert len(updates) == 2 * UNITS


def test_a_tf1_graph_gives_the_original_logits():
  net = network()
  with tf.Graph().as_default() as graph:
    logits, _ = net(tf.constant(reference.clip('rgb16')), is_training=False)
    variables = graph.get_collection('variables')
    with tf.compat.v1.Session() as session:
      for variable in variables:
        name = variable.name.removesuffix(':0')
        variable.load(reference.weight(name, variable.shape.as_list()), session)
      value = session.run(logits)
  np.testing.assert_allclose(
    value, reference.original()['rgb16/logits'], atol=1e-4
  )


def test_one_compiled_trace_equals_eager_for_any_batch_and_length(net):
  compiled = tf.function(
    lambda clip: net(clip, is_training=False)[1]['Logits'],
    input_signature=[tf.TensorSpec([None, None, 224, 224, 3])],
  )
  rgb16, train = reference.clip('rgb16'), reference.clip('rgb_train')
  for clip in (rgb16, rgb16[:, :9], train):
    eager = net(clip, is_training=False)[1]['Logits']
    np.testing.assert_allclose(compiled(clip), eager, atol=1e-5)
  assert compiled.experimental_get_tracing_count() == 1


def test_a_compiled_training_call_updates_the_moving_averages():
  net = build(network(depth_multiplier=SMALL))
  before = [v.numpy() for v in net.variables if 'moving_mean' in v.name]
  step = tf.function(lambda clip: net(clip, is_training=True)[0])
  step(reference.clip('rgb16'))
  after = [v.numpy() for v in net.variables if 'moving_mean' in v.name]
  assert len(before) == UNITS
  assert all(np.any(a != b) for a, b in zip(after, before))


def test_initial_values_are_sonnet_1s():
  net = build(network())
  for variable in net.variables:
    kind = variable.name.removesuffix(':0').rpartition('/')[2]
    value = variable.numpy()
    if kind == 'w':
      sigma = 1 / np.sqrt(np.prod(value.shape[:-1]))
      assert np.abs(value).max() <= 2 * sigma
      # The deviation of a normal distribution cut at two sigma.
      assert np.std(value) == pytest.approx(0.8796 * sigma, rel=0.1)
    else:
      assert np.all(value == (kind == 'moving_variance'))


@pytest.mark.parametrize('endpoint', ['Conv3d_1a_7x7', 'Mixed_4f', 'Logits'])
def test_a_final_endpoint_ends_the_network(endpoint):
  net = network(final_endpoint=endpoint, depth_multiplier=SMALL)
  output, end_points = net(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  count = i3d.InceptionI3d.VALID_ENDPOINTS.index(endpoint) + 1
  assert tuple(end_points) == i3d.InceptionI3d.VALID_ENDPOINTS[:count]
  assert output is end_points[endpoint]


def test_depth_multiplier_scales_every_channel_count_but_the_classes():
  full, quarter = (
    names_and_shapes(build(network(depth_multiplier=m)).variables)
    for m in (1, 0.25)
  )
  assert full.keys() == quarter.keys()
  for name, shape in full.items():
    expected = list(shape)
    if not name.endswith('Logits/Conv3d_0c_1x1/conv_3d/b'):
      is_input = name.endswith('Conv3d_1a_7x7/conv_3d/w')
      is_logits = name.endswith('Logits/Conv3d_0c_1x1/conv_3d/w')
      if name.endswith('/w') and not is_input:
        expected[3] //= 4
      if not is_logits:
        expected[4] //= 4
    assert quarter[name] == expected, name


def test_dropout_depends_on_the_keep_probability_alone():
  net = build(network(depth_multiplier=0.25))
  clip = tf.random.stateless_uniform([1, 9, 193, 193, 3], [0, 0], -1, 1)
  first, second, without = (
    net(clip, is_training=False, dropout_keep_prob=keep)[0].numpy()
    for keep in (0.5, 0.5, 1.0)
  )
  assert np.any(first != second)
  np.testing.assert_array_equal(without, net(clip, is_training=False)[0])


def test_without_spatial_squeeze_larger_frames_give_logits_everywhere():
  net = network(spatial_squeeze=False, depth_multiplier=SMALL, num_classes=5)
  logits, _ = net(tf.zeros([1, 17, 256, 288, 3]), is_training=False)
  assert logits.shape == [1, 2, 3, 5]


def test_unknown_final_endpoint_is_refused():
  with pytest.raises(ValueError, match='Mixed_6a'):
    network(final_endpoint='Mixed_6a')


def test_a_multiplier_that_leaves_no_channels_is_refused():
  with pytest.raises(ValueError, match='1/16'):
    network(depth_multiplier=0.05)


@pytest.mark.parametrize('keep', [0.0, -0.1, 1.5])
def test_impossible_keep_probability_is_refused(keep):
  net = network(depth_multiplier=SMALL)
  with pytest.raises(ValueError, match='rate'):
    net(tf.zeros([1, 9, 193, 193, 3]), False, dropout_keep_prob=keep)


def test_too_few_frames_are_refused():
  net = network(depth_multiplier=SMALL)
  with pytest.raises(ValueError, match='at least 9 frames'):
    net(tf.zeros([1, 8, 193, 193, 3]), is_training=False)


def test_too_few_frames_are_refused_where_the_graph_learns_it_late():
  net = build(network(depth_multiplier=SMALL))
  compiled = tf.function(
    lambda clip: net(clip, is_training=False)[0],
    input_signature=[tf.TensorSpec([None, None, 193, 193, 3])],
  )
  with pytest.raises(tf.errors.InvalidArgumentError, match='9 frames'):
    compiled(tf.zeros([1, 8, 193, 193, 3]))
  assert compiled(tf.zeros([1, 9, 193, 193, 3])).shape == [1, 400]


def test_too_large_frames_are_refused_when_squeezing():
  net = network(depth_multiplier=SMALL)
  with pytest.raises(ValueError, match='193 to 224'):
    net(tf.zeros([1, 9, 256, 256, 3]), is_training=False)
