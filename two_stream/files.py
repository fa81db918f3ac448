"""Files: written whole or not at all, read only if they are regular files.

Whoever may write to a folder may plant something there: a link where a program
is about to write, a FIFO where it is about to read. So a temporary file has a
name that nobody can guess, and is never opened through a link. A file that is
to be read is checked before its first byte is read.

Each temporary file is locked. When its process dies, the kernel releases the
lock, so another process can tell that nobody needs the file any more.
"""

import contextlib
import errno
import fcntl
import io
import os
import pathlib
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO

from two_stream import errors

PathLike = str | os.PathLike[str]

_STANDARD_OUTPUTS = (1, 2)
# A temporary name begins with so many characters of the final name. A file name
# has at most 255 bytes, and a character takes at most 4 of them.
_NAME_CHARACTERS = 50


@contextlib.contextmanager
def atomic_open(path: PathLike, mode: str = 'wb') -> Iterator[IO[Any]]:
  """Opens a file that takes its name only once it is complete and on disk.

  The block writes to a temporary file beside `path`. When the block ends, that
  file is flushed to the disk and renamed. When the block raises, that file is
  removed and an existing `path` stays as it was. A kill at any moment leaves at
  most the temporary file, `.<name>.<random>.tmp`, which the next call for that
  path removes.

  A link at `path` is replaced by the file; the target of the link does not
  change.

  Args:
    path: the final name. Its folder must exist.
    mode: 'wb' or 'w' (UTF-8).

  Yields:
    The open temporary file.

  Raises:
    OSError: the file cannot be written, or `path` is a folder or a device.
  """
  path = pathlib.Path(path)
  with contextlib.suppress(FileNotFoundError):
    _refuse_special(os.lstat(path).st_mode, path, allowed=stat.S_ISLNK)
  remove_leftovers(path)
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


@contextlib.contextmanager
def open_result(path: PathLike, mode: str = 'wb') -> Iterator[IO[Any]]:
  """Opens a file that the user named for a result.

  A regular file is made or replaced by `atomic_open`. If `path` is a pipe, a
  terminal or /dev/null, the result is written into it. If `path` is the file
  that standard output or standard error goes to, the result is written after
  what was printed there.

  Args:
    path: the name. Its folder must exist.
    mode: 'wb' or 'w' (UTF-8).

  Yields:
    The open file.

  Raises:
    OSError: the file cannot be written, or `path` is a folder, a socket or a
      disk.
  """
  target = _what_takes_a_stream(path)
  if target is None:
    with atomic_open(path, mode) as stream:
      yield stream
  else:  # This may be a descriptor, which pathlib cannot open.
    with open(target, mode, encoding=_encoding(mode)) as stream:  # noqa: PTH123
      yield stream


@contextlib.contextmanager
def temporary_folder(path: PathLike) -> Iterator[pathlib.Path]:
  """Makes a folder beside `path` for files that are about to be moved there.

  Only this user can read the folder and write to it. It is removed when the
  block ends. A kill at any moment leaves at most the folder, which the next
  call for that path removes.

  Args:
    path: where the content is to be moved. Its folder must exist.

  Yields:
    The path of the folder.
  """
  remove_leftovers(path)
  folder, descriptor = _make_temporary_folder(pathlib.Path(path))
  try:
    yield folder
  finally:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def remove_leftovers(*paths: PathLike) -> None:
  """Removes temporary files and folders of paths whose process is dead.

  Those of live processes stay. If the file system has no locks, nothing is
  removed. However many paths there are, each folder is listed once.

  Args:
    *paths: paths that were given to `atomic_open` or `temporary_folder`.
  """
  prefixes: dict[pathlib.Path, list[str]] = {}
  for path in map(pathlib.Path, paths):
    prefixes.setdefault(path.parent, []).append(_temporary_prefix(path))
  for folder, of_folder in prefixes.items():
    for found in folder.iterdir():
      name = found.name
      if name.endswith('.tmp') and name.startswith(tuple(of_folder)):
        _remove_if_dead(found)


def open_lock(path: PathLike) -> BinaryIO:
  """Opens a file that serves as a lock, and makes it if it is missing.

  Returns:
    The open file. Its content means nothing.

  Raises:
    OSError: the file cannot be made or opened for writing, or is a link or not
      a regular file.
  """
  flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
  descriptor = os.open(path, flags, 0o666)
  try:
    _refuse_special(os.fstat(descriptor).st_mode, path)
    return os.fdopen(descriptor, 'r+b')
  except BaseException:
    os.close(descriptor)
    raise


@contextlib.contextmanager
def errors_of_writing(
  path: PathLike,
  remedy: str,
  kinds: tuple[type[Exception], ...] = (OSError,),
) -> Iterator[None]:
  """Turns a failure to write a file into an error for the user.

  Args:
    path: the file or folder that the block writes.
    remedy: what the user should do.
    kinds: the exceptions that mean that the file cannot be written.
  """
  try:
    yield
  except kinds as error:
    raise errors.InputError(
      f'{path}: cannot be written: {error}; {remedy}'
    ) from error


def sync(path: PathLike) -> None:
  """Flushes a file, or the names in a folder, to the disk."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def open_to_read(
  path: PathLike, inside: PathLike | None = None
) -> io.BufferedReader:
  """Opens a regular file for reading bytes.

  Links are followed. Devices are refused, and so are FIFOs, on which a reader
  would wait.

  Args:
    path: the file.
    inside: a folder that no link may lead out of, or None.

  Raises:
    InputError: the file is missing, not regular, cannot be read, or lies
      outside of that folder.
  """
  try:
    # Without O_NONBLOCK, opening a FIFO would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
  except (OSError, ValueError) as error:  # ValueError: a NUL in the name.
    raise errors.unreadable(path, error) from error
  try:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
      raise errors.unreadable(path, 'it is not a regular file')
    if inside is not None:
      # The real path of the open file. Its name may lead elsewhere by now.
      target = pathlib.Path(f'/proc/self/fd/{descriptor}').readlink()
      if not target.is_relative_to(os.path.realpath(inside)):
        raise errors.InputError(f'{path}: is a link out of {inside}')
    return os.fdopen(descriptor, 'rb')
  except BaseException:
    os.close(descriptor)
    raise


def _refuse_special(
  mode: int,
  path: PathLike,
  allowed: Callable[[int], bool] = lambda mode: False,
) -> None:
  """Raises OSError unless `mode` is that of a regular file, or allowed."""
  if stat.S_ISDIR(mode):
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
  if not (stat.S_ISREG(mode) or allowed(mode)):
    raise OSError(errno.EEXIST, 'Is not a regular file', str(path))


def _what_takes_a_stream(path: PathLike) -> int | PathLike | None:
  """Finds what to open if a result is to be written into an existing file.

  Returns:
    A new descriptor of standard output or standard error; or `path`, if it is a
    pipe or the like; or None, if it is a regular file or does not exist.

  Raises:
    OSError: `path` is a folder or the like.
  """
  try:
    status = pathlib.Path(path).stat()
  except FileNotFoundError:
    return None
  _refuse_special(status.st_mode, path, allowed=_is_stream)
  for number in _STANDARD_OUTPUTS:
    try:
      is_same = os.path.samestat(os.fstat(number), status)
    except OSError:
      continue  # It is closed.
    if is_same:
      sys.stdout.flush()
      return os.dup(number)
  return path if _is_stream(status.st_mode) else None


def _is_stream(mode: int) -> bool:
  """Returns whether `mode` is that of a pipe, a terminal or the like."""
  return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _encoding(mode: str) -> str | None:
  return None if 'b' in mode else 'utf-8'


def _temporary_prefix(path: pathlib.Path) -> str:
  return f'.{path.name[:_NAME_CHARACTERS]}.'


def _temporary_name(path: pathlib.Path) -> pathlib.Path:
  return path.with_name(f'{_temporary_prefix(path)}{secrets.token_hex(8)}.tmp')


def _open_temporary(path: pathlib.Path, mode: str) -> IO[Any]:
  """Opens a new, locked file beside `path`, and never follows a link."""
  flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_RDWR
  while True:
    name = _temporary_name(path)
    stream = open(  # noqa: SIM115 (the caller closes it)
      name,
      mode,
      encoding=_encoding(mode),
      opener=lambda file, _: os.open(file, flags, 0o666),
    )
    if _lock(stream.fileno()) and name.exists():
      return stream
    # Another process took the file for a leftover before it was locked.
    stream.close()


def _make_temporary_folder(path: pathlib.Path) -> tuple[pathlib.Path, int]:
  """Makes a locked folder beside `path`; returns it and its descriptor."""
  while True:
    folder = _temporary_name(path)
    folder.mkdir(mode=0o700)
    with contextlib.suppress(FileNotFoundError):
      descriptor = os.open(folder, os.O_DIRECTORY | os.O_CLOEXEC)
      if _lock(descriptor) and folder.exists():
        return folder, descriptor
      os.close(descriptor)  # It was taken for a leftover.


def _lock(descriptor: int) -> bool:
  """Locks a file, if it can be locked; returns whether nobody else has it."""
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    return False
  except OSError:
    return True
  return True


def _remove_if_dead(path: pathlib.Path) -> None:
  """Removes a temporary file or folder that no live process has locked."""
  flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
  try:
    is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    descriptor = os.open(path, flags | (0 if is_folder else os.O_RDWR))
  except OSError:
    return  # It is a link, is gone already, or belongs to somebody else.
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if is_folder:
      shutil.rmtree(path, ignore_errors=True)
    else:
      path.unlink(missing_ok=True)
  except OSError:
    return  # A live process holds it, or nobody can know.
  finally:
    os.close(descriptor)
