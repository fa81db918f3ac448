"""Streams the frames of videos from a process of its own.

The process decodes and computes the flow while this one runs the network. It
takes one video after the other. A video that makes the decoder crash, or hang,
costs that video alone: another process goes on with the next one.
"""

import collections
import contextlib
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

from two_stream import errors
from two_stream.preprocessing import (
  child_process,
  distinct_frames,
  shown_frames,
)

# The longest that a frame may take.
TIMEOUT = 600.0


class Beginning(NamedTuple):
  """What is known of a video when its first frame is there.

  Attributes:
    length: about how long the frames last, in seconds; 0 if nobody knows.
  """

  length: float


class Ending(NamedTuple):
  """What is known of a video once its last frame was taken.

  Attributes:
    damage: see `clip_buffer.Video`.
    notes: see `clip_buffer.Video`.
  """

  damage: str
  notes: tuple[str, ...]


Message = Beginning | shown_frames.ShownFrame | Ending


class FramesProcess:
  """The process. It is replaced if it dies.

  Args:
    timeout: seconds after which a frame that does not come is given up.
  """

  def __init__(self, timeout: float = TIMEOUT):
    self._timeout = timeout
    # The videos that the process was given, and whose frames were not all
    # taken.
    self._given: collections.deque[shown_frames.Source] = collections.deque()
    self._start()

  def give(self, source: shown_frames.Source) -> None:
    """Tells the process to go on with a video after those before it."""
    self._given.append(source)
    self._send(source)

  def take(self) -> 'TakenFrames':
    """Returns the first video that was given and not yet taken.

    If not all frames of the video before were taken, the rest is dropped.
    """
    if self._is_busy:
      self._replace()
    return TakenFrames(self._messages(self._given.popleft()))

  def _messages(self, source: shown_frames.Source) -> Iterator[Message]:
    """Yields what the process says of a video, see `TakenFrames`."""
    self._is_busy = True
    while self._is_busy:
      message = self._receive(source)
      self._is_busy = not isinstance(message, Ending | errors.InputError)
      if isinstance(message, errors.InputError):
        raise message
      yield message

  def close(self) -> None:
    """Ends the process, whatever it is doing."""
    self._process.kill()
    self._process.join()
    self._connection.close()

  def _start(self) -> None:
    self._is_busy = False
    self._process, self._connection = child_process.start(_work)

  def _replace(self) -> None:
    self.close()
    self._start()
    for source in self._given:
      self._send(source)

  def _send(self, source: shown_frames.Source) -> None:
    with contextlib.suppress(OSError):  # `_receive` notices if it has ended.
      self._connection.send(source)

  def _receive(
    self, source: shown_frames.Source
  ) -> Message | errors.InputError:
    """Waits for a message of the process.

    Raises:
      InputError: the process ends, or takes too long.
    """
    why = f'no frame came for {self._timeout:g} seconds'
    try:
      if self._connection.poll(self._timeout):
        return self._connection.recv()
    except (EOFError, OSError):
      how = child_process.how_it_ended(self._process)
      why = f'the process that reads it {how}'
    self._replace()
    raise errors.InputError(f'{source.path}: {why}')


class TakenFrames:
  """The frames of a video, as `shown_frames.ShownFrames` has them.

  Args:
    messages: a `Beginning`, the frames, an `Ending`.

  Attributes:
    damage: see `shown_frames.ShownFrames`, like the other attributes.
    notes: the same.
    length: the same.
  """

  def __init__(self, messages: Iterator[Message]):
    self._messages = messages
    self.damage = ''
    self.notes: tuple[str, ...] = ()
    self.length = 0.0

  def __iter__(self) -> Iterator[shown_frames.ShownFrame]:
    """Yields the frames in the order of time.

    Raises:
      InputError: the video cannot be used, or the process died.
    """
    for message in self._messages:
      if isinstance(message, shown_frames.ShownFrame):
        yield message
      elif isinstance(message, Ending):
        self.damage, self.notes = message
      else:
        self.length = message.length


def _work(connection: Connection) -> None:
  """Runs in the process until its pipe closes."""
  distinct_frames.use_one_thread()
  try:
    while True:
      source = connection.recv()
      try:
        _stream(connection, source)
      except errors.InputError as error:
        connection.send(error)
      except (BrokenPipeError, ConnectionError):
        return
      except Exception as error:
        connection.send(child_process.reason(source.path, error))
  except (EOFError, ConnectionError):
    return


def _stream(connection: Connection, source: shown_frames.Source) -> None:
  """Sends the frames of a video."""
  frames = shown_frames.ShownFrames(source)
  is_first = True
  for frame in frames:
    if is_first:
      connection.send(Beginning(frames.length))
      is_first = False
    connection.send(frame)
  connection.send(Ending(frames.damage, frames.notes))
