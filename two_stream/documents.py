"""Strict readers of text, JSON and CSV, and a writer of JSON.

A mistake in a file is an `errors.InputError` that names the file and, if it is
known, the line. The following is accepted by most readers and refused here,
because it means that the file is not what its author believes:

    bytes that are not UTF-8         a key that stands twice in a JSON object
    NaN and Infinity in JSON         a number too large for float64
    half of a surrogate pair         a blank line or a CSV row of another length

A byte-order mark at the beginning of a file is skipped.
"""

import csv
import json
import math
import re
import reprlib
from collections.abc import Sequence
from typing import Any, NoReturn

from two_stream import errors, files

# The largest label file of the field, Kinetics-700's, has about 50 MB.
MAX_BYTES = 512 << 20
# What this program writes of itself is small, even with thousands of classes.
MAX_OWN_BYTES = 4 << 20
# A float64 has at most 309 digits before the point.
_MAX_DIGITS = 309
_SURROGATE = re.compile(r'\\u[dD][89a-fA-F]|[\ud800-\udfff]')
_JSON_TOKEN = re.compile(
  r'[{}]|(?P<scalar>"(?:[^"\\]|\\.)*"|[^\s{}\[\]:,"]+)(?P<colon>\s*:)?',
  re.DOTALL,
)
# TensorFlow counts in int64, which holds every number of 18 digits.
_MAX_WHOLE = 10**18 - 1
_WHOLE = re.compile(r'0|[1-9][0-9]{0,17}')

_quoter = reprlib.Repr()
_quoter.maxstring = _quoter.maxlong = _quoter.maxother = 100
_quoter.maxlevel, _quoter.maxlist, _quoter.maxdict = 1, 2, 2


def read_text(path: files.PathLike, max_bytes: int | None = None) -> str:
  """Reads a UTF-8 file.

  Args:
    path: the file.
    max_bytes: the largest size of the file; None means `MAX_BYTES`.

  Returns:
    Its text, without a byte-order mark.

  Raises:
    InputError: the file cannot be read, is larger than `max_bytes`, or is not
      UTF-8.
  """
  max_bytes = MAX_BYTES if max_bytes is None else max_bytes
  with files.open_to_read(path) as stream:
    try:
      content = stream.read(max_bytes + 1)
    except OSError as error:
      raise errors.unreadable(path, error) from error
  if len(content) > max_bytes:
    raise errors.InputError(
      f'{path}: larger than {max_bytes >> 20} MiB, which no file of its kind is'
    )
  try:
    return content.decode('utf-8-sig')
  except UnicodeDecodeError as error:
    line = content.count(b'\n', 0, error.start) + 1
    raise errors.InputError(
      f'{path}: line {line} is not UTF-8: {error.reason}; save the file as '
      'UTF-8'
    ) from None


def read_lines(path: files.PathLike) -> list[str]:
  """Reads the lines of a UTF-8 file, which end in LF or CR LF.

  Python's `str.splitlines` splits at other characters too; here those are part
  of a line.

  Args:
    path: the file.

  Returns:
    The lines without their ends. The last line need not have an end.

  Raises:
    InputError: the file cannot be read as text, see `read_text`.
  """
  lines = read_text(path).split('\n')
  if not lines[-1]:
    lines.pop()
  return [line.removesuffix('\r') for line in lines]


def read_json(path: files.PathLike, max_bytes: int | None = None) -> Any:
  """Reads a JSON file.

  Args:
    path: the file.
    max_bytes: the largest size of the file; None means `MAX_BYTES`. The value
      may take 30 times as much memory.

  Returns:
    Its value, made of dict, list, str, int, float, bool and None.

  Raises:
    InputError: the file cannot be read, is no JSON, or is refused; see the top
      of this module.
  """
  return parse_json(read_text(path, max_bytes), path)


def read_json_lines(path: files.PathLike) -> list[Any]:
  """Reads a file of JSON Lines: a JSON value on every line.

  Args:
    path: the file.

  Returns:
    The value of each line, see `read_json`.

  Raises:
    InputError: the file cannot be read, or a line is no JSON or is refused. The
      message names the line.
  """
  values = []
  for number, line in enumerate(read_lines(path)):
    try:
      values.append(parse_json(line, path))
    except errors.InputError:
      parse_json('\n' * number + line, path)  # Its message has the line.
      raise
  return values


def parse_json(text: str, name: files.PathLike) -> Any:
  """Parses JSON.

  Args:
    text: the JSON.
    name: what to call it in messages, such as its file's path.

  Returns:
    Its value, see `read_json`.

  Raises:
    InputError: the text is no JSON, or is refused; see the top of this module.
  """
  try:
    value = _decode(text)
    if _SURROGATE.search(text):
      _refuse_half_pairs(json.dumps(value, ensure_ascii=False))
  except json.JSONDecodeError as error:
    raise errors.InputError(
      f'{name}: line {error.lineno} is not JSON: {error.msg}'
    ) from None
  except RecursionError:
    raise errors.InputError(f'{name}: nested too deeply for JSON') from None
  except ValueError as error:
    raise errors.InputError(
      f'{name}: {_first_refusal(text) or error}'
    ) from None
  return value


def to_json(value: Any, indent: int | None = None) -> str:
  r"""Writes JSON that `parse_json` accepts, with letters of any alphabet.

  Characters that are not printable are escaped. Python holds a file name that
  is not UTF-8 in surrogates, which are no text. They are written as standard
  error shows them: the byte 0xff as \udcff.

  Args:
    value: made of dict, list, tuple, str, int, float, bool and None.
    indent: the number of spaces per level; None: all is on one line.

  Returns:
    The JSON, without a newline at its end.
  """
  value = without_surrogates(value)
  text = json.dumps(value, indent=indent, ensure_ascii=False)
  return re.sub(
    r'[^\n -~]',
    lambda m: m[0] if m[0].isprintable() else json.dumps(m[0])[1:-1],
    text,
  )


def read_csv(
  path: files.PathLike, delimiter: str = ','
) -> list[tuple[int, list[str]]]:
  """Reads a CSV file whose rows all have the same number of fields.

  Args:
    path: the file.
    delimiter: what stands between fields.

  Returns:
    (number of the row's last line, from 1; its fields) for each row.

  Raises:
    InputError: the file cannot be read, or a row is malformed, is blank, or has
      another number of fields than the first one. The message names the line.
  """
  lines = read_text(path).split('\n')
  if not lines[-1]:
    lines.pop()
  reader = csv.reader(
    (f'{line}\n' for line in lines), delimiter=delimiter, strict=True
  )
  rows: list[tuple[int, list[str]]] = []
  try:
    for row in reader:
      if not row:
        raise errors.InputError(f'{path}: line {reader.line_num} is blank')
      if rows and len(row) != len(rows[0][1]):
        raise errors.InputError(
          f'{path}: line {reader.line_num} has {len(row)} fields and the lines '
          f'before it {len(rows[0][1])}'
        )
      rows.append((reader.line_num, row))
  except csv.Error as error:
    raise errors.InputError(
      f'{path}: line {reader.line_num} is not CSV: {error}'
    ) from None
  return rows


def whole_number(value: object, name: str) -> int:
  """Reads a whole number, 0 or more, from JSON, CSV or the environment.

  Python's `int` also accepts ' 1', '1_0', '\u0661', 0.9 and True.

  Args:
    value: an int, or a str of the digits 0 to 9 without leading zeros.
    name: what to call the number in messages.

  Returns:
    The int, at most 18 digits long.

  Raises:
    InputError: the value is something else.
  """
  if type(value) is int and 0 <= value <= _MAX_WHOLE:
    return value
  if isinstance(value, str) and _WHOLE.fullmatch(value):
    return int(value)
  raise errors.InputError(f'{name}: {quote(value)} is not a whole number')


def quote(value: object) -> str:
  """Returns a value as messages show it: printable, short and in quotes."""
  return _quoter.repr(value)


def without_surrogates(value: Any) -> Any:
  """Returns a value of JSON in which all strings are text."""
  if isinstance(value, str):
    return value.encode(errors='backslashreplace').decode()
  if isinstance(value, dict):
    return {
      without_surrogates(key): without_surrogates(entry)
      for key, entry in value.items()
    }
  if isinstance(value, (list, tuple)):
    return [without_surrogates(entry) for entry in value]
  return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
  """Makes a JSON object, in which each key must stand once."""
  value = dict(pairs)
  if len(value) != len(pairs):
    seen: set[str] = set()
    for key, _ in pairs:
      _refuse_repetition(key, seen)
  return value


def _refuse_repetition(key: str, seen: set[str]) -> None:
  """Adds a key to the set of those seen, or raises ValueError."""
  if key in seen:
    raise ValueError(f'the key {quote(key)} stands twice in an object')
  seen.add(key)


def _integer(text: str) -> int:
  if len(text) > _MAX_DIGITS:
    raise _too_large(text)
  return int(text)


def _float(text: str) -> float:
  value = float(text)
  if math.isinf(value):
    raise _too_large(text)
  return value


def _too_large(text: str) -> ValueError:
  return ValueError(f'the number {quote(text)} is too large')


def _refuse_constant(constant: str) -> NoReturn:
  raise ValueError(f'{constant} is no JSON number')


def _refuse_half_pairs(text: str) -> None:
  try:
    text.encode()
  except UnicodeEncodeError:
    raise ValueError('text with half of a surrogate pair') from None


_decode = json.JSONDecoder(
  object_pairs_hook=_object,
  parse_int=_integer,
  parse_float=_float,
  parse_constant=_refuse_constant,
).decode


def _first_refusal(text: str) -> str:
  """Returns 'line n: reason' of the first refused value, n from 1, or ''.

  The decoder calls the functions above without telling them the line.
  """
  # The keys that each object around the token has had so far.
  keys: list[set[str]] = []
  for token in _JSON_TOKEN.finditer(text):
    try:
      if token[0] == '{':
        keys.append(set())
      elif token[0] == '}':
        keys.pop()
      else:
        value = _decode(token['scalar'])
        _refuse_half_pairs(str(value))
        if token['colon']:
          _refuse_repetition(value, keys[-1])
    except ValueError as error:
      line = text.count('\n', 0, token.start()) + 1
      return f'line {line}: {error}'
  return ''
