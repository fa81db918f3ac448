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

from two_stream.terminal import no_news

# As TensorFlow 2.21 writes them.
AT_IMPORT = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795618539.919244    5431 port.cc:153] oneDNN custom operations are on. You may see slightly different numerical results due to floating-point round-off errors from different computation orders. To turn them off, set the environment variable `TF_ENABLE_ONEDNN_OPTS=0`.
"""  # noqa: E501
WITHOUT_GPU = b"""\
I0000 00:00:1795618539.919707    5431 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
E0000 00:00:1795618541.966386    5431 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)
"""  # noqa: E501
IN_TRAINING = b"""\
W0000 00:00:1795358424.312083   20085 local_rendezvous.cc:412] Local rendezvous is aborting with status: ABORTED: Cleanup 9080 [type.googleapis.com/tensorflow.DerivedStatus='']
W0000 00:00:1795618971.478741   10184 local_rendezvous.cc:412] Local rendezvous is aborting with status: CANCELLED: TakeGrad operation was cancelled
\t [[{{node sync_replicas/ResourceAccumulatorTakeGradient_18}}]] [type.googleapis.com/tensorflow.DerivedStatus='']
W0000 00:00:1795618971.479300   10374 grpc_worker_service.cc:536] RecvTensor cancelled for 61055286384092772
"""  # noqa: E501
NEWS = b"""\
W0000 00:00:1795358424.312083   20085 local_rendezvous.cc:412] Local rendezvous is aborting with status: CANCELLED: all is lost
\t [[{{node sync_replicas/AccumulatorTakeGradient}}]]
E0000 00:00:1795618541.966386    5431 cuda_dnn.cc:52] no cuDNN
\ta line that begins as the second line of a message does
free(): invalid pointer
"""  # noqa: E501


def copied(*texts):
  """What is left of texts that come one after the other."""
  output = []
  copier = no_news.Copier(output.append)
  for text in texts:
    copier.feed(text)
  copier.flush()
  return b''.join(output)


def test_what_is_known_is_left_out_and_nothing_else(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  assert copied(AT_IMPORT + WITHOUT_GPU + IN_TRAINING) == b''
  for noise in (AT_IMPORT, WITHOUT_GPU, IN_TRAINING):
    assert copied(NEWS + noise + NEWS) == NEWS + NEWS


def test_a_missing_driver_is_news_where_there_is_a_gpu(monkeypatch):
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  monkeypatch.setattr(no_news.pathlib.Path, 'glob', lambda *_: ['nvidia0'])
  assert copied(AT_IMPORT + WITHOUT_GPU) == WITHOUT_GPU


def test_lines_are_known_however_they_are_cut(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  text = NEWS + IN_TRAINING + NEWS + WITHOUT_GPU
  for size in (1, 7, 100):
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert copied(*pieces) == NEWS + NEWS


def test_a_known_line_in_the_middle_of_another_leaves_that_whole():
  assert copied(b'10 %\r20 %' + IN_TRAINING + b'30 %') == b'10 %\r20 %30 %'


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
