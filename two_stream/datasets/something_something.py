"""Something-Something's label files, and label maps.

The data set has circulated with two namings of the same JSON files, and both
are read: `something-something-v2-train.json` and so on, and the newer
`train.json` and so on, which come with the labels of the test split.

    labels.json       {"Holding something": "0", ...}: class name -> index
    train.json        [{"id": "74225", "template": "Holding [something]", ...}]
    validation.json   the same
    test.json         [{"id": "1420"}, ...]
    test-answers.csv  1420;Holding something

A class name is the same in all of them to the character, so one that begins or
ends with a blank is refused, and so is one with a character that
`str.isprintable` does not know as printable: control characters, line
separators, marks that turn the direction of writing, blanks other than ' '.
"""

import logging
import os
import pathlib
import re
from typing import NamedTuple

from two_stream import documents, errors

SPLITS = ('train', 'validation', 'test')
_PREFIXES = ('something-something-v2-', '')
_PLAIN_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,127}')


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
    InputError: the file is missing or malformed, a class name cannot be one,
      or the indices are not 0, 1, ..., number of classes - 1, each once.
  """
  path = _find(labels_dir, 'labels.json')
  content = documents.read_json(path)
  if not isinstance(content, dict) or not content:
    raise errors.InputError(f'{path}: not an object of class name -> index')
  keys = [f'key {documents.quote(key)}' for key in content]
  names = [
    _checked_name(_plain(key), f'{path}: {place}')
    for key, place in zip(content, keys)
  ]
  _refuse_repetition(path, 'class name', names, keys)
  classes = [f'class {documents.quote(name)}' for name in names]
  indices = [
    documents.whole_number(index, f'{path}: {place}')
    for index, place in zip(content.values(), classes)
  ]
  _refuse_repetition(path, 'index', indices, classes)
  if max(indices) != len(names) - 1:
    raise errors.InputError(
      f'{path}: the indices are not 0 to {len(names) - 1}, but up to '
      f'{max(indices)}'
    )
  return [name for _, name in sorted(zip(indices, names))]


def read_samples(labels_dir, split):
  """Reads the videos of a split in the order of its JSON file.

  Args:
    labels_dir: the folder of the JSON files.
    split: one of `SPLITS`.

  Returns:
    A list of `Sample`. Labels are not looked up in labels.json here.

  Raises:
    InputError: a file is missing or malformed, or an id stands twice. Test
      videos without an answer are only warned of.
  """
  path = _find(labels_dir, f'{split}.json')
  entries = documents.read_json(path)
  if not isinstance(entries, list):
    raise errors.InputError(f'{path}: not a list of videos')
  ids, templates = [], []
  for number, entry in enumerate(entries):
    if not isinstance(entry, dict) or not isinstance(entry.get('id'), str):
      raise errors.InputError(f'{path}: entry {number} has no "id" string')
    ids.append(entry['id'])
    template = entry.get('template')
    if not isinstance(template, str) and (
      split != 'test' or template is not None
    ):
      raise errors.InputError(f'{path}: entry {number} has no "template"')
    templates.append(template)
  _refuse_repetition(
    path, 'id', ids, [f'entry {number}' for number in range(len(ids))]
  )
  answers = _read_answers(labels_dir, ids) if split == 'test' else {}
  return [
    Sample(
      sample_id,
      answers.get(sample_id) if template is None else _plain(template),
    )
    for sample_id, template in zip(ids, templates)
  ]


def check_id(sample_id):
  """Returns an id that is safe as a file name, or raises InputError."""
  if not _PLAIN_ID.fullmatch(sample_id):
    raise errors.InputError(
      f'id {documents.quote(sample_id)}: may hold letters, digits, - and _ '
      'alone'
    )
  return sample_id


def read_label_map(path):
  """Reads a label map: one class name a line, in the order of the indices.

  Args:
    path: the file.

  Returns:
    A list of str.

  Raises:
    InputError: the file is missing, not UTF-8 or empty, a line is not a class
      name, or a name stands twice; names the line.
  """
  lines = documents.read_lines(path)
  if not lines:
    raise errors.InputError(f'{path}: has no class names')
  places = [f'line {number}' for number in range(1, len(lines) + 1)]
  names = [
    _checked_name(line, f'{path}: {place}')
    for line, place in zip(lines, places)
  ]
  _refuse_repetition(path, 'class name', names, places)
  return names


def format_label_map(names):
  """Gives the text of a label map, which `read_label_map` reads."""
  return ''.join(f'{name}\n' for name in names)


def _plain(template):
  """Turns a template into a class name: without the brackets."""
  return template.replace('[', '').replace(']', '')


def _checked_name(name, place):
  """Returns a class name, or raises InputError if it cannot be one.

  Args:
    name: a str.
    place: where it stands, for messages.
  """
  if not name.strip():
    raise errors.InputError(f'{place}: a class name is blank')
  for character in name:
    if not character.isprintable():
      raise errors.InputError(
        f'{place}: a class name has U+{ord(character):04X}, which is not '
        f'printable: {documents.quote(name)}'
      )
  if name != name.strip():
    raise errors.InputError(
      f'{place}: a class name begins or ends with a blank: '
      f'{documents.quote(name)}'
    )
  return name


def _refuse_repetition(path, kind, values, places):
  """Raises InputError if a value stands twice.

  Args:
    path: the file.
    kind: what the values are, for messages.
    values: a list.
    places: where each stands, for messages.
  """
  first = {}
  for value, place in zip(values, places):
    if value in first:
      raise errors.InputError(
        f'{path}: {place}: {kind} {documents.quote(value)} is that of '
        f'{first[value]} already'
      )
    first[value] = place


def _find(labels_dir, name):
  """Gives the path of a JSON file under either of its names."""
  folder = pathlib.Path(labels_dir)
  candidates = [folder / f'{prefix}{name}' for prefix in _PREFIXES]
  for path in candidates:
    if os.path.lexists(path):  # What is no file has an error of its own.
      return path
  names = ' or '.join(path.name for path in candidates)
  raise errors.InputError(f'{folder}: has no {names}')


def _read_answers(labels_dir, ids):
  """Reads the labels of the test split.

  Args:
    labels_dir: the folder of the JSON files.
    ids: those of the test split.

  Returns:
    id -> label, {} where they were not published.
  """
  path = pathlib.Path(labels_dir, 'test-answers.csv')
  if not os.path.lexists(path):
    return {}
  rows = documents.read_csv(path, ';')
  places = [f'line {number}' for number, _ in rows]
  answers = {}
  for (_, fields), place in zip(rows, places):
    if len(fields) != 2:
      raise errors.InputError(
        f'{path}: {place} has {len(fields)} fields and not two, id;label'
      )
    sample_id, label = fields
    answers[sample_id] = _checked_name(_plain(label), f'{path}: {place}')
  _refuse_repetition(path, 'id', [fields[0] for _, fields in rows], places)
  lacking = len(set(ids) - answers.keys())
  if lacking:
    logging.warning(
      '%s: has no answer for %d of %d videos', path, lacking, len(ids)
    )
  return answers
