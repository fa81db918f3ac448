"""A program that copies lines, but for those of TensorFlow that are no news.

    python no_news.py <SOURCE >ANSWERS 2>SINK

TensorFlow's C++ code writes to standard error itself. No setting suppresses the
lines that are listed here: some come before any setting is read, others look
like errors at the end of every training. terminal/stderr.py starts this
program, which imports the standard library only so that it starts at once.
"""

import os
import pathlib
import re
import select
from collections.abc import Callable

# A process that writes this question gets a byte as answer once everything that
# it wrote before is copied.
QUESTION = b'\0copied?\0'

# An incomplete line is copied after this time, or if it is as long as this.
_IDLE_SECONDS = 0.1
_MAX_BYTES = 1 << 20

# How a line begins: severity and date, time, thread, source file and line.
_HEAD = rb'[IWE]\d{4} [\d:.]+ +\d+ %s\.cc:\d+\] '
_NO_NEWS = (
  # When TensorFlow is imported.
  rb'WARNING: All log messages before absl::InitializeLog\(\) is called are ',
  _HEAD % rb'port' + rb'oneDNN custom operations are on\. ',
  # After each of the first steps.
  _HEAD % rb'local_rendezvous'
  + rb'Local rendezvous is aborting with status: ABORTED: Cleanup ',
  # After the last step, when the chief waits for gradients in vain.
  _HEAD
  % rb'local_rendezvous'
  + rb'Local rendezvous is aborting with status: CANCELLED: TakeGrad operation '
  rb'was cancelled',
  _HEAD % rb'grpc_worker_service' + rb'RecvTensor cancelled for \d+',
  # In a ps at the same time, when the chief closes its session. These lines
  # tell no reason; a step that fails raises an error in the worker that ran it.
  _HEAD
  % rb'local_rendezvous'
  + rb'Local rendezvous is aborting with status: ABORTED: '
  rb'(?:Stopping remaining executors\. |'
  rb'Step \d+ cancelled\.  Cancelling rendezvous\. )',
  # When a process of an all-reduce job is lost. The error that is raised in the
  # others has the same text, and training/all_reduce.py tells its reason.
  _HEAD % rb'ring_alg' + rb'Aborting Ring(?:Reduce|Gather) with ',
  _HEAD % rb'base_collective_executor'
  + rb'BaseCollectiveExecutor::StartAbort ',
  _HEAD
  % rb'local_rendezvous'
  + rb'Local rendezvous is aborting with status: \w+: '
  rb'Collective ops is aborted by: ',
)
# No news on a machine without a GPU, or if the process shall not use one.
_NO_NEWS_WITHOUT_GPU = (
  _HEAD % rb'cudart_stub' + rb'Could not find cuda drivers on your machine, ',
  _HEAD % rb'cuda_platform' + rb'failed call to cuInit: ',
)
# Further lines of such a message, the first of which names the operation.
_CONTINUED = re.compile(
  rb'\t \[\[\{\{node |Additional GRPC error information |'
  rb':UNKNOWN:Error received from peer |RPC: /tensorflow\.|/job:worker/|'
  rb'The tasks have crashed\. |The error could be from a previous operation\. |'
  rb'$'
)


class Copier:
  """Takes text piece by piece, and writes all lines but those of no news."""

  def __init__(self, write: Callable[[bytes], None]):
    """Makes a copier that calls `write` with what is to be written."""
    messages = _NO_NEWS + (() if _wants_gpu() else _NO_NEWS_WITHOUT_GPU)
    self._no_news = re.compile(rb'(?:%s)[^\n]*\n?' % rb'|'.join(messages))
    self._write = write
    self._rest = b''  # The beginning of a line.
    self._last_was_no_news = False

  def feed(self, text: bytes) -> None:
    """Takes text: writes its whole lines, and keeps what follows them."""
    *lines, self._rest = re.split(rb'(?<=\n)', self._rest + text)
    self._write(b''.join(map(self._without_no_news, lines)))
    if len(self._rest) > _MAX_BYTES:
      self.flush()

  def flush(self) -> None:
    """Writes the beginning of a line that was kept."""
    self._write(self._without_no_news(self._rest))
    self._rest = b''

  def _without_no_news(self, line: bytes) -> bytes:
    if self._last_was_no_news and _CONTINUED.match(line):
      return b''
    news, count = self._no_news.subn(b'', line)
    self._last_was_no_news = count > 0
    return news


def _wants_gpu() -> bool:
  if os.environ.get('CUDA_VISIBLE_DEVICES') in ('', '-1'):
    return False
  devices = pathlib.Path('/dev')
  return any(devices.glob('nvidia[0-9]*')) or (devices / 'dxg').exists()


def main() -> None:
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
    for piece in before:
      copier.feed(piece)
      copier.flush()
      _write_all(1, b'.')
    copier.feed(text)
  copier.flush()


def _write_all(descriptor: int, text: bytes) -> None:
  """Writes text, waiting where the file cannot take all of it at once."""
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
