"""The clips of a sample, loaded in a process of its own.

Decoding and TV-L1 then do not wait for Python's lock while this process imports
TensorFlow, and a video that makes the decoder crash ends only that process. The
clips arrive one by one, so that one stream is classified while the clip of the
other is still being made.
"""

import contextlib
import logging
import mmap
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from two_stream import errors, files
from two_stream.preprocessing import child_process


class Clips(Mapping[str, np.ndarray]):
  """What `sample_clips.load` returns, with clips that one may have to wait for.

  Looking up a clip waits until it is there. It raises an InputError if the
  sample cannot be used, or if the process that loads it has died. What that
  process logs is logged here, at the next lookup.
  """

  def __init__(
    self,
    sample: files.PathLike,
    streams: Collection[str],
    frames_per_second: int | None,
    max_seconds: float,
  ) -> None:
    """Starts the process. The arguments are those of `sample_clips.load`."""
    self._sample = sample
    self._streams = tuple(streams)
    self._clips: dict[str, np.ndarray] = {}
    self._process, self._connection = child_process.start(
      _load, sample, self._streams, frames_per_second, max_seconds
    )

  def __getitem__(self, stream: str) -> np.ndarray:
    """Waits for a clip, float32 [1, T, 224, 224, channels], read-only."""
    if stream not in self._streams:
      raise KeyError(stream)
    while stream not in self._clips:
      self._receive()
    return self._clips[stream]

  def __iter__(self) -> Iterator[str]:
    """Yields the names of the streams."""
    return iter(self._streams)

  def __len__(self) -> int:
    """Returns the number of streams."""
    return len(self._streams)

  def _receive(self) -> None:
    """Waits for the next message of the process, and does what it says."""
    try:
      message = self._connection.recv()
      if isinstance(message, tuple):
        stream, shape = message
        self._clips[stream] = _receive_array(
          self._connection, shape, self._sample
        )
        return
    except (EOFError, OSError):
      how = child_process.how_it_ended(self._process)
      raise errors.InputError(
        f'{self._sample}: the process that reads it {how}'
      ) from None
    if isinstance(message, errors.InputError):
      raise message
    logging.getLogger().handle(message)


class _ToParent(logging.Handler):
  """Sends log records to the parent process."""

  def __init__(self, connection: Connection) -> None:
    super().__init__()
    self._connection = connection

  def emit(self, record: logging.LogRecord) -> None:
    """Sends a record with its message made, without its arguments."""
    record.msg, record.args = record.getMessage(), None
    self._connection.send(record)


def _load(
  connection: Connection,
  sample: files.PathLike,
  streams: Collection[str],
  *how: Any,
) -> None:
  """Runs in the process: sends records, clips, and at last an error."""
  # The parent, which does not decode, saves the time to import this.
  from two_stream.evaluation import sample_clips  # noqa: PLC0415

  logging.getLogger().addHandler(_ToParent(connection))
  try:
    for stream, clip in sample_clips.load_each(sample, streams, *how):
      with _in_memory(clip, sample) as descriptor:
        connection.send((stream, clip.shape))
        reduction.send_handle(connection, descriptor, None)
  except errors.InputError as error:
    connection.send(error)
  except BrokenPipeError:  # The parent has ended.
    sys.exit(1)
  except Exception as error:
    connection.send(child_process.reason(sample, error))


@contextlib.contextmanager
def _in_memory(array: np.ndarray, sample: files.PathLike) -> Iterator[int]:
  """Writes values to a file in memory, so that the parent need not be waiting.

  Yields:
    The descriptor of the file, valid in the block.

  Raises:
    InputError: the system gives no such file.
  """
  values = np.ascontiguousarray(array)
  with contextlib.ExitStack() as stack:
    try:
      descriptor = os.memfd_create('clip')
      stream = stack.enter_context(open(descriptor, 'wb'))  # noqa: PTH123
      # NumPy's `tofile` would not say why a file cannot be written.
      stream.write(values.data)
      stream.flush()
    except OSError as error:
      raise _no_room(sample, values.nbytes, error) from error
    yield descriptor


def _receive_array(
  connection: Connection, shape: tuple[int, ...], sample: files.PathLike
) -> np.ndarray:
  """Receives an array of float32. Its memory is that of the file.

  Raises:
    InputError: the system gives no memory for it.
  """
  descriptor = reduction.recv_handle(connection)
  try:
    values = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
  except OSError as error:
    raise _no_room(sample, os.fstat(descriptor).st_size, error) from error
  finally:
    os.close(descriptor)
  return np.frombuffer(values, np.float32).reshape(shape)


def _no_room(
  sample: files.PathLike, num_bytes: int, error: OSError
) -> errors.InputError:
  """Makes the error of a clip for which the system gives no memory."""
  return errors.InputError(
    f'{sample}: its clip needs a file in memory of {num_bytes / 1e6:.1f} MB, '
    f'which the system refuses: {error.strerror}; see ulimit -a'
  )
