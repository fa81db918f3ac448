"""The evaluator: loss and accuracy of each new checkpoint on validation clips.

Data sets that have only clips for training and testing, such as UCF-101, are
evaluated on those for testing.
"""

import logging
import pathlib
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np

from two_stream import errors, files, identity, recipe
from two_stream.evaluation import accuracy, clip_batches
from two_stream.networks import checkpoint_files, classifier
from two_stream.records import clips, record_index, shards
from two_stream.terminal import progress
from two_stream.training import (
  job_file,
  saved_checkpoints,
  summaries,
  training_job,
)

_POLL_SECONDS = 1.0
_SUFFIXES = ('.index', '.data-00000-of-00001')  # Of a training checkpoint.

# What tells a file from another that took its name: inode, size and the time of
# change (ctime), which no program can choose.
_FileState = tuple[int, int, int]


def follow(job: training_job.Job) -> None:
  """Evaluates checkpoints while training writes them, until the last one.

  If several checkpoints are written during an evaluation, only the newest is
  evaluated next. A checkpoint that cannot be read is named in the log, and
  tried again once its files have changed.

  Args:
    job: the job.

  Raises:
    InputError: the shards cannot be used or are replaced, this task was given
      another job than the chief (see job_file.py), or no new checkpoint came in
      time (see `training_job.Job.wait_minutes`).
  """
  stream = job.hyperparameters.stream
  scope = recipe.STREAMS[stream].scope
  split = _choose_split(job.records_dir)
  shards_before = _states(shards.find(job.records_dir, split))
  index = record_index.of_split(job.records_dir, split, [stream])
  curves = summaries.Curves(pathlib.Path(job.train_dir, 'eval'))
  description = job_file.describe(job)
  checkpoints = _Checkpoints(job)
  while checkpoints.evaluated_step < job.max_steps:
    step = checkpoints.wait_for_new()
    # The chief writes job.json before its first checkpoint.
    if checkpoints.evaluated_step < 0:
      job_file.check(job, description)
    path = saved_checkpoints.path_of(job.train_dir, step)
    try:
      classify = _read_unchanged(path, step, scope)
    except errors.InputError as error:
      # Training keeps only the newest checkpoints, so this one may be gone.
      logging.warning('%s', error)
      checkpoints.skip(step)
      continue
    measures = evaluate(classify, stream, index)
    if _states(index.paths) != shards_before:
      raise errors.InputError(
        f'{job.records_dir}: its {split} shards changed while they were used; '
        'run again'
      )
    logging.info(
      'step %d: loss %.4f, top-1 %.4f, top-5 %.4f',
      *(step, measures['loss'], measures['top_1'], measures['top_5']),
    )
    curves.write('validation', measures, step)
    checkpoints.evaluated_step = step


def _choose_split(records_dir: files.PathLike) -> str:
  """Chooses the split to evaluate.

  Returns:
    'validation'; or 'test', if the folder has shards of that split and none of
    the other.
  """
  splits = shards.splits_in(records_dir)
  if 'validation' in splits or 'test' not in splits:
    return 'validation'
  logging.info(
    '%s: has no validation shards, so the test split is evaluated', records_dir
  )
  return 'test'


class _Checkpoints:
  """The checkpoints in a training folder.

  They are found by their files, because TensorFlow's list, the file
  `checkpoint`, may be missing or old.

  Attributes:
    evaluated_step: the step of the checkpoint that was evaluated last; -1 if
      none was.
  """

  def __init__(self, job: training_job.Job):
    self.evaluated_step = -1
    self._job = job
    # Step -> the states of files that could not be used.
    self._skipped: dict[int, list[_FileState] | None] = {}

  def wait_for_new(self) -> int:
    """Waits for a checkpoint to evaluate.

    Its step may be smaller than that of the last one: if the newest checkpoint
    was damaged, training goes back and saves the same steps again.

    Returns:
      The step of the checkpoint.

    Raises:
      InputError: none came in time.
    """
    seconds = self._job.checkpoint_seconds + 60 * self._job.wait_minutes
    end = time.monotonic() + seconds
    while (step := self._newest()) is None or step == self.evaluated_step:
      if time.monotonic() > end:
        raise errors.InputError(self._waited_in_vain(seconds))
      time.sleep(_POLL_SECONDS)
    return step

  def skip(self, step: int) -> None:
    """Makes `wait_for_new` ignore a checkpoint until its files change."""
    self._skipped[step] = self._states_of(step)

  def _newest(self) -> int | None:
    """Returns the step of the newest checkpoint that is not skipped."""
    for step in reversed(saved_checkpoints.steps_in(self._job.train_dir)):
      if step not in self._skipped or self._skipped[step] != self._states_of(
        step
      ):
        return step
    return None

  def _states_of(self, step: int) -> list[_FileState] | None:
    return _states(_files_of(self._path(step)))

  def _path(self, step: int) -> str:
    return saved_checkpoints.path_of(self._job.train_dir, step)

  def _waited_in_vain(self, seconds: float) -> str:
    """Says for which checkpoint the evaluator has waited."""
    found = f'the last of {self._job.max_steps} steps is missing'
    if self.evaluated_step >= 0:
      found += f', and step {self.evaluated_step} was evaluated last'
    if self._skipped:
      found += f'; {self._path(max(self._skipped))} cannot be used'
    return (
      f'{self._job.train_dir}: no new checkpoint for {seconds:.3g} s; {found}; '
      'run again once training goes on, or with a larger --wait_minutes'
    )


def _files_of(path: str) -> list[pathlib.Path]:
  """Lists the files of a training checkpoint."""
  return [pathlib.Path(f'{path}{suffix}') for suffix in _SUFFIXES]


def _states(paths: Iterable[files.PathLike]) -> list[_FileState] | None:
  """Returns the states of files; None if a file is gone."""
  try:
    stats = [pathlib.Path(path).stat() for path in paths]
  except OSError:
    return None
  return [(stat.st_ino, stat.st_size, stat.st_ctime_ns) for stat in stats]


def _read_unchanged(path: str, step: int, scope: str) -> classifier.Classifier:
  """Loads the classifier of a training checkpoint.

  Training, or somebody else, may remove or replace a checkpoint at any moment.

  Args:
    path: the prefix of the checkpoint.
    step: the step of its name.
    scope: 'RGB' or 'Flow'.

  Returns:
    The classifier.

  Raises:
    InputError: the checkpoint cannot be used, it changed while it was read, or
      it is of another step.
  """
  seen = identity.Identity(*_files_of(path))
  classify = classifier.load(path, scope)
  found = _stored_step(path)
  seen.check()
  if found != step:
    raise errors.InputError(f'{path} is of step {found}, unlike its name')
  return classify


def _stored_step(path: str) -> int:
  """Reads the step that a training checkpoint holds."""
  step = saved_checkpoints.stored_step(checkpoint_files.load(path))
  if step is None:
    raise errors.InputError(f'{path} does not tell its step')
  return step


def evaluate(
  classify: Callable[[np.ndarray], np.ndarray],
  stream: str,
  index: record_index.RecordIndex,
) -> dict[str, float]:
  """Classifies a split with one stream.

  Args:
    classify: a `classifier.Classifier`.
    stream: a key of `recipe.STREAMS`.
    index: where the records of the split are.

  Returns:
    'top_1' and 'top_5': the shares of the labelled clips whose label is among
    the one or five classes of largest logits; and 'loss': the mean
    cross-entropy of these clips, without weight decay.

  Raises:
    InputError: no clip has a label.
  """
  elements = progress.bar(
    clips.test_clips(index, stream).as_numpy_iterator(),
    total=len(index),
    unit='clip',
    disable=not sys.stderr.isatty(),
  )
  labels: list[int] = []
  logits: list[np.ndarray] = []
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
  given = np.array(logits), np.array(labels)
  shares = accuracy.top_k(*given) if labels else None
  if shares is None:
    raise errors.InputError(f'{index.paths[0]}...: no clip has a label')
  loss = accuracy.cross_entropy(*given)
  return {'loss': loss, 'top_1': shares[0], 'top_5': shares[1]}
