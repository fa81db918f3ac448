"""What happens around each gradient: start, progress, damage, the end."""

import functools
import logging
import time

import tensorflow as tf
from tensorflow.compat import v1

from two_stream import errors
from two_stream.cluster import cluster_task
from two_stream.terminal import progress
from two_stream.training import summaries, training_graph

_SUMMARY_SECONDS = 10


class StartReading(v1.train.SessionRunHook):
  """Begins to read clips where the restored step left off."""

  def __init__(self, replica, replicas_to_aggregate, num_workers):
    """Makes the hook for a `training_graph.TrainingGraph`."""
    self._replica = replica
    self._share = replicas_to_aggregate, num_workers

  def after_create_session(self, session, coord):
    """Also after a session was lost and made again."""
    del coord
    step = int(session.run(self._replica.global_step))
    batch = training_graph.first_unread_batch(step, *self._share)
    session.run(self._replica.start_reading, {self._replica.first_batch: batch})


class ReplaceLostTokens(v1.train.SessionRunHook):
  """Keeps the other workers going after the chief was restarted.

  At first each worker computes a gradient without a token. When the chief
  comes back and the ps never went, the other workers still wait for tokens that
  the lost chief owed them; some too many only cost a dropped gradient each.
  """

  def __init__(self, replica, num_workers):
    """Makes the hook of the chief; call it while the graph is built."""
    self._step = replica.global_step
    with replica.graph.as_default(), tf.device(self._step.device):
      # Alive as long as the ps that holds the step and the tokens.
      marker = tf.queue.FIFOQueue(-1, tf.int32, [()], shared_name='started')
      self._starts = marker.size()
      self._mark = marker.enqueue(1)
      tokens = tf.queue.FIFOQueue(
        -1, tf.int64, [()], shared_name='sync_token_q'
      )
      self._give = tokens.enqueue_many(
        [tf.repeat(self._step.read_value(), num_workers - 1)]
      )

  def after_create_session(self, session, coord):
    """Also after a session was lost and made again."""
    del coord
    if session.run(self._starts):
      session.run(self._give)
    session.run(self._mark)


class StopAt(v1.train.SessionRunHook):
  """Ends this worker's part when the last step is done, or on a signal."""

  def __init__(self, replica, max_steps, signalled):
    """`signalled` is a threading.Event."""
    self._replica = replica
    self._max_steps = max_steps
    self._signalled = signalled
    self.step = 0

  def after_create_session(self, session, coord):
    """A job that is over already is not continued."""
    self.step = int(session.run(self._replica.global_step))
    if self.step >= self._max_steps:
      coord.request_stop()

  def before_run(self, run_context):
    """Fetches the token."""
    del run_context
    return v1.train.SessionRunArgs(self._replica.train)

  def after_run(self, run_context, run_values):
    """The token is the number of steps done."""
    self.step = int(run_values.results)
    if self.step >= self._max_steps or self._signalled.is_set():
      run_context.request_stop()


class ReportDamage(v1.train.SessionRunHook):
  """Names damaged records, and ends the run when they are too many."""

  def __init__(self, replica, index, max_damaged):
    """Makes the hook of a worker."""
    self._replica = replica
    self._index = index
    self._max_damaged = max_damaged
    self.damaged = []  # Numbers of records, in the order they were met.

  def before_run(self, run_context):
    """Fetches which records were meant and which were replaced."""
    del run_context
    batch = self._replica.batch
    return v1.train.SessionRunArgs([batch['record'], batch['attempts']])

  def after_run(self, run_context, run_values):
    """Counts each record once."""
    del run_context
    for record, attempts in zip(*run_values.results):
      if attempts and record not in self.damaged:
        self.damaged.append(int(record))
        logging.warning(
          '%s cannot be used and is skipped; %d so far',
          self._index.name(record),
          len(self.damaged),
        )
    if len(self.damaged) > self._max_damaged:
      raise errors.InputError(
        f'{len(self.damaged)} records cannot be used, the last '
        f'{self._index.name(self.damaged[-1])}: they are damaged, smaller than '
        '224 pixels or without a label of label_map.txt; preprocess again, or '
        'raise --max_damaged_records'
      )


class Progress(v1.train.SessionRunHook):
  """A bar on stderr, summaries for TensorBoard; averages over some seconds."""

  def __init__(self, replica, max_steps, clips_per_step, train_dir):
    """Makes the hook of the chief."""
    self._replica = replica
    self._max_steps = max_steps
    self._clips_per_step = clips_per_step
    self._train_dir = train_dir
    self._measures = []
    self._bar = None

  def begin(self):
    """Opens the summaries; the graph is complete."""
    self._writer = v1.summary.FileWriter(str(self._train_dir))

  def after_create_session(self, session, coord):
    """Starts, or goes back, to the restored step."""
    del coord
    step = int(session.run(self._replica.global_step))
    if self._bar is None:
      self._writer.add_graph(session.graph)
      self._bar = progress.bar(total=self._max_steps, initial=step, unit='step')
    else:
      logging.warning('a ps was lost; continuing from step %d', step)
    self._bar.n = self._since_step = step
    self._since = time.monotonic()

  def before_run(self, run_context):
    """Fetches the measures and the token."""
    del run_context
    return v1.train.SessionRunArgs(
      [
        self._replica.measures,
        self._replica.train,
      ]
    )

  def after_run(self, run_context, run_values):
    """Adds them up; shows the mean from time to time and at the end."""
    del run_context
    measures, step = run_values.results
    self._measures.append(measures)
    elapsed = time.monotonic() - self._since
    self._bar.update(int(step) - self._bar.n)
    if step > self._since_step and (
      elapsed >= _SUMMARY_SECONDS or step >= self._max_steps
    ):
      self._report(int(step), elapsed)

  def end(self, session):
    """Leaves the last state of the bar on the screen."""
    del session
    self._bar.close()
    self._writer.close()

  def _report(self, step, elapsed):
    latest = self._measures[-1]
    values = {name: float(value) for name, value in latest.items()}
    for name in ('loss', 'accuracy', 'gradient_norm'):
      values[name] = sum(m[name] for m in self._measures) / len(self._measures)
    values['steps_per_second'] = (step - self._since_step) / elapsed
    values['clips_per_second'] = (
      values['steps_per_second'] * self._clips_per_step
    )
    summaries.write(self._writer, 'training', values, step)
    self._bar.set_postfix_str(
      f'loss {values["loss"]:.4f}, accuracy {values["accuracy"]:.3f}, '
      f'rate {values["learning_rate"]:g}, '
      f'{values["clips_per_second"]:.2f} clips/s, '
      f'{values["dropped_gradients"]:.0f} dropped',
      refresh=False,
    )
    self._measures.clear()
    self._since, self._since_step = time.monotonic(), step


class TellWatch(v1.train.SessionRunHook):
  """Tells a `watchdog.Watch` of progress, and how to save in an emergency."""

  def __init__(self, watch, save_now=None):
    """`save_now` is a function of the session; None where none saves."""
    self._watch = watch
    self._save_now = save_now

  def after_create_session(self, session, coord):
    """Gives the watch the new session."""
    del coord
    self._watch.progress()
    if self._save_now is not None:
      self._watch.save = functools.partial(self._save_now, session)

  def after_run(self, run_context, run_values):
    """Restarts the clock."""
    del run_context, run_values
    self._watch.progress()


def missing_tasks_message(task, seconds):
  """What the chief says when nothing has happened for a while."""
  missing = cluster_task.missing_tasks(task)
  if missing:
    return f'no step for {seconds:.0f} s; no answer from {", ".join(missing)}'
  return f'no step for {seconds:.0f} s, though every task answers'
