"""What files hold, so that a result is kept only if it is of what they hold.

A file can be replaced at any moment. So what is computed from it goes by the
identity that the file had before, and counts only if it has the same after.
"""

import hashlib
import pathlib

from two_stream import errors, files

_CHUNK = 1 << 20  # Bytes.


def digest(*paths):
  """Gives the SHA-256 of the contents of files, one after the other.

  Sizes and times of files say nothing sure about their contents.

  Args:
    *paths: the files, in an order that matters.

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
        raise files.unreadable(path, error) from error
    total.update(one.digest())  # Of fixed length, so that borders count.
  return total.hexdigest()


class Identity:
  """What some files held when they were looked at.

  Their contents decide, because sizes and times say nothing sure about them.
  Beside them stand the times of change (ctime), which no program can choose:
  they tell of a file that was replaced and put back.

  Args:
    *paths: the files.

  Attributes:
    digest: of the contents, see `digest`.

  Raises:
    InputError: a file cannot be read.
  """

  def __init__(self, *paths):
    self._paths = paths
    self.digest, self._changed = _look(paths)

  def check(self):
    """Makes sure that the files are as they were.

    Raises:
      InputError: they are not, or one cannot be read any more.
    """
    if _look(self._paths) != (self.digest, self._changed):
      raise changed(self._paths[0])


def changed(path):
  """The InputError of a file that was another when it was read again."""
  return errors.InputError(
    f'{path}: changed while it was used; let it be and run again: what is '
    'finished is kept'
  )


def _look(paths):
  try:
    return digest(*paths), [
      pathlib.Path(path).stat().st_ctime_ns for path in paths
    ]
  except OSError as error:
    raise errors.InputError(f'{error.filename}: went away') from error
