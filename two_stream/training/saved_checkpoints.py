"""The training checkpoints in a folder, and which of them is whole."""

import logging
import pathlib
import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.compat import v1

from two_stream import errors, files
from two_stream.networks import checkpoint_files, weight_checks

# A training checkpoint has two files. The index is written last.
_STEP = 'global_step'
_INDEX = re.compile(r'model\.ckpt-(\d+)\.index')

KEPT = 5  # So many of the newest checkpoints are kept.


def path_of(train_dir: files.PathLike, step: int) -> str:
  """Returns the prefix of the files of the training checkpoint of a step."""
  return str(pathlib.Path(train_dir, f'model.ckpt-{step}'))


def step_of(path: files.PathLike) -> int:
  """Returns the number of steps after which a checkpoint was saved.

  Args:
    path: the prefix of a training checkpoint.
  """
  return int(str(path).rpartition('-')[2])


def stored_step(checkpoint: checkpoint_files.Checkpoint) -> int | None:
  """Returns the step that a checkpoint holds, or None if it holds none."""
  if checkpoint.tensors.get(_STEP) != (tf.int64, []):
    return None
  return int(checkpoint.values([_STEP])[_STEP])


def steps_in(train_dir: files.PathLike) -> list[int]:
  """Lists the steps of the training checkpoints in a folder, in order.

  A checkpoint counts if it has an index, whether or not its files are whole.

  Args:
    train_dir: the folder, which need not exist.
  """
  try:
    names = [path.name for path in pathlib.Path(train_dir).iterdir()]
  except FileNotFoundError:
    return []
  indices = [_INDEX.fullmatch(name) for name in names]
  return sorted(int(index[1]) for index in indices if index)


def write(
  train_dir: files.PathLike, step: int, tensors: Mapping[str, np.ndarray]
) -> None:
  """Saves a training checkpoint, and removes the oldest if they are too many.

  Like TensorFlow, this function keeps the newest ones of those in the list.

  Args:
    train_dir: the folder of the training checkpoints.
    step: the number of steps that have been done.
    tensors: name -> value, all that the checkpoint holds.
  """
  path = path_of(pathlib.Path(train_dir).absolute(), step)
  checkpoint_files.write(tensors, path)
  state = v1.train.get_checkpoint_state(str(train_dir))
  older = state.all_model_checkpoint_paths if state else []
  paths = [*(each for each in older if each != path), path]
  names = [pathlib.Path(each).name for each in paths[-KEPT:]]
  v1.train.update_checkpoint_state(str(train_dir), names[-1], names)
  for old in paths[:-KEPT]:
    for suffix in ('.index', '.data-00000-of-00001'):
      pathlib.Path(old + suffix).unlink(missing_ok=True)


def newest_whole(train_dir: files.PathLike) -> str | None:
  """Makes the newest whole checkpoint the one that TensorFlow restores.

  TensorFlow reads which checkpoints there are from a list, the file
  `checkpoint`. This function writes the list again from the files that are in
  the folder. So a list that was lost does not mean a start from zero, and a
  checkpoint that was copied back counts. Newer checkpoints that are damaged
  stay on the disk, and a warning is logged.

  Args:
    train_dir: the folder of the training checkpoints.

  Returns:
    The checkpoint's prefix, an absolute path; None if there is no checkpoint.

  Raises:
    InputError: there are checkpoints, and none of them is whole.
  """
  # In a relative folder, TensorFlow would look for the checkpoints elsewhere.
  folder = pathlib.Path(train_dir).absolute()
  steps = steps_in(folder)
  paths = [path_of(folder, step) for step in steps]
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


def _damage(path: str) -> str:
  """Says what is wrong with a checkpoint; '' if nothing is."""
  try:
    checkpoint = checkpoint_files.load(path)
    readable = [
      name for name, tensor in checkpoint.tensors.items() if tensor.dtype
    ]
    weight_checks.check_values(path, checkpoint.values(readable))
    found = stored_step(checkpoint)
    if found not in (None, step_of(path)):
      return f'is of step {found}, unlike its name'
  except errors.InputError as error:
    return str(error)
  return ''
