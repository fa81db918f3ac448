"""The hook by which the chief of SyncReplicasOptimizer saves checkpoints.

checkpoint_policy.py decides when. No update goes on while a checkpoint is
saved, see update_gate.py.
"""

import contextlib
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow.compat import v1

from two_stream import files
from two_stream.training import (
  checkpoint_policy,
  divergence,
  saved_checkpoints,
  training_graph,
)


def make_saver() -> v1.train.Saver:
  """Makes what saves all variables of the default graph.

  It keeps the five newest checkpoints, whatever the clock says. It lists them
  by relative paths, so that the folder can be moved.
  """
  return v1.train.Saver(
    max_to_keep=saved_checkpoints.KEPT,
    # By default, one more checkpoint is kept from time to time, which is
    # measured by the wall clock.
    keep_checkpoint_every_n_hours=float('inf'),
    save_relative_paths=True,
  )


class SaveCheckpoints(v1.train.SessionRunHook):
  """Saves the state of training, and ends it when it has gone wrong.

  Before a state is saved, its loss is computed on the clips of the next step.
  The next step is then given these clips, so that training is the same with and
  without checkpoints.
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
    self._is_at_end = False
    self._path = str(pathlib.Path(train_dir, 'model.ckpt'))
    self.policy = checkpoint_policy.CheckpointPolicy(
      replica.bounds, train_dir, max_steps, checkpoint_seconds, check_folder
    )

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
    self.policy.begin(self._state(session))

  def before_run(
    self, run_context: v1.train.SessionRunContext
  ) -> v1.train.SessionRunArgs:
    """Saves if a checkpoint is due."""
    batch: dict[tf.Tensor, np.ndarray] = {}
    if self.policy.is_due:
      with self._gate.held(run_context.session):
        state = self._state(run_context.session)
        self.policy.save_if_sound(state)
        batch = state.batch
    fetched = [self._replica.measures['loss'], self._replica.train]
    return v1.train.SessionRunArgs(fetched, batch)

  def after_run(
    self,
    run_context: v1.train.SessionRunContext,
    run_values: v1.train.SessionRunValues,
  ) -> None:
    """Judges the loss of the step."""
    loss, step = run_values.results
    self.policy.judge(self._state(run_context.session), loss, step)

  def end(self, session: v1.Session) -> None:
    """Saves the last state."""
    with self._gate.held(session):
      self._is_at_end = True
      self.policy.save_last(self._state(session))

  def save_now(self, session: v1.Session) -> None:
    """Saves in another thread, while the main thread waits for a step.

    At the end, the main thread keeps updates out and computes a last loss,
    which may take longer than there is time.
    """
    held: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if not self._is_at_end:
      held = self._gate.held(session, 5)
    try:
      with self._replica.graph.as_default(), held:
        self.policy.save_now(self._state(session))
    except RuntimeError:  # The session has ended, and the last state was saved.
      return

  def _state(self, session: v1.Session) -> '_SessionState':
    return _SessionState(
      session,
      self._replica,
      self._step,
      self._check_variables,
      lambda step: self._saver.save(
        session, self._path, step, write_meta_graph=False
      ),
    )


class _SessionState:
  """The state of a training as a session has it, see `checkpoint_policy.State`.

  Attributes:
    batch: the clips of which `next_loss` has computed the loss, to be fed to
      the next step; empty before that.
  """

  def __init__(
    self,
    session: v1.Session,
    replica: training_graph.TrainingGraph,
    step: tf.Tensor,
    check_variables: divergence.VariableCheck,
    save: Callable[[int], object],
  ):
    self.batch: dict[tf.Tensor, np.ndarray] = {}
    self._session = session
    self._replica = replica
    self._step = step
    self._check_variables = check_variables
    self._save = save

  def step(self) -> int:
    return int(self._session.run(self._step))

  def problem(self) -> str:
    return self._check_variables(self._session)

  def next_loss(self) -> float:
    values = self._session.run(self._replica.batch)
    self.batch = {
      self._replica.batch[name]: value for name, value in values.items()
    }
    return self._session.run(self._replica.measures['loss'], self.batch)

  def save(self, step: int) -> None:
    self._save(step)
