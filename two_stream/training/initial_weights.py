"""What a run starts from: its newest whole checkpoint, or given weights."""

import logging
import pathlib
import re

from tensorflow.compat import v1

from two_stream import errors
from two_stream.networks import (
  checkpoint_files,
  checkpoints,
  inflation,
  weight_checks,
)

# Of the files of a training checkpoint, the one that is written last.
_INDEX = re.compile(r'model\.ckpt-(\d+)\.index')


def checkpoint_path(train_dir, step):
  """The prefix of the training checkpoint of a step."""
  return str(pathlib.Path(train_dir, f'model.ckpt-{step}'))


def saved_steps(train_dir):
  """The steps of the training checkpoints in a folder, in order.

  Names with an index count, whether or not the files are whole. There are none
  in a folder that does not exist yet.
  """
  try:
    names = [path.name for path in pathlib.Path(train_dir).iterdir()]
  except FileNotFoundError:
    return []
  indices = [_INDEX.fullmatch(name) for name in names]
  return sorted(int(index[1]) for index in indices if index)


def step_of(path):
  """The number of updates after which a training checkpoint was saved."""
  return int(str(path).rpartition('-')[2])


def newest_whole(train_dir):
  """Makes the newest whole checkpoint the one that TensorFlow restores.

  TensorFlow goes by a list, the file `checkpoint`. It is written anew from what
  is in the folder, so that a list that was lost does not mean to start from
  zero, and a checkpoint that was copied back counts. Damaged ones that are
  newer stay on the disk, with a warning.

  Args:
    train_dir: the folder of the training checkpoints.

  Returns:
    The checkpoint's prefix, an absolute path; None if training has not saved
    one yet.

  Raises:
    InputError: if there are checkpoints and none is whole.
  """
  # In a relative folder TensorFlow would take names for paths from elsewhere.
  folder = pathlib.Path(train_dir).absolute()
  steps = saved_steps(folder)
  paths = [checkpoint_path(folder, step) for step in steps]
  while paths and (reason := _damage(paths[-1])):
    logging.warning('%s is skipped: %s', paths.pop(), reason)
  if not paths:
    if steps:
      raise errors.InputError(
        f'{train_dir}: none of the {len(steps)} checkpoints can be read; copy '
        'one back from a backup, or start anew in another --train_dir'
      )
    return None
  names = [pathlib.Path(path).name for path in paths]
  v1.train.update_checkpoint_state(str(folder), names[-1], names)
  return paths[-1]


def _damage(path):
  """What is wrong with a checkpoint, '' if nothing is."""
  try:
    checkpoint = checkpoint_files.load(path)
    readable = [
      name for name, tensor in checkpoint.tensors.items() if tensor.dtype
    ]
    weight_checks.check_values(path, checkpoint.values(readable))
  except errors.InputError as error:
    return str(error)
  return ''


def initial_values(path, channels, num_classes):
  """Reads the weights to start from.

  Args:
    path: prefix of an I3D checkpoint or of TF-slim's 2-D Inception-v1.
    channels: of a frame.
    num_classes: of the network to be trained.

  Returns:
    Arrays by path in the network. The logits' are missing if they are of other
    classes.

  Raises:
    InputError: if the file cannot be used.
  """
  if inflation.is_inception_v1(path):
    logging.info('inflating %s; the logits start at random', path)
    return inflation.read(path, channels)
  values = checkpoints.read(path)
  found = checkpoints.describe(path).num_classes
  if found == num_classes:
    logging.info('starting from all of %s', path)
    return values
  logging.info(
    'starting from %s but for its logits, which are of %d classes and not %d',
    path,
    found,
    num_classes,
  )
  return {
    name: value
    for name, value in values.items()
    if not name.startswith('Logits/')
  }


def assign(values, network, session):
  """Sets a network's variables in a graph's session.

  Args:
    values: as `initial_values` gives them.
    network: an `i3d.InceptionI3d` called in the session's graph.
    session: a tf.compat.v1.Session.
  """
  for name, variable in checkpoints.variables(network).items():
    if name in values:
      # The initializer exists already; a finished graph takes no new ops.
      initializer = variable.initializer
      value = values[name].reshape(variable.shape)
      session.run(initializer, {initializer.inputs[1]: value})


def check_fit(values, network, path):
  """Raises InputError unless the values have the network's shapes."""
  problems = []
  for name, variable in checkpoints.variables(network).items():
    size = (
      values[name].size if name in values else variable.shape.num_elements()
    )
    if size != variable.shape.num_elements():
      problems.append(
        f'{name} is {list(values[name].shape)} instead of {variable.shape}'
      )
  if problems:
    raise errors.InputError(
      f'{path} does not fit the network ({problems[0]}, and '
      f'{len(problems) - 1} more); is it of this --stream and '
      '--depth_multiplier?'
    )
