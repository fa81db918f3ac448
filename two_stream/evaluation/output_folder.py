"""One run at a time writes the results of a split into a folder."""

import fcntl
import pathlib
from typing import BinaryIO

from two_stream import errors, files


def lock(folder: files.PathLike, split: str) -> BinaryIO:
  """Keeps other runs from writing the results of a split into a folder.

  The results are several files, which would otherwise be of different runs.
  Runs of different splits may share a folder, because their files have
  different names. If the file system has no locks, nothing is refused.

  Args:
    folder: the folder. It is made if it is missing.
    split: the split.

  Returns:
    An open file. The lock is released when it is closed, or when the process
    dies.

  Raises:
    InputError: a live run has the lock, or the folder cannot be written.
  """
  with files.errors_of_writing(folder, 'choose another --output_dir'):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    lock_file = files.open_lock(pathlib.Path(folder, f'.{split}.lock'))
  try:
    fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except (BlockingIOError, PermissionError):
    lock_file.close()
    raise errors.InputError(
      f'{folder}: another run is evaluating the {split} split in this folder; '
      'wait for its end, or choose another --output_dir'
    ) from None
  except OSError:
    pass
  return lock_file
