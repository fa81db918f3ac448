"""The folder of a training: whether it can be used, and who writes in it.

model.ckpt-<step>.*   checkpoints: the network in DeepMind's names, the
momentum and the step, see saved_checkpoints.py
job.json              what they were made from and with, see job_file.py
.lock                 held by the chief of a live run
export/               the network alone at the end, see export.py
events.out.*          summaries of training; those of the evaluator in eval/
"""

import contextlib
import fcntl
import functools
import logging
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from two_stream import errors, files

_REMEDY = 'make room, or choose another --train_dir'

# TensorFlow finds checkpoints, and removes old ones, by patterns of paths.
_PATTERN = re.compile(r'[*?[\\]')


def check_path(train_dir: files.PathLike) -> None:
  """Refuses a folder whose checkpoints TensorFlow would not find again.

  Args:
    train_dir: the folder, which need not exist.

  Raises:
    InputError: its absolute path looks like a pattern, or is not UTF-8.
  """
  path = str(pathlib.Path(train_dir).absolute())
  if found := sorted(set(_PATTERN.findall(path))):
    raise errors.InputError(
      f'--train_dir: {path}: TensorFlow takes {" ".join(found)} in a path for '
      'a pattern; rename the folder, or give a link that leads to it'
    )
  try:
    path.encode()
  except UnicodeEncodeError:
    raise errors.InputError(
      f'--train_dir: {path!r}: is not UTF-8, as TensorFlow needs it; rename '
      'the folder, or give a link that leads to it'
    ) from None


def check_folders(train_dir: files.PathLike) -> None:
  """Refuses links and files in place of the folders that a training fills.

  A link would be followed, and what it leads to would be overwritten.

  Args:
    train_dir: the folder of a training, which need not exist.

  Raises:
    InputError: export/, a folder in it, or eval/ is a link or a file.
  """
  folder = pathlib.Path(train_dir)
  networks = folder / 'export' / 'checkpoints'
  for path in (
    folder / 'eval',
    networks.parent,
    networks,
    *networks.glob('*'),
  ):
    if path.is_symlink() or (path.exists() and not path.is_dir()):
      raise errors.InputError(
        f'--train_dir: {path}: is a link or a file in place of a folder; '
        'remove it'
      )


@contextlib.contextmanager
def locked(train_dir: files.PathLike) -> Iterator[Callable[[], None]]:
  """Keeps other runs out of a folder while the block runs.

  When the process dies, the kernel releases the lock. So the next run can have
  the folder at once.

  Args:
    train_dir: the folder. It is made if it is missing.

  Yields:
    A function that raises InputError if the folder is no longer the one that
    was locked, because somebody removed or replaced it.

  Raises:
    InputError: another run has the folder, or it cannot be written.
  """
  with files.errors_of_writing('--train_dir', _REMEDY):
    pathlib.Path(train_dir).mkdir(parents=True, exist_ok=True)
    lock_file = files.open_lock(pathlib.Path(train_dir, '.lock'))
  with lock_file:
    try:
      fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
      raise errors.InputError(
        f'{train_dir}: another run is training in this folder; wait for its '
        'end, or choose another --train_dir'
      ) from None
    except OSError as error:
      logging.warning(
        '%s: this file system has no locks (%s); nothing but you keeps a '
        'second run out of the folder',
        train_dir,
        error.strerror,
      )
    yield functools.partial(_check_same, train_dir, lock_file)


def of_worker(
  train_dir: files.PathLike, is_chief: bool
) -> contextlib.AbstractContextManager[Callable[[], None]]:
  """Locks a folder in the chief, which alone writes in it.

  Args:
    train_dir: the folder.
    is_chief: whether the worker is the chief.

  Returns:
    What `locked` returns in the chief. Elsewhere it does nothing.
  """
  if is_chief:
    return locked(train_dir)
  return contextlib.nullcontext(lambda: None)


def _check_same(train_dir: files.PathLike, lock_file: BinaryIO) -> None:
  """Raises InputError unless the folder's lock file is the one that is open."""
  try:
    is_same = os.path.samestat(
      pathlib.Path(train_dir, '.lock').stat(), os.fstat(lock_file.fileno())
    )
  except OSError:
    is_same = False
  if not is_same:
    raise errors.InputError(
      f'{train_dir}: was removed or replaced while this run trained in it, so '
      'nothing more is saved; choose another --train_dir for a new training'
    )


def write(path: files.PathLike, text: str) -> None:
  """Writes a file of text whole or not at all.

  Args:
    path: a file in the folder of a training.
    text: its content.

  Raises:
    InputError: the file cannot be written.
  """
  with (
    files.errors_of_writing('--train_dir', _REMEDY),
    files.atomic_open(path, 'w') as stream,
  ):
    stream.write(text)
