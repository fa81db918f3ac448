"""Files: written whole or not at all, read only if they are regular files.

Whoever may write to a folder may plant something in it: a link where a program
is about to write, a FIFO where it is about to read. So a temporary file has a
name that nobody can guess and is never opened through a link, and what is read
is looked at before a byte of it is taken.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import secrets
import stat

from two_stream import errors

_CHUNK = 1 << 20  # Bytes.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@contextlib.contextmanager
def atomic_open(path, mode='wb'):
  """Opens a file that takes its name only once it is complete and on disk.

  What is written goes to a temporary file beside `path`; when the block ends
  it is flushed to the disk and renamed. When the block raises, the temporary
  file is removed and an existing `path` is left as it was. A kill at any moment
  leaves at most the temporary file, `.<name>.<random>.tmp`.

  A link at `path` is replaced by the file; what it points to stays as it is.

  Args:
    path: the final name. Its folder must exist.
    mode: 'wb' or 'w' (UTF-8).

  Yields:
    The open temporary file.

  Raises:
    OSError: the file cannot be written, or `path` is a folder or a device.
  """
  path = pathlib.Path(path)
  _refuse_special(path)
  stream = _open_temporary(path, mode)
  temporary = pathlib.Path(stream.name)
  try:
    with stream:
      yield stream
      stream.flush()
      os.fsync(stream.fileno())
      temporary.replace(path)
    sync(path.parent)
  except BaseException:
    temporary.unlink(missing_ok=True)
    raise


def remove_leftovers(path):
  """Removes what `atomic_open` of a path left when its process was killed.

  A process holds a lock on its temporary file, which the kernel releases when
  the process dies: the files of live processes stay. Where the file system has
  no locks, nothing is removed.
  """
  prefix = f'.{path.name}.'
  for other in path.parent.iterdir():
    if other.name.startswith(prefix) and other.name.endswith('.tmp'):
      _remove_if_dead(other)


def sync(path):
  """Puts a file, or the names in a folder, on the disk."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def open_to_read(path):
  """Opens a regular file for reading bytes.

  Links are followed. A FIFO, which would make the reader wait, and a device are
  refused before anything is read.

  Args:
    path: the file.

  Returns:
    The open binary file.

  Raises:
    InputError: the file is missing, not regular or cannot be read.
  """
  try:
    # Opening a FIFO without O_NONBLOCK waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    stream = os.fdopen(descriptor, 'rb')
  except (OSError, ValueError) as error:  # ValueError: a NUL in the name.
    raise errors.InputError(f'{path}: cannot be read: {error}') from error
  if not stat.S_ISREG(os.fstat(descriptor).st_mode):
    stream.close()
    raise errors.InputError(f'{path}: cannot be read: it is not a regular file')
  return stream


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
    with open_to_read(path) as stream:
      try:
        one = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
          one.update(chunk)
      except OSError as error:
        raise errors.InputError(f'{path}: cannot be read: {error}') from error
    total.update(one.digest())  # Of fixed length, so that borders count.
  return total.hexdigest()


def _refuse_special(path):
  """Raises OSError if something other than a file or link has the name."""
  try:
    mode = os.lstat(path).st_mode
  except FileNotFoundError:
    return
  if stat.S_ISDIR(mode):
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
  if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
    raise OSError(errno.EEXIST, 'Is not a regular file', str(path))


def _open_temporary(path, mode):
  """Opens a new, locked file beside `path` that no link can stand for."""
  flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_RDWR
  encoding = None if 'b' in mode else 'utf-8'
  while True:
    name = path.with_name(f'.{path.name}.{secrets.token_hex(8)}.tmp')
    stream = open(  # noqa: SIM115 (the caller closes it)
      name,
      mode,
      encoding=encoding,
      opener=lambda file, _: os.open(file, flags, 0o666),
    )
    if _lock(stream.fileno()) and name.exists():
      return stream
    stream.close()  # A process that looks for leftovers took it for one.


def _lock(descriptor):
  """Whether this process has the file's lock now, or there are no locks."""
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except OSError as error:
    return error.errno in _NO_LOCKS
  return True


def _remove_if_dead(path):
  try:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
  except OSError:
    return  # A link, or gone already, or somebody else's.
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    path.unlink(missing_ok=True)
  except OSError:
    return  # A live process holds it, or nobody can know.
  finally:
    os.close(descriptor)
