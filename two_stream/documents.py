"""Strict readers of text, JSON and CSV: the one way to read files of words.

Every mistake in a file is an `errors.InputError` that names the file and, where
it is known, the line. What most readers let pass is refused here, because it
means that the file is not what its author believes:

    bytes that are not UTF-8         a key that stands twice in a JSON object
    NaN and Infinity in JSON         a number of thousands of digits
    half of a surrogate pair         a CSV row of another length

A byte-order mark at the beginning is passed over.
"""

import collections
import csv
import json
import re

from two_stream import errors, files

# The largest label file of the field, Kinetics-700's, has about 50 MB.
MAX_BYTES = 512 << 20
_SURROGATE = re.compile(r'\\u[dD][89a-fA-F]')


def read_text(path):
  """Reads a UTF-8 file.

  Args:
    path: the file.

  Returns:
    Its text, without a byte-order mark.

  Raises:
    InputError: the file cannot be read, is larger than `MAX_BYTES`, or is not
      UTF-8.
  """
  with files.open_to_read(path) as stream:
    try:
      content = stream.read(MAX_BYTES + 1)
    except OSError as error:
      raise errors.InputError(f'{path}: cannot be read: {error}') from error
  if len(content) > MAX_BYTES:
    raise errors.InputError(
      f'{path}: larger than {MAX_BYTES >> 20} MiB, which no file of labels is'
    )
  try:
    return content.decode('utf-8-sig')
  except UnicodeDecodeError as error:
    line = content.count(b'\n', 0, error.start) + 1
    raise errors.InputError(
      f'{path}: line {line} is not UTF-8: {error.reason}; save the file as '
      'UTF-8'
    ) from None


def read_lines(path):
  """Reads the lines of a UTF-8 file, which end in LF or CR LF.

  Other characters at which Python splits lines are part of the text.

  Args:
    path: the file.

  Returns:
    A list of str without line ends. The end of the last line may be missing.

  Raises:
    InputError: as `read_text`.
  """
  lines = read_text(path).split('\n')
  if not lines[-1]:
    lines.pop()
  return [line.removesuffix('\r') for line in lines]


def read_json(path):
  """Reads a JSON file.

  Args:
    path: the file.

  Returns:
    Its value, of dict, list, str, int, float, bool and None.

  Raises:
    InputError: as `read_text` and `parse_json`.
  """
  return parse_json(read_text(path), path)


def parse_json(text, name):
  """Parses JSON.

  Args:
    text: a str.
    name: what to call it in messages, such as its file's path.

  Returns:
    As `read_json`.

  Raises:
    InputError: the text is no JSON, or is refused; see the top of this module.
  """
  try:
    value = json.loads(
      text, object_pairs_hook=_object, parse_constant=_refuse_constant
    )
    if _SURROGATE.search(text):
      json.dumps(value, ensure_ascii=False).encode()
  except json.JSONDecodeError as error:
    raise errors.InputError(
      f'{name}: line {error.lineno} is not JSON: {error.msg}'
    ) from None
  except UnicodeEncodeError:
    raise errors.InputError(
      f'{name}: not JSON: half of a surrogate pair'
    ) from None
  except (RecursionError, ValueError) as error:
    raise errors.InputError(f'{name}: not JSON: {error}') from None
  return value


def read_csv(path, delimiter=','):
  """Reads a CSV file whose rows all have the same number of fields.

  Args:
    path: the file.
    delimiter: what stands between fields.

  Returns:
    A list of (number of the row's last line, from 1; list of its fields).
    Blank lines are left out.

  Raises:
    InputError: as `read_text`, and if a row is malformed or of another length
      than the first, naming its line.
  """
  lines = read_text(path).split('\n')
  reader = csv.reader(
    (f'{line}\n' for line in lines), delimiter=delimiter, strict=True
  )
  rows = []
  try:
    for row in reader:
      if not row:
        continue
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


def _object(pairs):
  """A JSON object, unless one of its keys stands in it twice."""
  value = dict(pairs)
  if len(value) != len(pairs):
    counts = collections.Counter(key for key, _ in pairs)
    twice, _ = counts.most_common(1)[0]
    raise ValueError(f'the key {twice!r} stands twice in an object')
  return value


def _refuse_constant(constant):
  raise ValueError(f'{constant} is no JSON number')
