"""The folder of a training, and what it remembers between runs.

    job.json   what its checkpoints were made from and with
    .lock      held by the chief of a live run

A run that continues with other data, labels or hyperparameters would give a
network that nobody can describe. So every task that reads the folder compares
what it was told with job.json, which the chief alone writes.

These may change: --max_steps; --learning_rates for steps that are still to
come; versions of libraries, with a warning; and everything until the first
checkpoint is saved.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import logging
import os
import pathlib
import platform
import re

import numpy as np
import sonnet as snt
import tensorflow as tf

from two_stream import documents, errors, files, identity, recipe
from two_stream.networks import checkpoint_files
from two_stream.records import shard_counts, shard_folder
from two_stream.training import initial_weights

JOB = 'job.json'

# TensorFlow looks for checkpoints by patterns, and removes old ones so.
_PATTERN = re.compile(r'[*?[\\]')
# What of the records' parameters.json concerns training.
_TOPICS = ('parameters', 'classes', 'train')
_REMEDY = 'make room, or choose another --train_dir'
_MOST_CHANGES = 12  # In a message. A label map may have hundreds.


def check_path(train_dir):
  """Refuses a folder whose checkpoints TensorFlow would not find again.

  Raises:
    InputError: its absolute path looks like a pattern, or is not UTF-8.
  """
  path = str(pathlib.Path(train_dir).absolute())
  if found := sorted(set(_PATTERN.findall(path))):
    raise errors.InputError(
      f'--train_dir: {path}: TensorFlow takes {" ".join(found)} in a path for '
      'a pattern; rename the folder, or give a link that leads to it'
    )
  try:
    path.encode()
  except UnicodeEncodeError:
    raise errors.InputError(
      f'--train_dir: {path!r}: is not UTF-8, as TensorFlow needs it; rename '
      'the folder, or give a link that leads to it'
    ) from None


@contextlib.contextmanager
def locked(train_dir):
  """Keeps other runs out of a folder while the block runs.

  The kernel takes the lock away when the process dies, so that the next run
  can have it at once.

  Args:
    train_dir: the folder; made if missing.

  Raises:
    InputError: another run has the folder, or it cannot be written.
  """
  with files.errors_of_writing('--train_dir', _REMEDY):
    pathlib.Path(train_dir).mkdir(parents=True, exist_ok=True)
    lock_file = files.open_lock(pathlib.Path(train_dir, '.lock'))
  with lock_file:
    try:
      fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
      raise errors.InputError(
        f'{train_dir}: another run is training in this folder; wait for its '
        'end, or choose another --train_dir'
      ) from None
    except OSError as error:
      logging.warning(
        '%s: this file system has no locks (%s); nothing but you keeps a '
        'second run out of the folder',
        train_dir,
        error.strerror,
      )
    yield


def describe(job, index=None):
  """Tells what a training is made from and with.

  Args:
    job: a `training_job.Job`.
    index: the `record_index.RecordIndex` of the training split; None in a task
      that does not read it.

  Returns:
    JSON values, the content of job.json: 'hyperparameters', 'max_steps',
    'records' (the content of their parameters.json, if there is one), 'shards'
    (if there is an index), 'label_map' and 'versions'. `settle` adds
    'init_checkpoint'.

  Raises:
    InputError: the label map or parameters.json cannot be used.
  """
  parameters = job.hyperparameters
  records = shard_counts.read_parameters(job.records_dir)
  return {
    'hyperparameters': {
      **dataclasses.asdict(parameters),
      'learning_rates': recipe.format_learning_rates(parameters.learning_rates),
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


def settle(job, description, checkpoint):
  """Makes sure that a run goes on as its checkpoints began, and remembers it.

  For the chief, which has the folder's lock.

  Args:
    job: a `training_job.Job`.
    description: of `describe`, with the index.
    checkpoint: the prefix of the one to continue from, or None.

  Returns:
    The content of job.json: the description, and 'init_checkpoint': None or an
    object of 'path' and 'sha256', of what the run once started from.

  Raises:
    InputError: the checkpoints were made otherwise, or job.json is damaged or
      cannot be written.
  """
  path = pathlib.Path(job.train_dir, JOB)
  description = {**description, **_origin(job, checkpoint)}
  if checkpoint and path.exists():
    old = _read(path)
    _refuse_changes(path, old, description, initial_weights.step_of(checkpoint))
    description = {**old, **description}
  elif checkpoint:
    logging.warning(
      '%s: has checkpoints and no %s, so nobody can tell what they were made '
      'from and with; taken to be what this run was given, which is remembered '
      'from now on',
      job.train_dir,
      JOB,
    )
  write(path, json.dumps(description, indent=2) + '\n')
  return description


def check(job, description):
  """Makes sure that a task was told the same as the chief.

  Args:
    job: a `training_job.Job`.
    description: of `describe`.

  Raises:
    InputError: it was told otherwise, or job.json is damaged.
  """
  path = pathlib.Path(job.train_dir, JOB)
  if not os.path.lexists(path):
    logging.info('%s: not seen here, so nothing is compared with it', path)
    return
  step = max(initial_weights.saved_steps(job.train_dir), default=0)
  _refuse_changes(path, _read(path), description, step)


def checkpoint_digest(path):
  """Gives the SHA-256 of a checkpoint's files.

  Args:
    path: its prefix; or the one file of the old format.

  Raises:
    InputError: there is none, or it cannot be read.
  """
  return identity.digest(*checkpoint_files.load(path).files)


def write(path, text):
  """Writes a file of text whole or not at all.

  Raises:
    InputError: it cannot be written.
  """
  with (
    files.errors_of_writing('--train_dir', _REMEDY),
    files.atomic_open(path, 'w') as stream,
  ):
    stream.write(text)


def _fingerprint(index):
  """Tells one set of shards from another by where their records begin.

  Their sizes hardly agree by chance. Reading the contents would take hours.
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


def _origin(job, checkpoint):
  """What the run started from, {} where it need not be told or cannot be.

  Whoever continues a run may leave out --init_checkpoint, or have removed it.
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


def _read(path):
  """Reads job.json, in the form that `settle` gave it."""
  remedy = (
    'copy it back, or remove it: the checkpoints are then taken to be made as '
    'the flags say'
  )
  try:
    content = documents.read_json(path)
  except errors.InputError as error:
    raise errors.InputError(f'{error}; {remedy}') from None
  try:
    _settled(content, 0)
    content['versions'].items()
  except (AttributeError, LookupError, TypeError, ValueError):
    raise errors.InputError(
      f'{path}: not as train.py writes it; {remedy}'
    ) from None
  return content


def _settled(content, step):
  """Gives {name: value} of all that may not change after `step` updates."""
  parameters = dict(content['hyperparameters'])
  rates = recipe.parse_learning_rates(str(parameters.pop('learning_rates')))
  settled = {f'--{name}': value for name, value in parameters.items()}
  settled[f'--learning_rates before step {step}'] = _rates_before(rates, step)
  if 'init_checkpoint' in content:
    origin = content['init_checkpoint'] or {}
    settled['sha256 of --init_checkpoint'] = origin.get('sha256')
  topics = {'shards': content.get('shards', {})}
  for topic in _TOPICS:
    topics[topic] = content.get('records', {}).get(topic, {})
  for topic, values in topics.items():
    settled.update({f'{topic}.{name}': value for name, value in values.items()})
  names = content['label_map']
  settled['number of classes'] = len(names)
  settled.update({f'class {i}': name for i, name in enumerate(names)})
  return settled


def _rates_before(rows, step):
  """The schedule of the steps before `step`, however it was written."""
  changes = []
  for first, rate in rows:
    if first < step and (not changes or rate != changes[-1][1]):
      changes.append((first, rate))
  return recipe.format_learning_rates(changes)


def _refuse_changes(path, old, new, step):
  """Compares what both tell of; warns of other versions of libraries."""
  was, now = _settled(old, step), _settled(new, step)
  changes = _changes(was, now)
  if changes:
    more = len(changes) - _MOST_CHANGES
    raise errors.InputError(
      f'{path}: the checkpoints beside it were made otherwise: '
      f'{", ".join(changes[:_MOST_CHANGES])}'
      f'{f", and {more} more" if more > 0 else ""}; give what it was, or '
      'choose another --train_dir'
    )
  for change in _changes(old['versions'], new['versions']):
    logging.warning('%s: the version of %s', path, change)


def _changes(old, new):
  return [
    f'{name} was {old[name]!r} and is {value!r} now'
    for name, value in new.items()
    if name in old and old[name] != value
  ]
