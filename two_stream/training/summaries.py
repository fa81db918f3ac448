"""Curves for TensorBoard, without which a training goes on just as well."""

import logging
import pathlib
import secrets
import socket
import time
from collections.abc import Mapping

import tensorflow as tf
from tensorflow.compat import v1

from two_stream import files

# What the first event of a file says, so that TensorBoard knows the format.
_FILE_VERSION = 'brain.Event:2'


class Curves:
  """A new file of curves. Each point is on the disk at once.

  The file's name cannot be guessed, so nobody can plant a link of that name.
  v1.summary.FileWriter is not used because it writes in a thread, which prints
  a traceback if the disk is full.

  If the file cannot be written, a warning is logged once, and nothing is
  written from then on.
  """

  def __init__(self, folder: files.PathLike):
    """Makes the file, and its folder if that is missing."""
    name = (
      f'events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}'
      f'.{secrets.token_hex(8)}'
    )
    self._path = pathlib.Path(folder, name)
    self._writer: tf.io.TFRecordWriter | None = None
    try:
      self._path.parent.mkdir(parents=True, exist_ok=True)
      self._writer = tf.io.TFRecordWriter(str(self._path))
    except (OSError, tf.errors.OpError) as error:
      self._go_on_without(error)
    self._add(v1.Event(file_version=_FILE_VERSION))

  def write(self, group: str, values: Mapping[str, float], step: int) -> None:
    """Writes a point of several curves.

    Args:
      group: the first part of the curves' names, 'training' or 'validation'.
      values: second part of a curve's name -> value.
      step: the number of steps that have been done.
    """
    scalars = [
      v1.Summary.Value(tag=f'{group}/{name}', simple_value=value)
      for name, value in values.items()
    ]
    self._add(v1.Event(summary=v1.Summary(value=scalars), step=step))

  def write_graph(self, graph: tf.Graph) -> None:
    """Writes a graph, which TensorBoard draws."""
    definition = graph.as_graph_def(add_shapes=True)
    self._add(v1.Event(graph_def=definition.SerializeToString()))

  def _add(self, event: v1.Event) -> None:
    """Writes an event, with the time of now."""
    if self._writer is None:
      return
    event.wall_time = time.time()
    try:
      self._writer.write(event.SerializeToString())
      self._writer.flush()
    except tf.errors.OpError as error:
      self._go_on_without(error)

  def _go_on_without(self, error: OSError | tf.errors.OpError) -> None:
    """Warns that the curves end here."""
    if isinstance(error, OSError):
      reason = error.strerror
    else:  # TensorFlow's message begins with the path.
      reason = error.message.partition('\n')[0].rpartition('; ')[2]
    logging.warning(
      '%s: cannot be written (%s); this run goes on without curves',
      self._path,
      reason,
    )
    self._writer = None
