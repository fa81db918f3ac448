"""Networks with 1/16 of the channels, which classify a clip quickly."""

import pathlib

import reference
import tensorflow as tf

import i3d
from two_stream import recipe
from two_stream.networks import checkpoints


def write(data: pathlib.Path, name: str, classes: int) -> pathlib.Path:
  """Writes a checkpoint of a data directory; its weights depend on its name.

  Args:
    data: the data directory.
    name: of the checkpoint's folder, for example rgb_scratch.
    classes: number of classes.

  Returns:
    The checkpoint's prefix.
  """
  stream = name.partition('_')[0]
  scope, channels = (
    recipe.STREAMS[stream].scope,
    recipe.STREAMS[stream].channels,
  )
  net = i3d.InceptionI3d(classes, depth_multiplier=1 / 16)
  net(tf.zeros([1, 9, 193, 193, channels]), is_training=False)
  for variable in net.variables:
    value = reference.weight(
      f'{name}/{variable.name.removesuffix(":0")}', variable.shape.as_list()
    )
    variable.assign(value)
  path = data / 'checkpoints' / name / 'model.ckpt'
  checkpoints.save(net, path, scope)
  return path
