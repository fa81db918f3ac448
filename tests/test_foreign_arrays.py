"""Foreign arrays are compared with the network before they are read."""

import foreign_networks
import numpy as np
import pytest
import reference
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.networks import foreign_arrays, i3d_jax, pytorch_i3d

NETWORK = foreign_networks.values()
STATE = foreign_networks.pytorch(NETWORK)


def arrays(state):
  return {
    name: foreign_arrays.Array(value.shape, value.dtype, lambda v=value: v)
    for name, value in state.items()
  }


def fit(state):
  return foreign_arrays.fit('a file', arrays(state), pytorch_i3d.LAYOUT)


def test_the_values_are_those_of_the_network():
  description, values = fit(STATE)
  assert description.num_classes == 3
  assert description.channels == 3
  assert description.depth_multiplier == foreign_networks.MULTIPLIER
  values, count = foreign_arrays.without_gamma(values)
  assert count == 0
  assert values.keys() == NETWORK.keys()
  for path, value in NETWORK.items():
    np.testing.assert_array_equal(values[path], value, strict=True)


def test_a_flow_network_of_two_channels():
  network = foreign_networks.values(5, 2)
  description, _ = fit(foreign_networks.pytorch(network))
  assert (description.channels, description.num_classes) == (2, 5)


@pytest.mark.parametrize('kind', [np.float16, np.float64, tf.bfloat16])
def test_other_floating_point_numbers_become_float32(kind):
  kind = kind.as_numpy_dtype if isinstance(kind, tf.DType) else kind
  state = {
    name: value if 'num_batches' in name else value.astype(kind)
    for name, value in STATE.items()
  }
  _, values = fit(state)
  assert {value.dtype for value in values.values()} == {np.dtype(np.float32)}
  name = 'Mixed_5b/Branch_3/Conv3d_0b_1x1/batch_norm/beta'
  np.testing.assert_allclose(values[name], NETWORK[name], rtol=1e-2)


def test_every_name_that_is_wrong_is_in_one_error():
  state = dict(STATE)
  del state['Mixed_3b.b0.conv3d.weight'], state['logits.conv3d.bias']
  state['Mixed_3b.b1a.bn.bias'] = np.zeros(99, np.float32)
  state['Mixed_3c.b1a.bn.bias'] = np.zeros(6, np.int64)
  state['Conv3d_2c_3x3.conv3d.weight'] = np.zeros((12, 4, 3, 3), np.float32)
  state['extra.weight'] = np.zeros(1, np.float32)
  with pytest.raises(errors.InputError) as caught:
    fit(state)
  message = str(caught.value)
  for part in (
    'a file does not fit the network',
    'Mixed_3b.b0.conv3d.weight is missing',
    'logits.conv3d.bias is missing',
    'Mixed_3b.b1a.bn.bias is [99] instead of [6]',
    'Mixed_3c.b1a.bn.bias is [6] instead of [8]',
    'Conv3d_2c_3x3.conv3d.weight is [12, 4, 3, 3] instead of [12, 4, 3, 3, 3]',
    'extra.weight is unexpected',
  ):
    assert part in message
  assert message.count(';') == 5


def test_integers_are_no_weights():
  state = {**STATE, 'logits.conv3d.bias': np.zeros(3, np.int64)}
  with pytest.raises(errors.InputError, match='bias is not of floating-point'):
    fit(state)


@pytest.mark.parametrize(
  'name', ['Conv3d_1a_7x7.conv3d.weight', 'logits.conv3d.weight']
)
def test_without_the_first_or_last_layer_it_is_no_network(name):
  state = {key: value for key, value in STATE.items() if key != name}
  with pytest.raises(errors.InputError, match=f'none is named {name}'):
    fit(state)


@pytest.mark.parametrize(
  'name, value',
  [
    ('Mixed_3b.b0.bn.running_var', -1),
    ('Mixed_3b.b0.bn.bias', np.nan),
    ('logits.conv3d.bias', np.inf),
    ('Mixed_3b.b0.bn.weight', np.nan),
  ],
)
def test_values_with_which_nothing_can_be_computed_are_refused(name, value):
  state = {**STATE, name: np.full_like(STATE[name], value)}
  with pytest.raises(errors.InputError, match='a file: '):
    fit(state)


def test_scales_are_multiplied_into_the_weights():
  """The network then gives what BatchNorm with scales gives."""
  random = np.random.default_rng(0)
  unit = 'Conv3d_1a_7x7'
  values = {
    f'{unit}/{leaf}': random.normal(size=shape).astype(np.float32)
    for leaf, shape in (
      (foreign_arrays.W, (1, 1, 1, 3, 4)),
      (foreign_arrays.BETA, 4),
      (foreign_arrays.GAMMA, 4),
      (foreign_arrays.MEAN, 4),
    )
  }
  values[f'{unit}/{foreign_arrays.VARIANCE}'] = np.float32([1, 2, 3, 4])
  changed, count = foreign_arrays.without_gamma(values)
  assert count == 1
  assert f'{unit}/{foreign_arrays.GAMMA}' not in changed
  x = random.normal(size=(5, 3)).astype(np.float32)

  def normalized(of):
    y = x @ of[f'{unit}/{foreign_arrays.W}'][0, 0, 0]
    deviation = np.sqrt(of[f'{unit}/{foreign_arrays.VARIANCE}'] + 0.001)
    return (y - of[f'{unit}/{foreign_arrays.MEAN}']) / deviation

  expected = normalized(values) * values[f'{unit}/{foreign_arrays.GAMMA}']
  np.testing.assert_allclose(normalized(changed), expected, rtol=1e-4)


@pytest.mark.parametrize('layout', [pytorch_i3d.LAYOUT, i3d_jax.LAYOUT])
def test_a_layout_goes_both_ways(layout):
  for path, value in NETWORK.items():
    theirs = layout.theirs(path, value)
    assert list(theirs.shape) == layout.shape(path, list(value.shape))
    np.testing.assert_array_equal(layout.ours(path, theirs), value)
  names = [layout.name(path) for path in NETWORK]
  assert len(set(names)) == len(names) == 230


def test_every_unit_has_a_path():
  released = reference.layouts()['rgb_scratch_kin600']
  units = {n.removesuffix('/conv_3d/w') for n in released if n[-2:] == '/w'}
  assert set(foreign_arrays.paths()) == units
  assert len(i3d.LAYERS) == 16
