"""The evaluator task: top-1 and top-5 of each new checkpoint on validation."""

import logging
import pathlib
import sys
import time

import numpy as np
import tensorflow as tf
from tensorflow.compat import v1

from two_stream import errors, identity, recipe
from two_stream.evaluation import accuracy, clip_batches
from two_stream.networks import checkpoint_files, classifier
from two_stream.records import clips, record_index, shards
from two_stream.terminal import progress
from two_stream.training import initial_weights, summaries, training_folder

SPLIT = 'validation'

_STEP = 'global_step'
_POLL_SECONDS = 1.0
_FILES = ('.index', '.data-00000-of-00001')  # Of a training checkpoint.


def follow(job):
  """Evaluates checkpoints as training writes them, until the last one.

  Those that come while one is evaluated are skipped, but for the newest. One
  that cannot be read is named and left until its files change.

  Args:
    job: a `training_job.Job`.

  Raises:
    InputError: if the shards cannot be used or are replaced, this task was told
      otherwise than the chief (see training_folder.py), or for
      `job.wait_minutes` beyond the time between checkpoints no new one came.
  """
  stream = job.hyperparameters.stream
  scope = recipe.STREAMS[stream].scope
  shards_before = _state(shards.find(job.records_dir, SPLIT))
  index = record_index.of_split(job.records_dir, SPLIT)
  with tf.Graph().as_default():  # The writer of TensorFlow 1 asks for one.
    writer = v1.summary.FileWriter(str(pathlib.Path(job.train_dir, 'eval')))
  description = training_folder.describe(job)
  checkpoints = _Checkpoints(job)
  while checkpoints.evaluated < job.max_steps:
    step = checkpoints.wait_for_new()
    if checkpoints.evaluated < 0:  # job.json is older than any checkpoint.
      training_folder.check(job, description)
    path = initial_weights.checkpoint_path(job.train_dir, step)
    try:
      classify = _read_unchanged(path, step, scope)
    except errors.InputError as error:
      # Training keeps the newest few; a slow evaluator may come too late.
      logging.warning('%s', error)
      checkpoints.leave(step)
      continue
    top_1, top_5 = evaluate(classify, stream, index)
    if _state(index.paths) != shards_before:
      raise errors.InputError(
        f'{job.records_dir}: its {SPLIT} shards changed while they were used; '
        'run again'
      )
    logging.info('step %d: top-1 %.4f, top-5 %.4f', step, top_1, top_5)
    shares = {'top_1': top_1, 'top_5': top_5}
    summaries.write(writer, 'validation', shares, step)
    checkpoints.evaluated = step


class _Checkpoints:
  """The checkpoints in a training folder, by their files.

  TensorFlow's list, the file `checkpoint`, may be missing or old.

  Attributes:
    evaluated: step of the one that was evaluated last, -1 before that.
  """

  def __init__(self, job):
    self.evaluated = -1
    self._job = job
    self._left = {}  # Step -> the state of the files that cannot be used.

  def wait_for_new(self):
    """Waits for a checkpoint that is worth a try; returns its step.

    A training that went back, as its newest checkpoint was damaged, saves
    smaller steps again.
    """
    seconds = self._job.checkpoint_seconds + 60 * self._job.wait_minutes
    end = time.monotonic() + seconds
    while (step := self._newest()) in (None, self.evaluated):
      if time.monotonic() > end:
        raise errors.InputError(self._waited_in_vain(seconds))
      time.sleep(_POLL_SECONDS)
    return step

  def leave(self, step):
    """Tries one no more before its files change."""
    self._left[step] = self._state(step)

  def _newest(self):
    for step in reversed(initial_weights.saved_steps(self._job.train_dir)):
      if step not in self._left or self._left[step] != self._state(step):
        return step
    return None

  def _state(self, step):
    return _state(_files(self._path(step)))

  def _path(self, step):
    return initial_weights.checkpoint_path(self._job.train_dir, step)

  def _waited_in_vain(self, seconds):
    found = f'the last of {self._job.max_steps} steps is missing'
    if self.evaluated >= 0:
      found += f', and step {self.evaluated} was evaluated last'
    if self._left:
      found += f'; {self._path(max(self._left))} cannot be used'
    return (
      f'{self._job.train_dir}: no new checkpoint for {seconds:.3g} s; {found}; '
      'run again once training goes on, or with a larger --wait_minutes'
    )


def _files(path):
  return [pathlib.Path(f'{path}{end}') for end in _FILES]


def _state(paths):
  """What tells a file from another that took its place; None if one is gone.

  No program can choose the time of change (ctime).
  """
  try:
    stats = [pathlib.Path(path).stat() for path in paths]
  except OSError:
    return None
  return [(each.st_ino, each.st_size, each.st_ctime_ns) for each in stats]


def _read_unchanged(path, step, scope):
  """Loads the `classifier.Classifier` of a training checkpoint.

  Training and others may remove or replace a checkpoint at any moment.

  Raises:
    InputError: if it cannot be used, or not all that was read was of one
      checkpoint and of that step.
  """
  seen = identity.Identity(*_files(path))
  classify = classifier.load(path, scope)
  found = _stored_step(path)
  seen.check()
  if found != step:
    raise errors.InputError(f'{path} is of step {found}, unlike its name')
  return classify


def _stored_step(path):
  checkpoint = checkpoint_files.load(path)
  if checkpoint.tensors.get(_STEP) != (tf.int64, []):
    raise errors.InputError(f'{path} does not tell its step')
  return int(checkpoint.values([_STEP])[_STEP])


def evaluate(classify, stream, index):
  """Classifies a split with one stream.

  Args:
    classify: a `classifier.Classifier`.
    stream: a key of `recipe.STREAMS`.
    index: a `record_index.RecordIndex`.

  Returns:
    [top-1, top-5]: shares of the labelled clips whose label is among the one or
    five classes of the largest logits.

  Raises:
    InputError: if no clip has a label.
  """
  elements = progress.bar(
    clips.test_clips(index, stream).as_numpy_iterator(),
    total=len(index),
    unit='clip',
    disable=not sys.stderr.isatty(),
  )
  labels, logits = [], []
  for batch, batch_logits in clip_batches.of_clips(classify, stream, elements):
    labels.extend(element['label'] for element in batch)
    logits.extend(batch_logits)
  if len(labels) < len(index):
    logging.warning(
      '%d of %d clips of %s... cannot be read: they are damaged, or their '
      'shards were replaced since the start; they count nowhere',
      len(index) - len(labels),
      len(index),
      index.paths[0],
    )
  shares = (
    accuracy.top_k(np.array(logits), np.array(labels)) if labels else None
  )
  if shares is None:
    raise errors.InputError(f'{index.paths[0]}...: no clip has a label')
  return shares
