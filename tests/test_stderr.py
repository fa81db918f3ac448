"""Of what TensorFlow writes to stderr, known lines are left out; no others."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

import programs
import pytest
from tensorflow_lines import IN_TRAINING, NEWS

PROGRAM = """
import os, signal, sys, time
from two_stream.terminal import stderr
stderr.leave_out_no_news()
NEWS, NOISE = {news!r}, {noise!r}
"""


def program(text):
  return PROGRAM.format(news=NEWS, noise=IN_TRAINING) + text


def run(text, **options):
  return programs.run_code(
    program(text),
    stderr=subprocess.PIPE,
    text=False,
    timeout=60,
    **options,
  )


@pytest.mark.process
@pytest.mark.parametrize(
  'end, status',
  [
    ('', 0),
    ('os._exit(3)', 3),
    ('os.kill(os.getpid(), signal.SIGKILL)', -signal.SIGKILL),
    ('os.kill(os.getpid(), signal.SIGTERM)', -signal.SIGTERM),
    ('os.kill(os.getpid(), signal.SIGSEGV)', -signal.SIGSEGV),
  ],
)
def test_last_words_arrive_however_a_process_ends(end, status):
  result = run(f'os.write(2, NOISE + NEWS + b"no end of line")\n{end}')
  assert result.stderr == NEWS + b'no end of line'
  assert result.returncode == status


@pytest.mark.process
def test_signals_to_the_whole_group_lose_nothing():
  """Such as Ctrl-C, or of a scheduler."""
  result = run(
    """
for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1:
  signal.signal(number, lambda *_: None)
  os.killpg(0, number)
time.sleep(0.3)
os.write(2, NOISE + NEWS)
""",
    start_new_session=True,
  )
  assert result.stderr == NEWS
  assert result.returncode == 0


@pytest.mark.process
def test_python_and_c_keep_their_order_in_a_log():
  result = run("""
for i in range(300):
  print(f'python {i}', file=sys.stderr)
  os.write(2, NOISE + f'c {i}\\n'.encode())
""")
  lines = [f'{who} {i}' for i in range(300) for who in ('python', 'c')]
  assert result.stderr.decode().splitlines() == lines


@pytest.mark.process
def test_on_a_terminal_python_still_finds_one_and_keeps_the_order():
  terminal, stderr = pty.openpty()
  fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
  with programs.started_code(
    program("""
from absl import logging
from two_stream.terminal import progress
bar = progress.bar(total=2)
for i in range(100):
  os.write(2, NOISE + f'c {i}\\n'.encode())
  print(f'python {i}', file=sys.stderr)
logging.warning('a warning')
bar.update(2)
"""),
    stderr=stderr,
  ) as process:
    os.close(stderr)
    output = b''
    try:
      while piece := os.read(terminal, 1 << 16):
        output += piece
    except OSError:  # Nobody can write to the terminal any more.
      pass
    assert process.wait() == 0
  os.close(terminal)
  assert b'rendezvous' not in output
  assert b'\r100%|' in output
  lines = re.findall(rb'(?:c|python) \d+', output)
  expected = [f'{who} {i}' for i in range(100) for who in ('c', 'python')]
  assert [line.decode() for line in lines] == expected
  assert b'a warning' in output


@pytest.mark.process
def test_a_log_that_nobody_reads_is_noticed_by_the_writer():
  with programs.started_code(
    program("""
try:
  while True:
    sys.stderr.write('text\\n' * 1000)
except BrokenPipeError:
  os._exit(7)
"""),
    stderr=subprocess.PIPE,
  ) as process:
    process.stderr.read(1)
    process.stderr.close()
    assert process.wait(60) == 7


@pytest.mark.process
def test_without_a_standard_error_nothing_is_done():
  result = programs.run(
    ['bash', '-c', f'{sys.executable} -c "$0" 2>&-', program('')],
    env=programs.IMPORTABLE,
    capture_output=False,
  )
  assert result.returncode == 0


@pytest.mark.process
def test_one_process_copies_however_often_it_is_asked_for():
  result = run("""
stderr.leave_out_no_news()
with open(f'/proc/self/task/{os.getpid()}/children') as children:
  print(len(children.read().split()), file=sys.stderr)
os.write(2, NOISE + NEWS)
""")
  assert result.stderr == b'1\n' + NEWS


@pytest.mark.process
def test_a_standard_error_that_was_exchanged_is_left_alone(tmp_path):
  """As pytest does for each test."""
  path = tmp_path / 'other'
  result = run(f"""
os.write(2, NEWS)
os.dup2(os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY), 2)
""")
  assert result.stderr == NEWS
  assert path.read_bytes() == b''
