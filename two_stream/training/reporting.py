"""What a training tells its user: damaged records, progress and curves.

TensorFlow calls these hooks around each gradient, see hooks.py.
"""

import logging
import time

import tensorflow as tf
import tqdm
from tensorflow.compat import v1

from two_stream import errors, files
from two_stream.records import record_index
from two_stream.terminal import progress
from two_stream.training import summaries, training_graph

_SUMMARY_SECONDS = 10  # The time between two points of the curves.


class ReportDamage(v1.train.SessionRunHook):
  """Names damaged records, and ends the training if they are too many.

  Attributes:
    damaged: the numbers of the damaged records, in the order in which they were
      read.
  """

  def __init__(
    self,
    replica: training_graph.TrainingGraph,
    index: record_index.RecordIndex,
    max_damaged: int,
  ):
    """Makes the hook of a worker.

    Args:
      replica: the worker's graph.
      index: where the records of the training split are.
      max_damaged: how many records may be damaged.
    """
    self._replica = replica
    self._index = index
    self._max_damaged = max_damaged
    self.damaged: list[int] = []

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


class ShowProgress(v1.train.SessionRunHook):
  """Shows a bar on stderr, and writes curves for TensorBoard.

  Loss, accuracy and the norm of the gradient are means over some seconds.
  """

  def __init__(
    self,
    replica: training_graph.TrainingGraph,
    max_steps: int,
    clips_per_step: int,
    train_dir: files.PathLike,
  ):
    """Makes the hook of the chief.

    Args:
      replica: the chief's graph.
      max_steps: after how many steps training ends.
      clips_per_step: how many clips a step is computed from.
      train_dir: the folder for the curves.
    """
    self._replica = replica
    self._max_steps = max_steps
    self._clips_per_step = clips_per_step
    self._train_dir = train_dir
    self._measures: list[dict[str, float]] = []
    self._bar: tqdm.tqdm | None = None

  def begin(self) -> None:
    """Opens the file of the curves."""
    self._curves = summaries.Curves(self._train_dir)

  def after_create_session(
    self, session: v1.Session, coord: tf.train.Coordinator
  ) -> None:
    """Moves the bar to the restored step, forward or back."""
    del coord
    step = int(session.run(self._replica.global_step))
    if self._bar is None:
      self._curves.write_graph(session.graph)
      self._bar = progress.bar(total=self._max_steps, initial=step, unit='step')
    else:
      logging.warning('a ps was lost; continuing from step %d', step)
    self._bar.n = step
    self._since_step = step
    self._since = time.monotonic()

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
    """Collects the measures; reports them from time to time and at the end."""
    del run_context
    assert self._bar is not None
    measures, step = run_values.results
    self._measures.append(measures)
    elapsed = time.monotonic() - self._since
    self._bar.update(int(step) - self._bar.n)
    if step > self._since_step and (
      elapsed >= _SUMMARY_SECONDS or step >= self._max_steps
    ):
      self._report(int(step), elapsed)

  def end(self, session: v1.Session) -> None:
    """Leaves the last state of the bar on the screen."""
    del session
    if self._bar is not None:
      self._bar.close()

  def _report(self, step: int, elapsed: float) -> None:
    """Reports the measures since the last report, `elapsed` seconds ago."""
    assert self._bar is not None
    latest = self._measures[-1]
    values = {name: float(value) for name, value in latest.items()}
    for name in ('loss', 'accuracy', 'gradient_norm'):
      values[name] = sum(m[name] for m in self._measures) / len(self._measures)
    values['steps_per_second'] = (step - self._since_step) / elapsed
    values['clips_per_second'] = (
      values['steps_per_second'] * self._clips_per_step
    )
    self._curves.write('training', values, step)
    self._bar.set_postfix_str(
      f'loss {values["loss"]:.4f}, accuracy {values["accuracy"]:.3f}, '
      f'rate {values["learning_rate"]:g}, '
      f'{values["clips_per_second"]:.2f} clips/s, '
      f'{values["dropped_gradients"]:.0f} dropped',
      refresh=False,
    )
    self._measures.clear()
    self._since, self._since_step = time.monotonic(), step
