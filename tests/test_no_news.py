"""Lines that mean nothing are left out of a text, and no others."""

from tensorflow_lines import (
  AT_IMPORT,
  IN_TRAINING,
  NEWS,
  WHEN_A_PEER_IS_LOST,
  WITHOUT_GPU,
)

from two_stream.terminal import no_news


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
  for noise in (
    AT_IMPORT,
    WITHOUT_GPU,
    IN_TRAINING,
    WHEN_A_PEER_IS_LOST,
  ):
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
