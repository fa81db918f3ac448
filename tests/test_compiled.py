"""Tests of how kernels are compiled."""

import threading
import time

import numba
import numpy as np
import pytest
from numba.core import caching

from two_stream.video import compiled


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
  """Nothing is found that was compiled in another way."""
  monkeypatch.setattr(caching.CacheImpl, '_locator_classes', [])


def test_kernels_compile_where_no_cache_can_be_written():
  with pytest.raises(RuntimeError, match='cannot cache'):
    numba.njit(cache=True)(abs_of)
  assert compiled.kernel(abs_of)(-2) == 2


def abs_of(number):
  return abs(number)


def test_other_threads_run_while_a_kernel_does():
  """The other thread gets its turn every millisecond or so, not just once."""
  kernel = compiled.kernel(add_up)
  kernel(np.ones(2, np.float32), 1)  # Compiles it.
  turns = 0
  done = threading.Event()

  def count():
    nonlocal turns
    while not done.is_set():
      time.sleep(0.001)
      turns += 1

  thread = threading.Thread(target=count)
  thread.start()
  start, turns_before = time.monotonic(), turns
  kernel(np.ones(1000, np.float32), 1_000_000)
  seconds, turns_meanwhile = time.monotonic() - start, turns - turns_before
  done.set()
  thread.join()
  assert turns_meanwhile > 30, (turns_meanwhile, seconds)


def add_up(values, times):
  for _ in range(times):
    for i in range(len(values)):
      values[i] = values[i] * 0.5 + 1.0
