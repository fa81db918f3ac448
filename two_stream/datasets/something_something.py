"""Something-Something: its label files become class names and samples.

The data set has circulated with two namings of the same JSON files:
`something-something-v2-train.json` and so on, and the newer `train.json` and so
on, which come with the labels of the test split. Both are read.

    labels.json       {"Holding something": "0", ...}: class name -> index
    train.json        [{"id": "74225", "template": "Holding [something]", ...}]
    validation.json   the same
    test.json         [{"id": "1420"}, ...]
    test-answers.csv  1420;Holding something

The video of a sample is `<id>.webm`. The class name is the template without its
brackets, and follows the rule of label_map.py.
"""

import logging
import os
import pathlib
from collections.abc import Iterable, Sequence

from two_stream import documents, errors, files
from two_stream.datasets import data_set, label_map

_PREFIXES = ('something-something-v2-', '')


def read(
  labels_dir: files.PathLike, splits: Iterable[str] = data_set.SPLITS
) -> data_set.DataSet:
  """Reads the label files of some splits.

  Args:
    labels_dir: the folder of the JSON files.
    splits: some of `data_set.SPLITS`.

  Returns:
    The class names, and the samples of these splits.

  Raises:
    InputError: a file is missing or malformed.
  """
  return data_set.DataSet(
    name='something_something_v2',
    class_names=read_class_names(labels_dir),
    splits={split: read_samples(labels_dir, split) for split in splits},
  )


def read_class_names(labels_dir: files.PathLike) -> list[str]:
  """Reads the class names of labels.json in the order of their indices.

  Args:
    labels_dir: the folder of the JSON files.

  Returns:
    The class names.

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
    label_map.checked_name(_without_brackets(key), f'{path}: {where}')
    for key, where in zip(content, keys)
  ]
  label_map.refuse_repetition(path, 'class name', names, keys)
  classes = [f'class {documents.quote(name)}' for name in names]
  indices = [
    documents.whole_number(index, f'{path}: {where}')
    for index, where in zip(content.values(), classes)
  ]
  label_map.refuse_repetition(path, 'index', indices, classes)
  if max(indices) != len(names) - 1:
    raise errors.InputError(
      f'{path}: the indices are not 0 to {len(names) - 1}, but up to '
      f'{max(indices)}'
    )
  return [name for _, name in sorted(zip(indices, names))]


def read_samples(
  labels_dir: files.PathLike, split: str
) -> list[data_set.Sample]:
  """Reads the videos of a split in the order of its JSON file.

  Labels are not looked up in labels.json here. If the answers of the test split
  lack some of its videos, only a warning is logged.

  Args:
    labels_dir: the folder of the JSON files.
    split: one of `data_set.SPLITS`.

  Returns:
    The samples.

  Raises:
    InputError: a file is missing or malformed, or an id stands there twice.
  """
  path = _find(labels_dir, f'{split}.json')
  entries = documents.read_json(path)
  if not isinstance(entries, list):
    raise errors.InputError(f'{path}: not a list of videos')
  ids: list[str] = []
  templates: list[str | None] = []
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
  label_map.refuse_repetition(
    path, 'id', ids, [f'entry {number}' for number in range(len(ids))]
  )
  answers = _read_answers(labels_dir, ids) if split == 'test' else {}
  return [
    data_set.Sample(
      id=sample_id,
      path=f'{sample_id}.webm',
      label=answers.get(sample_id)
      if template is None
      else _without_brackets(template),
    )
    for sample_id, template in zip(ids, templates)
  ]


def _without_brackets(template: str) -> str:
  """Turns a template into a class name."""
  return template.replace('[', '').replace(']', '')


def _find(labels_dir: files.PathLike, name: str) -> pathlib.Path:
  """Returns the path of a JSON file under either of its names."""
  folder = pathlib.Path(labels_dir)
  candidates = [folder / f'{prefix}{name}' for prefix in _PREFIXES]
  for path in candidates:
    # Whatever has the name is taken. If it is no file, opening it says so.
    if os.path.lexists(path):
      return path
  names = ' or '.join(path.name for path in candidates)
  raise errors.InputError(f'{folder}: has no {names}')


def _read_answers(
  labels_dir: files.PathLike, ids: Sequence[str]
) -> dict[str, str]:
  """Reads the labels of the test split.

  Args:
    labels_dir: the folder of the JSON files.
    ids: the ids of the test split.

  Returns:
    id -> label; {} if the answers were not published with the data set.
  """
  path = pathlib.Path(labels_dir, 'test-answers.csv')
  if not os.path.lexists(path):
    return {}
  rows = documents.read_csv(path, ';')
  lines = [f'line {number}' for number, _ in rows]
  answers = {}
  for (_, fields), line in zip(rows, lines):
    if len(fields) != 2:
      raise errors.InputError(
        f'{path}: {line} has {len(fields)} fields and not two, id;label'
      )
    sample_id, label = fields
    answers[sample_id] = label_map.checked_name(
      _without_brackets(label), f'{path}: {line}'
    )
  label_map.refuse_repetition(
    path, 'id', [fields[0] for _, fields in rows], lines
  )
  num_lacking = len(set(ids) - answers.keys())
  if num_lacking:
    logging.warning(
      '%s: has no answer for %d of %d videos', path, num_lacking, len(ids)
    )
  return answers
