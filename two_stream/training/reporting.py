"""What a training tells its user: damaged records, progress and curves."""

import logging
import time
from collections.abc import Iterable, Mapping

import tensorflow as tf
import tqdm

from two_stream import errors, files
from two_stream.records import record_index
from two_stream.terminal import progress
from two_stream.training import summaries

_SUMMARY_SECONDS = 10  # The time between two points of the curves.


class DamageReport:
  """Names damaged records, and ends the training if they are too many.

  Attributes:
    damaged: the numbers of the damaged records, in the order in which they were
      read.
  """

  def __init__(self, index: record_index.RecordIndex, max_damaged: int):
    """Makes the report of a worker.

    Args:
      index: where the records of the training split are.
      max_damaged: how many records may be damaged.
    """
    self._index = index
    self._max_damaged = max_damaged
    self.damaged: list[int] = []

  def add(self, records: Iterable[int], attempts: Iterable[int]) -> None:
    """Counts each damaged record of a minibatch once.

    Args:
      records: 'record' of the minibatch, see `clips.training_clips`.
      attempts: 'attempts' of the minibatch.

    Raises:
      InputError: too many records are damaged.
    """
    for record, attempt in zip(records, attempts):
      if attempt and record not in self.damaged:
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


class ProgressReport:
  """Shows a bar on stderr, and writes curves for TensorBoard.

  Loss, accuracy and the norm of the gradient are means over some seconds.
  """

  def __init__(
    self, max_steps: int, clips_per_step: int, train_dir: files.PathLike
  ):
    """Makes the report of the chief.

    Args:
      max_steps: after how many steps training ends.
      clips_per_step: how many clips a step is computed from.
      train_dir: the folder for the curves.
    """
    self._max_steps = max_steps
    self._clips_per_step = clips_per_step
    self._curves = summaries.Curves(train_dir)
    self._measures: list[Mapping[str, float]] = []
    self._bar: tqdm.tqdm | None = None

  def start(self, step: int, graph: tf.Graph | None = None) -> None:
    """Moves the bar to the restored step, forward or back.

    Args:
      step: the number of steps that have been done.
      graph: what TensorBoard draws, if there is one.
    """
    if self._bar is None:
      if graph is not None:
        self._curves.write_graph(graph)
      self._bar = progress.bar(total=self._max_steps, initial=step, unit='step')
    else:
      logging.warning('a ps was lost; continuing from step %d', step)
    self._bar.n = step
    self._since_step = step
    self._since = time.monotonic()

  def add(self, measures: Mapping[str, float], step: int) -> None:
    """Collects measures; reports them from time to time and at the end.

    Args:
      measures: 'loss', 'accuracy', 'gradient_norm', 'learning_rate' and
        'dropped_gradients' of a gradient or of a step.
      step: the number of steps that have been done.
    """
    assert self._bar is not None
    self._measures.append(measures)
    elapsed = time.monotonic() - self._since
    self._bar.update(step - self._bar.n)
    if step > self._since_step and (
      elapsed >= _SUMMARY_SECONDS or step >= self._max_steps
    ):
      self._report(step, elapsed)

  def end(self) -> None:
    """Leaves the last state of the bar on the screen."""
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
