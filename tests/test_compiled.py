"""Tests of how kernels are compiled."""

import numba
import pytest
from numba.core import caching

from two_stream.video import compiled


def test_kernels_compile_where_no_cache_can_be_written(monkeypatch):
  monkeypatch.setattr(caching.CacheImpl, '_locator_classes', [])
  with pytest.raises(RuntimeError, match='cannot cache'):
    numba.njit(cache=True)(abs_of)
  assert compiled.kernel(abs_of)(-2) == 2


def abs_of(number):
  return abs(number)
