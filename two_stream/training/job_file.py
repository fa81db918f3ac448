"""The file job.json: what the checkpoints beside it were made from and with.

If a run continued with other data, labels or hyperparameters, nobody could say
how the network came about. So the chief writes down what it was given, and
every task that reads the folder compares what it was given itself.

These may change:

    --max_steps;
    --learning_rates, for steps that are still to come;
    versions of libraries, about which a warning is logged;
    everything, as long as no checkpoint has been saved.
"""

import dataclasses
import hashlib
import json
import logging
import os
import pathlib
import platform
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from two_stream import documents, errors, files, identity, recipe
from two_stream.networks import checkpoint_files
from two_stream.records import record_index, shard_counts, shard_folder
from two_stream.training import (
  saved_checkpoints,
  training_folder,
  training_job,
)

# Values of JSON, the content of the file.
Description = dict[str, Any]

_NAME = 'job.json'
# These topics of the records' parameters.json concern training.
_TOPICS = ('parameters', 'classes', 'train')
# Hyperparameters that older files lack -> what they were then.
_ADDED = {'flip': True, 'train_only': '', 'precision': 'float32'}
_MAX_CHANGES = 12  # In a message. A label map may have hundreds of changes.


def describe(
  job: training_job.Job, index: record_index.RecordIndex | None = None
) -> Description:
  """Describes what a training is made from and with.

  Args:
    job: the job.
    index: where the records of the training split are; None in a task that does
      not read them.

  Returns:
    The values of 'hyperparameters', 'max_steps', 'records' (the content of the
    records' parameters.json, if there is one), 'shards' (if there is an index),
    'label_map' and 'versions'. `remember` adds 'init_checkpoint'.

  Raises:
    InputError: the label map or parameters.json cannot be used.
  """
  parameters = job.hyperparameters
  records = shard_counts.read_parameters(job.records_dir)
  return {
    'hyperparameters': {
      **dataclasses.asdict(parameters),
      'learning_rates': recipe.format_learning_rates(parameters.learning_rates),
      'train_only': ','.join(parameters.train_only),
    },
    'max_steps': job.max_steps,
    **({'records': records} if records else {}),
    **({} if index is None else {'shards': _fingerprint(index)}),
    'label_map': shard_folder.read_class_names(job.records_dir),
    'versions': {
      'python': platform.python_version(),
      'tensorflow': tf.__version__,
      'dm-sonnet': snt.__version__,
      'numpy': np.__version__,
    },
  }


def remember(
  job: training_job.Job, description: Description, checkpoint: str | None
) -> Description:
  """Checks that a run continues as its checkpoints began, and writes job.json.

  The chief calls this function while it has the folder's lock.

  Args:
    job: the job.
    description: what `describe` returned, with the index.
    checkpoint: the prefix of the checkpoint to continue from, or None.

  Returns:
    The content of job.json. That is the description with 'init_checkpoint':
    'path' and 'sha256' of the weights that the training once started from, or
    None.

  Raises:
    InputError: the checkpoints were made otherwise, or job.json is damaged or
      cannot be written.
  """
  path = pathlib.Path(job.train_dir, _NAME)
  description = {**description, **_origin(job, checkpoint)}
  if checkpoint and path.exists():
    old = _read(path)
    step = saved_checkpoints.step_of(checkpoint)
    _refuse_changes(path, old, description, step)
    description = {**old, **description}
  elif checkpoint:
    logging.warning(
      '%s: has checkpoints and no %s, so nobody can tell what they were made '
      'from and with; taken to be what this run was given, which is remembered '
      'from now on',
      job.train_dir,
      _NAME,
    )
  training_folder.write(path, documents.to_json(description, 2) + '\n')
  return description


def check(job: training_job.Job, description: Description) -> None:
  """Checks that a task was given the same job as the chief.

  Args:
    job: the job.
    description: what `describe` returned.

  Raises:
    InputError: the task was given another job, or job.json is damaged.
  """
  path = pathlib.Path(job.train_dir, _NAME)
  if not os.path.lexists(path):
    logging.info('%s: not seen here, so nothing is compared with it', path)
    return
  step = max(saved_checkpoints.steps_in(job.train_dir), default=0)
  _refuse_changes(path, _read(path), description, step)


def checkpoint_digest(path: files.PathLike) -> str:
  """Computes the SHA-256 of a checkpoint's files.

  Args:
    path: the prefix of the files; or the one file of the old format.

  Returns:
    64 hexadecimal digits.

  Raises:
    InputError: there is no checkpoint, or it cannot be read.
  """
  return identity.digest(*checkpoint_files.load(path).files)


def _fingerprint(index: record_index.RecordIndex) -> dict[str, Any]:
  """Describes a set of shards by where their records begin.

  The sizes of all records hardly agree by chance, and reading the contents
  would take hours.
  """
  paths = [pathlib.Path(path) for path in index.paths]
  names = [[path.name, path.stat().st_size] for path in paths]
  places = np.stack([index.shards, index.offsets]).astype('<i8')
  return {
    'number': len(paths),
    'records': len(index),
    'sha256': hashlib.sha256(
      json.dumps(names).encode() + places.tobytes()
    ).hexdigest(),
  }


def _origin(job: training_job.Job, checkpoint: str | None) -> Description:
  """Describes what the training started from.

  Returns:
    The entry 'init_checkpoint'. It is missing if a run that continues was not
    given --init_checkpoint, or cannot read it any more: it is not needed then.
  """
  path = job.init_checkpoint
  if not path:
    return {} if checkpoint else {'init_checkpoint': None}
  try:
    return {
      'init_checkpoint': {'path': str(path), 'sha256': checkpoint_digest(path)}
    }
  except errors.InputError as error:
    if not checkpoint:
      raise
    logging.warning('--init_checkpoint: %s; it is not needed any more', error)
    return {}


def _read(path: pathlib.Path) -> Description:
  """Reads job.json and checks that it has the form in which it is written."""
  remedy = (
    'copy it back, or remove it: the checkpoints are then taken to be made as '
    'the flags say'
  )
  try:
    content = documents.read_json(path, documents.MAX_OWN_BYTES)
  except errors.InputError as error:
    raise errors.InputError(f'{error}; {remedy}') from None
  try:
    _fixed_values(content, 0)
    content['versions'].items()
  except (AttributeError, LookupError, TypeError, ValueError):
    raise errors.InputError(
      f'{path}: not as train.py writes it; {remedy}'
    ) from None
  return content


def _fixed_values(content: Mapping[str, Any], step: int) -> dict[str, Any]:
  """Lists all that may not change once a training has done `step` steps.

  Returns:
    Name for messages -> value.
  """
  parameters = {**_ADDED, **content['hyperparameters']}
  rates = recipe.parse_learning_rates(str(parameters.pop('learning_rates')))
  values = {f'--{name}': value for name, value in parameters.items()}
  values[f'--learning_rates before step {step}'] = _rates_before(rates, step)
  if 'init_checkpoint' in content:
    origin = content['init_checkpoint'] or {}
    values['sha256 of --init_checkpoint'] = origin.get('sha256')
  topics = {'shards': content.get('shards', {})}
  for topic in _TOPICS:
    topics[topic] = content.get('records', {}).get(topic, {})
  for topic, entries in topics.items():
    values.update({f'{topic}.{name}': entry for name, entry in entries.items()})
  names = content['label_map']
  values['number of classes'] = len(names)
  values.update({f'class {i}': name for i, name in enumerate(names)})
  return values


def _rates_before(rows: Iterable[tuple[int, float]], step: int) -> str:
  """Writes the schedule of the steps before `step` in one form only.

  Rows that do not change the rate are left out, because a schedule with them is
  the same as one without them.
  """
  changes: list[tuple[int, float]] = []
  for first, rate in rows:
    if first < step and (not changes or rate != changes[-1][1]):
      changes.append((first, rate))
  return recipe.format_learning_rates(changes)


def _refuse_changes(
  path: pathlib.Path, old: Description, new: Description, step: int
) -> None:
  """Raises InputError if a value changed; warns about versions of libraries.

  Values that only one of the descriptions has are not compared.
  """
  changes = _changes(_fixed_values(old, step), _fixed_values(new, step))
  if changes:
    more = len(changes) - _MAX_CHANGES
    raise errors.InputError(
      f'{path}: the checkpoints beside it were made otherwise: '
      f'{", ".join(changes[:_MAX_CHANGES])}'
      f'{f", and {more} more" if more > 0 else ""}; give what it was, or '
      'choose another --train_dir'
    )
  for change in _changes(old['versions'], new['versions']):
    logging.warning('%s: the version of %s', path, change)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
  """Describes each value that both mappings have and that differs."""
  return [
    f'{name} was {old[name]!r} and is {value!r} now'
    for name, value in new.items()
    if name in old and old[name] != value
  ]
