"""What files hold, so that a result is kept only if it belongs to that.

A file can be replaced at any moment. So a result that is computed from files is
stored under the identity that they had before, and it counts only if they have
the same identity afterwards.
"""

import hashlib
import pathlib
from collections.abc import Sequence

from two_stream import errors, files

_CHUNK = 1 << 20  # Bytes.


def digest(*paths: files.PathLike) -> str:
  """Computes one SHA-256 of the contents of several files.

  Args:
    *paths: the files; another order gives another digest.

  Returns:
    64 hexadecimal digits.

  Raises:
    InputError: a file cannot be read.
  """
  total = hashlib.sha256()
  for path in paths:
    with files.open_to_read(path) as stream:
      try:
        one = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
          one.update(chunk)
      except OSError as error:
        raise errors.unreadable(path, error) from error
    total.update(one.digest())  # Of fixed length, to tell where files end.
  return total.hexdigest()


class Identity:
  """What some files held when this object was made.

  The contents are read, because neither the size nor the time of a file says
  for certain what it holds. The times of change (ctime) are compared as well:
  no program can choose them, so they tell if a file was replaced and put back.

  Args:
    *paths: the files.

  Attributes:
    digest: the SHA-256 of their contents, see the function `digest`.

  Raises:
    InputError: a file cannot be read.
  """

  def __init__(self, *paths: files.PathLike):
    self._paths = paths
    self.digest, self._changed = _look(paths)

  def check(self) -> None:
    """Makes sure that the files are as they were.

    Raises:
      InputError: a file changed or cannot be read any more.
    """
    if _look(self._paths) != (self.digest, self._changed):
      raise changed(self._paths[0])


def changed(path: files.PathLike) -> errors.InputError:
  """Makes the error of a file that changed between two readings."""
  return errors.InputError(
    f'{path}: changed while it was used; let it be and run again: what is '
    'finished is kept'
  )


def _look(paths: Sequence[files.PathLike]) -> tuple[str, list[int]]:
  """Returns the digest of files and the times at which each was changed."""
  try:
    return digest(*paths), [
      pathlib.Path(path).stat().st_ctime_ns for path in paths
    ]
  except OSError as error:
    raise errors.InputError(f'{error.filename}: went away') from error
