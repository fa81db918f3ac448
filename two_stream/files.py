"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib


@contextlib.contextmanager
def atomic_open(path, mode='wb'):
  """Opens a file that takes its name only once it is complete and on disk.

  What is written goes to a temporary file beside `path`; when the block ends
  it is flushed to the disk and renamed. When the block raises, the temporary
  file is removed and an existing `path` is left as it was. A kill at any moment
  leaves at most the temporary file, `.<name>.<pid>.tmp`.

  Args:
    path: the final name. Its folder must exist.
    mode: 'wb' or 'w' (UTF-8).

  Yields:
    The open temporary file.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
  encoding = None if 'b' in mode else 'utf-8'
  try:
    with temporary.open(mode, encoding=encoding) as stream:
      yield stream
      stream.flush()
      os.fsync(stream.fileno())
    temporary.replace(path)
    sync(path.parent)
  except BaseException:
    temporary.unlink(missing_ok=True)
    raise


def remove_leftovers(path):
  """Removes what `atomic_open` of a path left when its process was killed."""
  for leftover in path.parent.glob(f'.{path.name}.*.tmp'):
    leftover.unlink(missing_ok=True)


def sync(path):
  """Puts a file, or the names in a folder, on the disk."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
