"""The names of piergiaj's module, both ways, and safetensors files."""

import json

import foreign_networks
import numpy as np
import pytest
import reference
import safetensors.numpy

from two_stream.networks import foreign_arrays, pytorch_i3d

NETWORK = foreign_networks.values()


def array(value):
  return foreign_arrays.Array(value.shape, value.dtype, lambda: value)


STATE = {
  name: array(value)
  for name, value in foreign_networks.pytorch(NETWORK).items()
}


def test_the_names_and_shapes_of_a_whole_network_are_those_of_the_module(
  tmp_path,
):
  """So `load_state_dict(strict=True)` finds all that it looks for."""
  prefix = 'RGB/inception_i3d/'
  released = {
    name.removeprefix(prefix): np.broadcast_to(np.float32(0), shape).reshape(
      shape if '/conv_3d/' in name else [-1]
    )
    for name, shape in reference.layouts()['rgb_scratch'].items()
  }
  assert len(released) == 230
  pytorch_i3d.write(released, tmp_path / 'network')
  found = safetensors.numpy.load_file(tmp_path / 'network')
  shapes = {name: value.shape for name, value in found.items()}
  assert shapes == foreign_networks.pytorch_shapes()


def test_the_values_are_those_of_the_module(tmp_path):
  pytorch_i3d.write(NETWORK, tmp_path / 'network')
  found = safetensors.numpy.load_file(tmp_path / 'network')
  expected = foreign_networks.pytorch(NETWORK)
  assert found.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(found[name], value, strict=True)


def test_a_loader_of_pytorch_finds_the_entry_that_it_asks_for(tmp_path):
  pytorch_i3d.write(NETWORK, tmp_path / 'network')
  content = (tmp_path / 'network').read_bytes()
  size = int.from_bytes(content[:8], 'little')
  assert json.loads(content[8 : 8 + size])['__metadata__'] == {'format': 'pt'}


@pytest.mark.parametrize('kind', [np.float16, np.float32, np.float64])
def test_a_safetensors_file_is_read(kind):
  state = foreign_networks.pytorch(NETWORK)
  content = safetensors.numpy.save(
    {name: value.astype(kind) for name, value in state.items()}
  )
  found = pytorch_i3d.read_safetensors(content)
  assert found.keys() == state.keys()
  for name, value in state.items():
    np.testing.assert_array_equal(found[name].read(), value.astype(kind))


def test_bfloat16_in_a_safetensors_file_is_read():
  name = 'Conv3d_1a_7x7.conv3d.weight'
  header = json.dumps(
    {name: {'dtype': 'BF16', 'shape': [2], 'data_offsets': [0, 4]}}
  ).encode()
  content = len(header).to_bytes(8, 'little') + header + b'\x80\x3f\0\xc0'
  found = pytorch_i3d.read_safetensors(content)[name]
  assert found.read().astype(float).tolist() == [1, -2]


@pytest.mark.parametrize(
  'content',
  [
    b'',
    b'{',
    (1 << 62).to_bytes(8, 'little') + b'{}',
    (2).to_bytes(8, 'little') + b'{]',
    (2).to_bytes(8, 'little') + b'{}',
  ],
)
def test_what_is_no_safetensors_file_of_i3d_is_refused(content):
  with pytest.raises(ValueError):
    pytorch_i3d.read_safetensors(content)


@pytest.mark.parametrize(
  'tree',
  [
    STATE,
    {'state_dict': STATE, 'epoch': 3, 'optimizer': {'state': {0: {}}}},
    {'model': {'rgb': STATE}, 'names': ['a', 'b']},
    {f'module.{name}': value for name, value in STATE.items()},
    {'state_dict': {f'a.b.{name}': value for name, value in STATE.items()}},
  ],
)
def test_a_state_dict_is_found_in_what_programs_save(tree):
  assert pytorch_i3d.state_dict(tree) == STATE


@pytest.mark.parametrize(
  'tree',
  [
    None,
    [STATE],
    {},
    {'rgb': STATE, 'flow': dict(STATE)},
    {'a': {'b': {'c': {'d': STATE}}}},
    {
      f'{stream}.{name}': value
      for stream in ('rgb', 'flow')
      for name, value in STATE.items()
    },
    {
      **{f'module.{name}': value for name, value in STATE.items()},
      'logits.conv3d.bias': STATE['logits.conv3d.bias'],
    },
  ],
)
def test_none_or_two_networks_are_refused(tree):
  with pytest.raises(ValueError):
    pytorch_i3d.state_dict(tree)


def test_many_dicts_are_searched_in_time():
  inner = {str(i): None for i in range(30_000)}
  with pytest.raises(ValueError, match='it has 0 dicts'):
    pytorch_i3d.state_dict({str(i): inner for i in range(30_000)})
  with pytest.raises(ValueError, match='more than'):
    pytorch_i3d.state_dict({str(i): None for i in range(1 << 17)})


def test_dicts_that_double_are_searched_in_time():
  tree = {}
  for _ in range(60):
    tree = {str(i): tree for i in range(50)}
  with pytest.raises(ValueError, match='it has 0 dicts'):
    pytorch_i3d.state_dict(tree)
