"""Functions that worker processes run in the tests."""

import os
import pathlib
import signal
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import cv2

from two_stream import errors
from two_stream.preprocessing import one_video
from two_stream.video import pixels, reader


def nothing() -> None:
  """Prepares a worker that needs no preparation."""


def misbehave(task: Any) -> Any:
  """Fails in the way that the task names; doubles any other task."""
  if task == 'refuse':
    raise errors.InputError('this input\nis refused')
  if task == 'bug':
    raise KeyError('bug')
  if task == 'evil bug':
    raise RuntimeError('a\x1b[2J\nb')
  if task == 'die':
    os.kill(os.getpid(), signal.SIGKILL)
  if task == 'crash':
    os.kill(os.getpid(), signal.SIGSEGV)
  if task == 'exit':
    os._exit(7)
  if task == 'hang':
    time.sleep(1000)
  return task * 2


def answer(connection: Connection, task: str) -> None:
  """Receives a text and sends the task and the text; may fail as above."""
  text = connection.recv()
  connection.send(misbehave(task)[: len(task)] + text)


def sleep(seconds: float) -> float:
  """Returns the argument after as many seconds."""
  time.sleep(seconds)
  return seconds


def describe_process(task: Any) -> tuple[Any, bool, int]:
  """Returns the task, whether TensorFlow is loaded, and OpenCV's threads."""
  return task, 'tensorflow' in sys.modules, cv2.getNumThreads()


def encode_or_misbehave(source):
  """Encodes a video, but fails if its id is 'die', 'crash' or 'hang'."""
  if source.sample.id in ('die', 'crash', 'hang'):
    misbehave(source.sample.id)
  return one_video.encode_video(source)


def encode_slowly(source):
  """Encodes a small video slowly, so that a test can interrupt this."""
  time.sleep(0.2)
  return one_video.encode_video(source)


def read_video(path: str | os.PathLike[str]) -> int:
  """Decodes a small video and returns its number of frames."""
  return len(reader.read_video(path, short_side=48).frames)


def read_part(path: str | os.PathLike[str]) -> int:
  """Decodes the end of a small video and returns its number of frames."""
  return len(reader.read_video(path, short_side=48, start=0.2).frames)


def read_and_count(path: str | os.PathLike[str]) -> tuple[int, int]:
  """Decodes a small video many times.

  Returns:
    The largest number of additional threads at any time, and the number of
    files that were left open.
  """
  read_video(path)
  threads, descriptors = _count('task'), _count('fd')
  most: list[int] = []
  resize = pixels.resize_into

  def count_and_resize(*arguments: Any) -> Any:
    most.append(_count('task'))
    return resize(*arguments)

  pixels.resize_into = count_and_resize
  for _ in range(20):
    read_video(path)
  pixels.resize_into = resize
  return max(most) - threads, _count('fd') - descriptors


def _count(kind: str) -> int:
  return len(list(pathlib.Path('/proc/self', kind).iterdir()))
