"""Something-Something's label files, and label maps.

The data set has circulated with two namings of the same JSON files, and both
are read: `something-something-v2-train.json` and so on, and the newer
`train.json` and so on, which come with the labels of the test split.

    labels.json       {"Holding something": "0", ...}: class name -> index
    train.json        [{"id": "74225", "template": "Holding [something]", ...}]
    validation.json   the same
    test.json         [{"id": "1420"}, ...]
    test-answers.csv  1420;Holding something
"""

import csv
import json
import pathlib
import re
from typing import NamedTuple

from two_stream import errors

SPLITS = ('train', 'validation', 'test')
_PREFIXES = ('something-something-v2-', '')
_PLAIN_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,127}')
_MIRROR = {'left': 'right', 'right': 'left', 'Left': 'Right', 'Right': 'Left'}
_SIDE = re.compile(rf'\b({"|".join(_MIRROR)})\b')


class Sample(NamedTuple):
  """One video of a split.

  Attributes:
    id: as the JSON has it, unchecked; see `check_id`.
    label: class name, or None where the label is not public.
  """

  id: str
  label: str | None


def read_class_names(labels_dir):
  """Reads the class names of labels.json in the order of their indices.

  Args:
    labels_dir: the folder of the JSON files.

  Returns:
    A list of str.

  Raises:
    InputError: the file is missing, malformed, or its indices are not
      0, 1, ..., number of classes - 1.
  """
  path = _find(labels_dir, 'labels.json')
  content = _read_json(path)
  if not isinstance(content, dict) or not content:
    raise errors.InputError(f'{path}: not an object of class name -> index')
  try:
    indices = {_plain(name): int(index) for name, index in content.items()}
  except (TypeError, ValueError):
    raise errors.InputError(f'{path}: an index is not a number') from None
  names = sorted(indices, key=indices.get)
  if not all(name.isprintable() and name for name in names):
    raise errors.InputError(f'{path}: a class name is not one line of text')
  if [indices[name] for name in names] != list(range(len(content))):
    raise errors.InputError(
      f'{path}: the indices are not 0 to {len(content) - 1}, each once'
    )
  return names


def read_samples(labels_dir, split):
  """Reads the videos of a split in the order of its JSON file.

  Args:
    labels_dir: the folder of the JSON files.
    split: one of `SPLITS`.

  Returns:
    A list of `Sample`. Labels are not looked up in labels.json here.

  Raises:
    InputError: a file is missing or malformed, or an id stands twice.
  """
  path = _find(labels_dir, f'{split}.json')
  entries = _read_json(path)
  if not isinstance(entries, list):
    raise errors.InputError(f'{path}: not a list of videos')
  answers = _read_answers(labels_dir) if split == 'test' else {}
  samples = []
  for number, entry in enumerate(entries):
    if not isinstance(entry, dict) or not isinstance(entry.get('id'), str):
      raise errors.InputError(f'{path}: entry {number} has no "id" string')
    template = entry.get('template', answers.get(entry['id']))
    if split != 'test' and not isinstance(template, str):
      raise errors.InputError(f'{path}: entry {number} has no "template"')
    label = _plain(template) if isinstance(template, str) else None
    samples.append(Sample(entry['id'], label))
  if len({sample.id for sample in samples}) != len(samples):
    raise errors.InputError(f'{path}: an id stands in it more than once')
  return samples


def check_id(sample_id):
  """Returns an id that is safe as a file name, or raises InputError."""
  if not _PLAIN_ID.fullmatch(sample_id):
    raise errors.InputError(
      f'id {sample_id!r}: may hold letters, digits, - and _ alone'
    )
  return sample_id


def read_label_map(path):
  """Reads a label map: one class name a line, in the order of the indices.

  Raises:
    InputError: the file is missing, not UTF-8 or empty, or a line is blank.
  """
  names = _read_text(pathlib.Path(path)).splitlines()
  if not names or not all(name.strip() for name in names):
    raise errors.InputError(f'{path}: not one class name a line')
  return names


def format_label_map(names):
  """Gives the text of a label map, which `read_label_map` reads."""
  return ''.join(f'{name}\n' for name in names)


def mirrored_classes(names):
  """Tells which class each class turns into under a horizontal flip.

  The pairs follow from the words left and right in the names, because the
  order of classes differs between label files.

  Args:
    names: class names in the order of their indices.

  Returns:
    A list of indices: class i, flipped, is class `result[i]`; most are i.

  Raises:
    InputError: the mirror image of a class is not among the names.
  """
  index_of = {name: index for index, name in enumerate(names)}
  mirrored = [
    _SIDE.sub(lambda match: _MIRROR[match.group()], name) for name in names
  ]
  for name, mirror in zip(names, mirrored):
    if mirror not in index_of:
      raise errors.InputError(
        f'{name!r} flipped is {mirror!r}, which the label map lacks; do not '
        'flip clips of these classes'
      )
  return [index_of[mirror] for mirror in mirrored]


def _plain(template):
  """Turns a template into a class name: without the brackets."""
  return template.replace('[', '').replace(']', '')


def _find(labels_dir, name):
  """Gives the path of a JSON file under either of its names."""
  folder = pathlib.Path(labels_dir)
  candidates = [folder / f'{prefix}{name}' for prefix in _PREFIXES]
  for path in candidates:
    if path.is_file():
      return path
  names = ' or '.join(path.name for path in candidates)
  raise errors.InputError(f'{folder}: has no {names}')


def _read_text(path):
  try:
    return path.read_text(encoding='utf-8')
  except (OSError, UnicodeDecodeError) as error:
    raise errors.InputError(f'{path}: cannot be read: {error}') from None


def _read_json(path):
  try:
    return json.loads(_read_text(path))
  except (json.JSONDecodeError, RecursionError) as error:
    raise errors.InputError(f'{path}: not JSON: {error}') from None


def _read_answers(labels_dir):
  """Reads the labels of the test split, {} where they were not published."""
  path = pathlib.Path(labels_dir) / 'test-answers.csv'
  if not path.exists():
    return {}
  answers = {}
  rows = csv.reader(_read_text(path).splitlines(), delimiter=';')
  for number, row in enumerate(rows, 1):
    if len(row) != 2:
      raise errors.InputError(f'{path}: line {number} is not "id;label"')
    answers[row[0]] = row[1]
  return answers
