"""How the chief saves checkpoints: at the start, from time to time, at the end.

TensorFlow's own hook measures time by the wall clock, which may be set back,
and saves any state. This one measures by the monotonic clock. It saves only a
state that it has checked by the rules of divergence.py.
"""

import logging
import pathlib
import time
from collections.abc import Callable
from typing import NoReturn

import numpy as np
import tensorflow as tf
from tensorflow.compat import v1

from two_stream import errors, files
from two_stream.training import (
  divergence,
  saved_checkpoints,
  training_graph,
)

# The last state is given up if so many minibatches in a row have too large a
# loss.
_LAST_LOSSES = 10


def make_saver() -> v1.train.Saver:
  """Makes what saves all variables of the default graph.

  It keeps the five newest checkpoints, whatever the clock says. It lists them
  by relative paths, so that the folder can be moved.
  """
  return v1.train.Saver(
    max_to_keep=5,
    # By default, one more checkpoint is kept from time to time, which is
    # measured by the wall clock.
    keep_checkpoint_every_n_hours=float('inf'),
    save_relative_paths=True,
  )


class SaveCheckpoints(v1.train.SessionRunHook):
  """Saves the state of training, and ends it when it has gone wrong.

  The loss of a step is the loss of the weights before that step. So the loss of
  the weights that are to be saved is computed first, on the clips of the next
  step. The next step is then given these clips, so that training is the same
  with and without checkpoints.
  """

  def __init__(
    self,
    replica: training_graph.TrainingGraph,
    saver: v1.train.Saver,
    train_dir: files.PathLike,
    max_steps: int,
    checkpoint_seconds: float,
    check_folder: Callable[[], None] = lambda: None,
  ):
    """Makes the hook.

    Args:
      replica: the chief's graph.
      saver: what saves all variables of the graph.
      train_dir: the folder for the checkpoints.
      max_steps: after how many steps training ends.
      checkpoint_seconds: the time between two checkpoints.
      check_folder: raises an InputError if the folder is another one than that
        of this run, see `training_folder.locked`.
    """
    self._replica = replica
    self._gate = replica.optimizer.gate
    self._saver = saver
    self._train_dir = train_dir
    self._max_steps = max_steps
    self._checkpoint_seconds = checkpoint_seconds
    self._check_folder = check_folder
    # The step of the newest checkpoint.
    self._saved_step: int | None = None
    # The step of the newest checkpoint whose loss was not too large.
    self._sound_step: int | None = None
    # The first of the last steps in a row whose loss was too large.
    self._large_loss_since: int | None = None
    # When the next checkpoint is due, on the monotonic clock.
    self._due = 0.0

  @property
  def newest(self) -> str:
    """The prefix of the newest checkpoint of this training.

    There is one as soon as the first session has begun.
    """
    assert self._saved_step is not None
    return saved_checkpoints.path_of(self._train_dir, self._saved_step)

  def begin(self) -> None:
    """Makes the ops of the hook, before the graph is finished."""
    self._step = self._replica.global_step.read_value()
    self._check_variables = divergence.VariableCheck(
      self._replica.network, self._replica.bounds.norm
    )

  def after_create_session(
    self, session: v1.Session, coord: tf.train.Coordinator
  ) -> None:
    """Saves what training starts from, unless that is a checkpoint itself."""
    del coord
    step = int(session.run(self._step))
    is_known_to_be_sound = step == self._sound_step
    if step in saved_checkpoints.steps_in(self._train_dir):
      self._saved_step = step
    self._save(session, step)
    if not is_known_to_be_sound:
      self._sound_step = None
    self._large_loss_since = None

  def before_run(
    self, run_context: v1.train.SessionRunContext
  ) -> v1.train.SessionRunArgs:
    """Saves if a checkpoint is due."""
    batch: dict[tf.Tensor, np.ndarray] = {}
    if time.monotonic() >= self._due and self._large_loss_since is None:
      with self._gate.held(run_context.session):
        batch = self._save_if_sound(run_context.session)
    fetched = [self._replica.measures['loss'], self._replica.train]
    return v1.train.SessionRunArgs(fetched, batch)

  def after_run(
    self,
    run_context: v1.train.SessionRunContext,
    run_values: v1.train.SessionRunValues,
  ) -> None:
    """Judges the loss of the step."""
    loss, step = run_values.results
    if loss <= self._replica.bounds.loss:
      self._large_loss_since = None
      # Before the first loss, nobody knows whether the first state was sound.
      if self._sound_step is None:
        self._sound_step = self._saved_step
      return
    self._refuse_bad_variables(run_context.session, step)
    if self._large_loss_since is None:
      self._large_loss_since = step
      logging.warning(
        'step %d: %s; no checkpoint before it is smaller',
        *(step, divergence.describe_large_loss(loss, self._replica.bounds)),
      )
    if step - self._large_loss_since >= divergence.PATIENCE_STEPS:
      reason = divergence.describe_large_loss(loss, self._replica.bounds)
      self._refuse(step, f'{reason}, for {divergence.PATIENCE_STEPS} steps')

  def end(self, session: v1.Session) -> None:
    """Saves the last state."""
    with self._gate.held(session):
      self._save_last(session)

  def _save_last(self, session: v1.Session) -> None:
    """Saves the last state, unless it is bad.

    Raises:
      InputError: the state is bad, and the training was to end with it.
    """
    step = int(session.run(self._step))
    if step == self._sound_step:
      return
    self._refuse_bad_variables(session, step)
    for _ in range(_LAST_LOSSES):
      loss = session.run(self._replica.measures['loss'])
      if loss <= self._replica.bounds.loss:
        self._save(session, step)
        return
    reason = divergence.describe_large_loss(loss, self._replica.bounds)
    if step >= self._max_steps:
      self._refuse(step, reason)
    logging.warning('step %d is not saved: %s', step, reason)

  def save_now(self, session: v1.Session) -> None:
    """Saves in another thread, while the main thread waits for a step.

    There is no time to compute a loss.
    """
    try:
      with self._replica.graph.as_default(), self._gate.held(session, 5):
        step = int(session.run(self._step))
        reason = self._check_variables(session)
        if self._large_loss_since is not None:
          reason = 'its loss is too large'
        if reason:
          logging.warning('step %d is not saved: %s', step, reason)
        else:
          self._save(session, step)
    except RuntimeError:  # The session has ended, and the last state was saved.
      return

  def advice(self) -> str:
    """Says how to go on after this training has gone wrong."""
    return divergence.advice(self._train_dir, self._sound_step)

  def _save_if_sound(self, session: v1.Session) -> dict[tf.Tensor, np.ndarray]:
    """Saves the state unless its loss is too large, or it is saved already.

    Returns:
      What to feed the next step with: the clips of which the loss was computed,
      if it was.
    """
    step = int(session.run(self._step))
    if step == self._saved_step:
      return {}
    self._refuse_bad_variables(session, step)
    values = session.run(self._replica.batch)
    batch = {self._replica.batch[name]: values[name] for name in values}
    loss = session.run(self._replica.measures['loss'], batch)
    if loss <= self._replica.bounds.loss:
      self._save(session, step)
    return batch

  def _save(self, session: v1.Session, step: int) -> None:
    """Saves the state of a step, which is sound, unless it is saved already."""
    if step != self._saved_step:
      self._check_folder()
      path = str(pathlib.Path(self._train_dir, 'model.ckpt'))
      self._saver.save(session, path, step, write_meta_graph=False)
    self._saved_step = self._sound_step = step
    self._due = time.monotonic() + self._checkpoint_seconds

  def _refuse_bad_variables(self, session: v1.Session, step: int) -> None:
    """Raises InputError if a variable is not finite or the norm too large."""
    if reason := self._check_variables(session):
      self._refuse(step, reason)

  def _refuse(self, step: int, reason: str) -> NoReturn:
    """Ends the training, and says how to go on."""
    raise errors.InputError(f'step {step}: {reason}. {self.advice()}')
