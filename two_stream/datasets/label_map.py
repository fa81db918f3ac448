"""Label maps: one class name a line, in the order of the class indices.

A class name is the same in all files to the character. So a name is refused if
it begins or ends with a blank, or if it has a character that
`str.isprintable` does not take for printable: a control character, a line
separator, a mark that turns the direction of writing, or a blank other than
' '.
"""

from collections.abc import Iterable, Sequence

from two_stream import documents, errors, files


def read(path: files.PathLike) -> list[str]:
  """Reads a label map.

  Args:
    path: the file.

  Returns:
    The class names.

  Raises:
    InputError: the file is missing, not UTF-8 or empty, a line is no class
      name, or a name stands there twice. The message names the line.
  """
  lines = documents.read_lines(path)
  if not lines:
    raise errors.InputError(f'{path}: has no class names')
  lines_of_names = [f'line {number}' for number in range(1, len(lines) + 1)]
  names = [
    checked_name(line, f'{path}: {where}')
    for line, where in zip(lines, lines_of_names)
  ]
  refuse_repetition(path, 'class name', names, lines_of_names)
  return names


def to_text(names: Iterable[str]) -> str:
  """Returns the content of a label map, which `read` reads."""
  return ''.join(f'{name}\n' for name in names)


def checked_name(name: str, where: str) -> str:
  """Returns a class name, or raises InputError if it cannot be one.

  Args:
    name: what may be a class name.
    where: the file and the line or entry, for messages.
  """
  if name and name.isprintable() and name == name.strip():
    return name
  if not name.strip():
    raise errors.InputError(f'{where}: a class name is blank')
  for character in name:
    if not character.isprintable():
      raise errors.InputError(
        f'{where}: a class name has U+{ord(character):04X}, which is not '
        f'printable: {documents.quote(name)}'
      )
  raise errors.InputError(
    f'{where}: a class name begins or ends with a blank: '
    f'{documents.quote(name)}'
  )


def refuse_repetition(
  path: files.PathLike,
  kind: str,
  values: Sequence[str | int],
  positions: Sequence[str],
) -> None:
  """Raises InputError if a value stands twice in a file.

  Args:
    path: the file.
    kind: what the values are, for messages.
    values: the values.
    positions: the line or entry of each value, for messages.
  """
  first_position: dict[str | int, str] = {}
  for value, position in zip(values, positions):
    if value in first_position:
      raise errors.InputError(
        f'{path}: {position}: {kind} {documents.quote(value)} is that of '
        f'{first_position[value]} already'
      )
    first_position[value] = position
