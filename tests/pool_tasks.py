"""What worker processes run in the tests; they import it by name."""

import os
import pathlib
import signal
import sys
import time

import cv2

from two_stream import errors
from two_stream.preprocessing import one_video
from two_stream.video import pixels, reader


def nothing():
  """Starts a worker that needs no preparation."""


def misbehave(task):
  """Does what the task says; doubles anything else."""
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


def sleep(seconds):
  """Returns after the seconds asked for."""
  time.sleep(seconds)
  return seconds


def describe_process(task):
  """Tells what a worker process has loaded, and its OpenCV threads."""
  return task, 'tensorflow' in sys.modules, cv2.getNumThreads()


def encode_or_misbehave(source):
  """Encodes a video, but for the ids that are made to go wrong."""
  if source.sample.id in ('die', 'crash', 'hang'):
    misbehave(source.sample.id)
  return one_video.encode_video(source)


def encode_slowly(source):
  """Encodes a small video in about the time of a real one's first frames."""
  time.sleep(0.2)
  return one_video.encode_video(source)


def read_video(path):
  """Decodes a small video; returns its number of frames."""
  return len(reader.read_video(path, short_side=48).frames)


def read_and_count(path):
  """Decodes a small video many times.

  Returns:
    How many threads there were at most beyond those before, and how many files
    remain open.
  """
  read_video(path)
  threads, descriptors = _count('task'), _count('fd')
  most = []
  resize = pixels.resize
  pixels.resize = lambda *arguments: (
    most.append(_count('task')) or resize(*arguments)
  )
  for _ in range(20):
    read_video(path)
  pixels.resize = resize
  return max(most) - threads, _count('fd') - descriptors


def _count(kind):
  return len(list(pathlib.Path('/proc/self', kind).iterdir()))
