"""How a worker starts, goes on and stops: hooks around each gradient.

TensorFlow calls the methods of a hook when a session begins, before and after
each gradient, and at the end. A session begins again if a ps was lost. Another
hook saves checkpoints, see saving.py.
"""

import functools
from collections.abc import Callable

import tensorflow as tf
from tensorflow.compat import v1

from two_stream.training import (
  reporting,
  sync_optimizer,
  training_graph,
  watchdog,
)


class StartReading(v1.train.SessionRunHook):
  """Begins to read clips at those that follow the restored step."""

  def __init__(
    self,
    replica: training_graph.TrainingGraph,
    replicas_to_aggregate: int,
    num_workers: int,
  ):
    """Makes the hook of a worker."""
    self._replica = replica
    self._replicas_to_aggregate = replicas_to_aggregate
    self._num_workers = num_workers

  def after_create_session(
    self, session: v1.Session, coord: tf.train.Coordinator
  ) -> None:
    """Starts the input at the step that the session has restored."""
    del coord
    step = int(session.run(self._replica.global_step))
    batch = sync_optimizer.first_unread_batch(
      step, self._replicas_to_aggregate, self._num_workers
    )
    session.run(self._replica.start_reading, {self._replica.first_batch: batch})


class ReplaceLostTokens(v1.train.SessionRunHook):
  """Hands out tokens again after the chief was restarted and the ps were not.

  The other workers then still wait for tokens that the lost chief owed them. A
  worker that gets a token too many loses nothing but a dropped gradient.
  """

  def __init__(self, replica: training_graph.TrainingGraph, num_workers: int):
    """Makes the hook of the chief, before the graph is finished."""
    self._step = replica.global_step
    with replica.graph.as_default(), tf.device(self._step.device):
      # This queue lives as long as the ps that keeps the step and the tokens.
      # It is empty if no chief has started with that ps before.
      marker = tf.queue.FIFOQueue(-1, tf.int32, [()], shared_name='started')
      self._starts = marker.size()
      self._mark = marker.enqueue(1)
      tokens = tf.queue.FIFOQueue(
        -1, tf.int64, [()], shared_name='sync_token_q'
      )
      self._give = tokens.enqueue_many(
        [tf.repeat(self._step.read_value(), num_workers - 1)]
      )

  def after_create_session(
    self, session: v1.Session, coord: tf.train.Coordinator
  ) -> None:
    """Hands out tokens if this is not the first chief of the ps."""
    del coord
    if session.run(self._starts):
      session.run(self._give)
    session.run(self._mark)


class StopAtLastStep(v1.train.SessionRunHook):
  """Ends the work of this process after the last step, or after a signal.

  Attributes:
    step: the number of steps that have been done.
  """

  def __init__(
    self,
    replica: training_graph.TrainingGraph,
    max_steps: int,
    watcher: watchdog.Watchdog,
  ):
    """Makes the hook of a worker.

    Args:
      replica: the worker's graph.
      max_steps: after how many steps training ends.
      watcher: what tells of a signal.
    """
    self._replica = replica
    self._max_steps = max_steps
    self._watcher = watcher
    self.step = 0

  def after_create_session(
    self, session: v1.Session, coord: tf.train.Coordinator
  ) -> None:
    """Stops at once if all steps have been done before."""
    self.step = int(session.run(self._replica.global_step))
    if self.step >= self._max_steps:
      coord.request_stop()

  def before_run(
    self, run_context: v1.train.SessionRunContext
  ) -> v1.train.SessionRunArgs:
    """Asks for the token."""
    del run_context
    return v1.train.SessionRunArgs(self._replica.train)

  def after_run(
    self,
    run_context: v1.train.SessionRunContext,
    run_values: v1.train.SessionRunValues,
  ) -> None:
    """Stops if it is time to; the token is the number of steps."""
    self.step = int(run_values.results)
    if self.step >= self._max_steps or self._watcher.signalled.is_set():
      run_context.request_stop()


class FeedWatchdog(v1.train.SessionRunHook):
  """Tells the watchdog of progress, and how to save in an emergency."""

  def __init__(
    self,
    watcher: watchdog.Watchdog,
    save_now: Callable[[v1.Session], None] | None = None,
  ):
    """Makes the hook of a worker.

    Args:
      watcher: the watchdog.
      save_now: a function that saves a checkpoint of a session; None in a
        worker that saves none.
    """
    self._watcher = watcher
    self._save_now = save_now

  def after_create_session(
    self, session: v1.Session, coord: tf.train.Coordinator
  ) -> None:
    """Tells the watchdog of the new session."""
    del coord
    self._watcher.note_progress()
    if self._save_now is not None:
      self._watcher.save_checkpoint = functools.partial(self._save_now, session)

  def after_run(
    self,
    run_context: v1.train.SessionRunContext,
    run_values: v1.train.SessionRunValues,
  ) -> None:
    """Tells the watchdog that a gradient was computed."""
    del run_context, run_values
    self._watcher.note_progress()


class ReportDamage(v1.train.SessionRunHook):
  """Tells the user of damaged records."""

  def __init__(
    self,
    replica: training_graph.TrainingGraph,
    report: reporting.DamageReport,
  ):
    """Makes the hook of a worker."""
    self._replica = replica
    self._report = report

  def before_run(
    self, run_context: v1.train.SessionRunContext
  ) -> v1.train.SessionRunArgs:
    """Asks which records the clips come from, and which are damaged."""
    del run_context
    batch = self._replica.batch
    return v1.train.SessionRunArgs([batch['record'], batch['attempts']])

  def after_run(
    self,
    run_context: v1.train.SessionRunContext,
    run_values: v1.train.SessionRunValues,
  ) -> None:
    """Counts each damaged record once."""
    del run_context
    self._report.add(*run_values.results)


class ShowProgress(v1.train.SessionRunHook):
  """Shows the user how far the training is."""

  def __init__(
    self,
    replica: training_graph.TrainingGraph,
    report: reporting.ProgressReport,
  ):
    """Makes the hook of the chief."""
    self._replica = replica
    self._report = report

  def after_create_session(
    self, session: v1.Session, coord: tf.train.Coordinator
  ) -> None:
    """Moves the bar to the restored step, forward or back."""
    del coord
    step = int(session.run(self._replica.global_step))
    self._report.start(step, session.graph)

  def before_run(
    self, run_context: v1.train.SessionRunContext
  ) -> v1.train.SessionRunArgs:
    """Asks for the measures and the token."""
    del run_context
    return v1.train.SessionRunArgs(
      [self._replica.measures, self._replica.train]
    )

  def after_run(
    self,
    run_context: v1.train.SessionRunContext,
    run_values: v1.train.SessionRunValues,
  ) -> None:
    """Collects the measures, and reports them from time to time."""
    del run_context
    measures, step = run_values.results
    self._report.add(measures, int(step))

  def end(self, session: v1.Session) -> None:
    """Leaves the last state of the bar on the screen."""
    del session
    self._report.end()
