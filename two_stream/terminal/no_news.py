"""Lines of TensorFlow that are no news; a program that copies all others.

    python no_news.py <SOURCE >ANSWERS 2>SINK

TensorFlow's C++ code writes to standard error itself, and no setting keeps
these lines away: some come before any setting is read, others look like errors
at the end of every training. terminal/stderr.py starts this program, which
therefore imports the standard library only.
"""

import os
import pathlib
import re
import select

# A process that writes this asks for a byte in answer once all that stood
# before it is copied.
QUESTION = b'\0copied?\0'

# An incomplete line is copied all the same after this time or at this length.
_IDLE_SECONDS = 0.1
_MAX_BYTES = 1 << 20

# What stands before a message: severity and date, time, thread, file and line.
_HEAD = rb'[IWE]\d{4} [\d:.]+ +\d+ %s\.cc:\d+\] '
_NO_NEWS = (
  # When TensorFlow is imported.
  rb'WARNING: All log messages before absl::InitializeLog\(\) is called are ',
  _HEAD % rb'port' + rb'oneDNN custom operations are on\. ',
  # After each step, of which TensorFlow warns if it is among the first ones.
  _HEAD % rb'local_rendezvous'
  + rb'Local rendezvous is aborting with status: ABORTED: Cleanup ',
  # After the last step, when the chief waits for gradients that do not come.
  _HEAD
  % rb'local_rendezvous'
  + rb'Local rendezvous is aborting with status: CANCELLED: TakeGrad operation '
  rb'was cancelled',
  _HEAD % rb'grpc_worker_service' + rb'RecvTensor cancelled for \d+',
)
# On a machine without a GPU, or if the process is to see none.
_NO_NEWS_WITHOUT_GPU = (
  _HEAD % rb'cudart_stub' + rb'Could not find cuda drivers on your machine, ',
  _HEAD % rb'cuda_platform' + rb'failed call to cuInit: ',
)
# The second line of a message, which names the operation.
_NODE = re.compile(rb'\t \[\[\{\{node ')


class Copier:
  """Copies lines, but for those that are no news, from one file to another."""

  def __init__(self, write):
    """`write` takes bytes."""
    messages = _NO_NEWS + (() if _wants_gpu() else _NO_NEWS_WITHOUT_GPU)
    self._no_news = re.compile(rb'(?:%s)[^\n]*\n?' % rb'|'.join(messages))
    self._write = write
    self._rest = b''  # The beginning of a line.
    self._last_was_no_news = False

  def feed(self, text):
    """Copies all whole lines, and keeps the beginning of one."""
    *lines, self._rest = re.split(rb'(?<=\n)', self._rest + text)
    self._write(b''.join(map(self._without_no_news, lines)))
    if len(self._rest) > _MAX_BYTES:
      self.flush()

  def flush(self):
    """Copies the beginning of a line, too."""
    self._write(self._without_no_news(self._rest))
    self._rest = b''

  def _without_no_news(self, line):
    if self._last_was_no_news and _NODE.match(line):
      return b''
    news, count = self._no_news.subn(b'', line)
    self._last_was_no_news = count > 0
    return news


def _wants_gpu():
  if os.environ.get('CUDA_VISIBLE_DEVICES') in ('', '-1'):
    return False
  devices = pathlib.Path('/dev')
  return any(devices.glob('nvidia[0-9]*')) or (devices / 'dxg').exists()


def main():
  """Copies standard input to standard error; answers on standard output."""
  copier = Copier(lambda text: _write_all(2, text))
  while True:
    if not select.select([0], [], [], _IDLE_SECONDS)[0]:
      copier.flush()
      select.select([0], [], [])
    text = os.read(0, 1 << 16)
    if not text:
      break
    *before, text = text.split(QUESTION)
    for each in before:
      copier.feed(each)
      copier.flush()
      _write_all(1, b'.')
    copier.feed(text)
  copier.flush()


def _write_all(descriptor, text):
  """Writes, whether or not the file can take it at once."""
  while text:
    try:
      text = text[os.write(descriptor, text) :]
    except BlockingIOError:
      select.select([], [descriptor], [])
    except BrokenPipeError:
      # Whoever writes next learns that nobody reads.
      raise SystemExit from None
    except OSError:  # The disk is full, or the terminal is gone.
      return


if __name__ == '__main__':
  main()
