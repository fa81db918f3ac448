"""Files appear whole or not at all."""

import subprocess
import sys

import pytest

from two_stream import files


def test_a_file_appears_when_it_is_complete(tmp_path):
  path = tmp_path / 'result.txt'
  with files.atomic_open(path, 'w') as stream:
    stream.write('naïve')
    stream.flush()
    assert not path.exists()
  assert path.read_text(encoding='utf-8') == 'naïve'
  assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
  path = tmp_path / 'result'
  path.write_bytes(b'old')
  with pytest.raises(RuntimeError), files.atomic_open(path) as stream:
    stream.write(b'new')
    raise RuntimeError
  assert path.read_bytes() == b'old'
  assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_file(tmp_path):
  path = tmp_path / 'result'
  path.write_bytes(b'old')
  program = (
    'import os, signal, sys\n'
    'from two_stream import files\n'
    'with files.atomic_open(sys.argv[1]) as stream:\n'
    '  stream.write(b"new")\n'
    '  stream.flush()\n'
    '  os.kill(os.getpid(), signal.SIGKILL)\n'
  )
  result = subprocess.run([sys.executable, '-c', program, path], check=False)
  assert result.returncode == -9
  assert path.read_bytes() == b'old'
