"""When a checkpoint is saved: at the start, from time to time, at the end.

The rules are the same for every engine. Time is measured by the monotonic
clock, because the wall clock may be set back. Only a state that was checked by
the rules of divergence.py is saved.

The loss of a step is the loss of the weights before that step. So the loss of
the weights that are to be saved is the loss of the next step.
"""

import logging
import time
from collections.abc import Callable
from typing import NoReturn, Protocol

from two_stream import errors, files
from two_stream.training import divergence, saved_checkpoints

# The last state is given up if so many minibatches in a row have too large a
# loss.
_LAST_LOSSES = 10


class State(Protocol):
  """The state of a training: its variables, wherever an engine keeps them."""

  def step(self) -> int:
    """Returns how many steps have been done."""

  def problem(self) -> str:
    """Says what is wrong with the variables; '' if nothing is."""

  def next_loss(self) -> float:
    """Computes the loss of the variables on clips that are not used yet."""

  def save(self, step: int) -> None:
    """Saves a checkpoint of this step, which is the current one."""


class CheckpointPolicy:
  """Decides what is saved, and ends a training that has gone wrong."""

  def __init__(
    self,
    bounds: divergence.Bounds,
    train_dir: files.PathLike,
    max_steps: int,
    checkpoint_seconds: float,
    check_folder: Callable[[], None] = lambda: None,
  ):
    """Makes the policy of a run.

    Args:
      bounds: what loss and weights must not exceed.
      train_dir: the folder for the checkpoints.
      max_steps: after how many steps training ends.
      checkpoint_seconds: the time between two checkpoints.
      check_folder: raises an InputError if the folder is another one than that
        of this run, see `training_folder.locked`.
    """
    self._bounds = bounds
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
    """The prefix of the newest checkpoint, once `begin` was called."""
    assert self._saved_step is not None
    return saved_checkpoints.path_of(self._train_dir, self._saved_step)

  @property
  def is_due(self) -> bool:
    """Whether it is time for a checkpoint, and the last loss was not large."""
    return time.monotonic() >= self._due and self._large_loss_since is None

  def begin(self, state: State) -> None:
    """Saves what training starts from, unless that is a checkpoint itself."""
    step = state.step()
    is_known_to_be_sound = step == self._sound_step
    if step in saved_checkpoints.steps_in(self._train_dir):
      self._saved_step = step
    self._save(state, step)
    if not is_known_to_be_sound:
      self._sound_step = None
    self._large_loss_since = None

  def save_if_sound(self, state: State) -> None:
    """Saves the state unless its loss is too large, or it is saved already."""
    step = state.step()
    if step == self._saved_step:
      return
    self._refuse_bad_variables(state, step)
    if state.next_loss() <= self._bounds.loss:
      self._save(state, step)

  def judge(self, state: State, loss: float, step: int) -> None:
    """Judges the loss of a step that was done.

    Args:
      state: the state after the step.
      loss: the loss of the step.
      step: the number of steps that have been done, this one included.

    Raises:
      InputError: the training has gone wrong.
    """
    if loss <= self._bounds.loss:
      self._large_loss_since = None
      # Before the first loss, nobody knows whether the first state was sound.
      if self._sound_step is None:
        self._sound_step = self._saved_step
      return
    self._refuse_bad_variables(state, step)
    reason = divergence.describe_large_loss(loss, self._bounds)
    if self._large_loss_since is None:
      self._large_loss_since = step
      logging.warning(
        'step %d: %s; no checkpoint before it is smaller', step, reason
      )
    if step - self._large_loss_since >= divergence.PATIENCE_STEPS:
      self._refuse(step, f'{reason}, for {divergence.PATIENCE_STEPS} steps')

  def save_last(self, state: State) -> None:
    """Saves the last state, unless it is bad.

    Raises:
      InputError: the state is bad, and the training was to end with it.
    """
    step = state.step()
    if step == self._sound_step:
      return
    self._refuse_bad_variables(state, step)
    for _ in range(_LAST_LOSSES):
      loss = state.next_loss()
      if loss <= self._bounds.loss:
        self._save(state, step)
        return
    reason = divergence.describe_large_loss(loss, self._bounds)
    if step >= self._max_steps:
      self._refuse(step, reason)
    logging.warning('step %d is not saved: %s', step, reason)

  def save_now(self, state: State) -> None:
    """Saves in an emergency, in which there is no time to compute a loss."""
    step = state.step()
    reason = state.problem()
    if self._large_loss_since is not None:
      reason = 'its loss is too large'
    if reason:
      logging.warning('step %d is not saved: %s', step, reason)
    else:
      self._save(state, step)

  def advice(self) -> str:
    """Says how to go on after this training has gone wrong."""
    return divergence.advice(self._train_dir, self._sound_step)

  def _save(self, state: State, step: int) -> None:
    """Saves the state of a step, which is sound, unless it is saved already."""
    if step != self._saved_step:
      self._check_folder()
      state.save(step)
    self._saved_step = self._sound_step = step
    self._due = time.monotonic() + self._checkpoint_seconds

  def _refuse_bad_variables(self, state: State, step: int) -> None:
    """Raises InputError if a variable is not finite or the norm too large."""
    if reason := state.problem():
      self._refuse(step, reason)

  def _refuse(self, step: int, reason: str) -> NoReturn:
    """Ends the training, and says how to go on."""
    raise errors.InputError(f'step {step}: {reason}. {self.advice()}')
