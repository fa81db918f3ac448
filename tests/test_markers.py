"""The markers of tests mean what pyproject.toml says."""

import multiprocessing
import subprocess
import sys

import pytest
import tensorflow as tf

NOTHING = [sys.executable, '-c', '']


def test_a_test_without_the_marker_starts_no_program_or_server():
  with pytest.raises(RuntimeError, match=r'@pytest\.mark\.process'):
    subprocess.run(NOTHING, check=True)
  with pytest.raises(RuntimeError, match=r'@pytest\.mark\.process'):
    multiprocessing.Process().start()
  with pytest.raises(RuntimeError, match=r'@pytest\.mark\.process'):
    tf.distribute.Server({'worker': ['127.0.0.1:0']})


@pytest.mark.process
def test_a_test_with_the_marker_does():
  assert subprocess.run(NOTHING, check=False).returncode == 0
