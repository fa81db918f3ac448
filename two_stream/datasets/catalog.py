"""The data sets that preprocess_videos.py offers, by their names.

A module of this package is one of them if it has the names that data_set.py
lists. There is no other list, so a new data set is one new module.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Protocol

from two_stream import datasets
from two_stream.datasets import data_set


class Layout(Protocol):
  """A module that reads one kind of data set, see data_set.py."""

  NAME: str
  LAYOUT: str
  OPTIONS: tuple[str, ...]

  def read(self, request: data_set.Request) -> data_set.DataSet:
    """Reads the class names and samples.

    Args:
      request: where the files are, and which samples are wanted.

    Returns:
      The data set.

    Raises:
      InputError: a file is missing or malformed.
    """


@functools.cache
def layouts() -> Mapping[str, Layout]:
  """Finds the modules; returns name of a data set -> its module."""
  modules = (
    importlib.import_module(f'{datasets.__name__}.{found.name}')
    for found in pkgutil.iter_modules(datasets.__path__)
    if found.name != __name__.rpartition('.')[2]
  )
  return {
    module.NAME: module for module in modules if hasattr(module, 'LAYOUT')
  }
