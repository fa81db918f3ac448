"""The one exception that means: the user's input is at fault."""


class InputError(ValueError):
  """A file, flag or label that cannot be used.

  Its message is one line that names the file (or flag) and the remedy. The
  scripts print it without a traceback and exit with status 1.
  """
