"""The exception for a user's mistake, and how foreign text is shown."""

# What TensorFlow writes, in large or small letters, when the memory of a GPU or
# of the machine is full: its allocator, CUDA, CUDA's library for convolutions.
_NO_MEMORY = (
  'oom when allocating',
  'failed to allocate',
  'out of memory',
  'out_of_memory',
  'alloc_failed',
)


class InputError(ValueError):
  """A file, flag or label that cannot be used.

  The message is one line that names the file (or flag) and the remedy. The
  scripts print the message without a traceback and exit with status 1.
  """


class MissingFileError(InputError):
  """A file that is not there."""


def unreadable(path: object, reason: object) -> InputError:
  """Makes the error of a file that cannot be read, for the caller to raise.

  Args:
    path: the file.
    reason: words, or the exception.
  """
  is_missing = isinstance(reason, FileNotFoundError)
  kind = MissingFileError if is_missing else InputError
  words = getattr(reason, 'strerror', None) or reason
  return kind(f'{path}: cannot be read: {words}')


def no_memory(error: BaseException) -> str | None:
  """Tells whether an error says that there is no memory left.

  Args:
    error: any exception.

  Returns:
    The line of TensorFlow that says so; None if this is another error.
  """
  # TensorFlow is not imported for this, which would take seconds.
  if type(error).__module__.startswith('tensorflow.'):
    for line in str(error).splitlines():
      if any(words in line.lower() for words in _NO_MEMORY):
        return line
  return None


def printable(text: object) -> str:
  r"""Makes text safe to show that comes from the name or content of a file.

  Such text may hold escape sequences that move the cursor or change the title
  of a terminal, line ends that forge messages, or characters that turn the
  direction of writing.

  Args:
    text: what to show. A value of another type is converted to str.

  Returns:
    One line, in which characters that are not printable are escaped as Python's
    `repr` does it, for instance `\x1b`.
  """
  return ''.join(
    character
    if character.isprintable()
    else character.encode('unicode_escape').decode()
    for character in str(text)
  )
