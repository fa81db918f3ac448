"""The steps of an all-reduce training, from the first to the last.

A process that is to stop says so in the next all-reduce. So all processes stop
before the same step, whose gradients are given up.
"""

import math
import threading

from two_stream import errors, recipe
from two_stream.training import (
  all_reduce_clips,
  all_reduce_replicas,
  all_reduce_state,
  checkpoint_policy,
  divergence,
  objective,
  reporting,
  training_job,
  watchdog,
)

_LOCK_SECONDS = 5.0  # How long an update may take, when there is an emergency.


class Loop:
  """Does the steps of one process; in the chief, saves and reports as well.

  Attributes:
    policy: what decides what is saved; None in workers other than the chief.
    progress: what shows progress; None in workers other than the chief.
  """

  def __init__(
    self,
    job: training_job.Job,
    replicas: all_reduce_replicas.Replicas,
    state: all_reduce_state.State,
    local_clips: all_reduce_clips.LocalClips,
    watcher: watchdog.Watchdog,
  ):
    """Makes the loop of a worker that is not the chief.

    Args:
      job: the job.
      replicas: the replicas of this process.
      state: their state.
      local_clips: what they read.
      watcher: what tells of a signal.
    """
    self.policy: checkpoint_policy.CheckpointPolicy | None = None
    self.progress: reporting.ProgressReport | None = None
    self._job = job
    self._replicas = replicas
    self._state = state
    self._clips = local_clips
    self._watcher = watcher
    # The loss of the variables, as long as it is known.
    self._loss: float | None = None
    # While a step is applied, the variables are of no step.
    self._updating = threading.Lock()
    self._saving = threading.Lock()

  @property
  def newest(self) -> str:
    """The prefix of the newest checkpoint, in the chief."""
    assert self.policy is not None
    return self.policy.newest

  def advice(self) -> str:
    """Says how to go on after this training has gone wrong."""
    if self.policy:
      return self.policy.advice()
    return divergence.advice_of_worker(self._job.train_dir)

  def run(self) -> None:
    """Does steps until the last one is done, or a process is to stop.

    Raises:
      InputError: the training has gone wrong.
      tf.errors.OpError: another process of the job is lost.
    """
    if self.policy:
      self.policy.begin(self)
    if self.progress:
      self.progress.start(self.step())
    while self.step() < self._job.max_steps:
      totals, measures = self._replicas.reduce(
        self._sums(), self._watcher.signalled.is_set()
      )
      if measures.num_stopping:
        self._save_before_end(measures)
        break
      self._do_step(totals, measures)
    else:
      if self.policy:
        self.policy.save_last(self)
    if self.progress:
      self.progress.end()

  def save_now(self) -> None:
    """Saves the newest state, in any thread, if that is possible."""
    if self.policy and self._updating.acquire(timeout=_LOCK_SECONDS):
      try:
        self.policy.save_now(self)
      finally:
        self._updating.release()

  def step(self) -> int:
    """See `checkpoint_policy.State`."""
    return self._state.step()

  def problem(self) -> str:
    """See `checkpoint_policy.State`."""
    return self._state.problem()

  def next_loss(self) -> float:
    """See `checkpoint_policy.State`."""
    if self._loss is not None:
      return self._loss
    return self._replicas.local_loss(self._clips.next())

  def save(self, step: int) -> None:
    """See `checkpoint_policy.State`."""
    with self._saving:
      self._state.save(step)

  def _save_before_end(self, measures: all_reduce_replicas.Measures) -> None:
    """Saves after a signal, when there is no time to compute a loss."""
    if not self.policy:
      return
    if measures.num_batches:
      self._loss = measures.loss
      self.policy.save_last(self)
    else:
      self.policy.save_now(self)

  def _sums(self) -> all_reduce_replicas.PerReplica:
    """Computes this process's share of a step, or a part before a signal."""
    sums = self._replicas.no_sums()
    for turn in range(self._clips.rounds):
      if self._watcher.signalled.is_set():
        break
      sums = self._replicas.contribute(sums, self._clips.next(turn))
      self._watcher.note_progress()
    return sums

  def _do_step(
    self,
    totals: all_reduce_replicas.PerReplica,
    measures: all_reduce_replicas.Measures,
  ) -> None:
    """Does a step, and saves what was before it if a checkpoint is due."""
    step = self.step()
    parameters = self._job.hyperparameters
    if not math.isfinite(measures.loss + measures.gradient_norm):
      raise errors.InputError(
        f'step {step}: {objective.NOT_FINITE}; stopped before it was applied. '
        f'{self.advice()}'
      )
    self._loss = measures.loss
    if self.policy and self.policy.is_due:
      self.policy.save_if_sound(self)
    rate = recipe.rate_of_step(step, parameters.learning_rates)
    with self._updating:
      self._replicas.apply(totals, rate)
      self._state.num_steps = step = step + 1
      self._loss = None
    if self.policy:
      self.policy.judge(self, measures.loss, step)
    if self.progress:
      self.progress.add(
        {
          'loss': measures.loss,
          'accuracy': measures.accuracy,
          'learning_rate': rate,
          'gradient_norm': measures.gradient_norm,
          'dropped_gradients': self._state.dropped_gradients,
        },
        step,
      )
