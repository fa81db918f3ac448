"""Bars leave room for what else is said, on terminals and in log files."""

import fcntl
import itertools
import os
import pty
import re
import struct
import termios
import time

import programs
import pytest
import tqdm

from two_stream.terminal import progress

PROGRAM = """
import logging
from two_stream import cli, errors
from two_stream.terminal import progress
def main():
  bar = progress.bar(total=4)
  bar.update(2)
  logging.warning('a warning')
  bar.refresh()
  raise errors.InputError('a mistake')
cli.run(main)
"""


def test_a_bar_in_a_log_is_a_line_for_each_of_its_states(capsys):
  for _ in progress.bar(range(5)):
    pass
  output = capsys.readouterr().err
  assert '\r' not in output
  first, last = output.splitlines()
  assert first.startswith('0%|') and ' 0/5 ' in first
  assert last.startswith('100%|') and ' 5/5 ' in last


def test_a_bar_goes_on_when_the_clock_is_set_back(capsys, monkeypatch):
  wall_clock, seconds = itertools.count(1e9, -3600), [0]
  monkeypatch.setattr(tqdm.std, 'time', lambda: next(wall_clock))
  monkeypatch.setattr(time, 'monotonic', lambda: seconds[0])
  for _ in progress.bar(range(5)):
    seconds[0] += 20
  states = re.findall(r'\d/5', capsys.readouterr().err)
  # A state a half minute in a log, and the last.
  assert states == ['0/5', '2/5', '4/5', '5/5']


@pytest.mark.process
def test_messages_in_a_log_begin_their_lines():
  result = programs.run_code(PROGRAM)
  lines = result.stderr.split('\n')
  assert 'error: a mistake' in lines
  assert any(line.startswith('W') and 'a warning' in line for line in lines)
  assert any(' 2/4 ' in line for line in lines)


@pytest.mark.process
def test_messages_on_a_terminal_take_the_bars_place():
  terminal, stderr = pty.openpty()
  size = struct.pack('HHHH', 24, 80, 0, 0)
  fcntl.ioctl(stderr, termios.TIOCSWINSZ, size)
  result = programs.run_code(PROGRAM, stderr=stderr)
  os.close(stderr)
  output = os.read(terminal, 1 << 16).decode()
  os.close(terminal)
  assert result.returncode == 1
  # Where the cursor is at the start of the line, and the line is empty.
  assert ' \rerror: a mistake\r\n' in output
  assert ' \rW' in output
