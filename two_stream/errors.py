"""The exception of a user's mistake, and how foreign text is shown."""


class InputError(ValueError):
  """A file, flag or label that cannot be used.

  Its message is one line that names the file (or flag) and the remedy. The
  scripts print it without a traceback and exit with status 1.
  """


def printable(text):
  r"""Makes text safe to show, whatever a file's name or content smuggled in.

  Escape sequences would move the cursor or change a terminal's title, line ends
  would forge messages, other characters turn the direction of writing or are no
  text at all.

  Args:
    text: what to show; anything else is made a str.

  Returns:
    A str of one line. Characters that are not printable stand in it as in
    Python's repr, for instance `\x1b`.
  """
  return ''.join(
    character
    if character.isprintable()
    else character.encode('unicode_escape').decode()
    for character in str(text)
  )
