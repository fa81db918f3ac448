"""Networks with 1/16 of the channels, which classify a clip quickly."""

import functools
import pathlib
import tempfile

import reference
import tensorflow as tf

import i3d
from two_stream import files, identity, recipe
from two_stream.networks import checkpoint_files, checkpoints, classifier


def write(data: pathlib.Path, name: str, classes: int) -> pathlib.Path:
  """Writes a checkpoint of a data directory; its weights depend on its name.

  Args:
    data: the data directory.
    name: of the checkpoint's folder, for example rgb_scratch.
    classes: number of classes.

  Returns:
    The checkpoint's prefix.
  """
  folder = data / 'checkpoints' / name
  folder.mkdir(parents=True, exist_ok=True)
  for file, content in _checkpoint(name, classes).items():
    (folder / file).write_bytes(content)
  return folder / 'model.ckpt'


@functools.cache
def _checkpoint(name: str, classes: int) -> dict[str, bytes]:
  """Makes a checkpoint; returns the name and content of each of its files."""
  stream = recipe.STREAMS[name.partition('_')[0]]
  net = i3d.InceptionI3d(classes, depth_multiplier=1 / 16)
  net(tf.zeros([1, 9, 193, 193, stream.channels]), is_training=False)
  for variable in net.variables:
    value = reference.weight(
      f'{name}/{variable.name.removesuffix(":0")}', variable.shape.as_list()
    )
    variable.assign(value)
  with tempfile.TemporaryDirectory() as folder:
    checkpoints.save(net, pathlib.Path(folder, 'model.ckpt'), stream.scope)
    return {
      path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()
    }


_load = classifier.load
_compiled: dict[tuple[str, str], classifier.Classifier] = {}


def load_compiled(path: files.PathLike, scope: str) -> classifier.Classifier:
  """Takes the place of `classifier.load`, and compiles no network twice."""
  key = scope, identity.digest(*checkpoint_files.load(path).files)
  if key not in _compiled:
    _compiled[key] = _load(path, scope)
  return _compiled[key]
