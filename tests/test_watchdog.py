"""What the thread beside training does on signals and standstills."""

import ctypes
import os
import signal
import time

import programs
import pytest

from two_stream.cluster import cluster_task
from two_stream.training import watchdog


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_told_and_does_not_end_the_process(number, caplog):
  watcher = watchdog.Watchdog()
  with watcher.running():
    os.kill(os.getpid(), number)
    assert watcher.signalled.wait(30)
  assert watcher.signal_number == number
  assert f'{signal.Signals(number).name}: saving and stopping' in caplog.text


def test_handlers_are_put_back():
  before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
  with watchdog.Watchdog().running():
    assert signal.getsignal(signal.SIGINT) != before[1]
  after = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
  assert after == before
  assert signal.set_wakeup_fd(-1) == -1


def test_a_standstill_is_explained_again_and_again(monkeypatch, caplog):
  monkeypatch.setattr(watchdog, '_POLL_SECONDS', 0.01)
  watcher = watchdog.Watchdog(0.05, lambda seconds: f'nothing for {seconds:g}')
  with watcher.running():
    programs.wait_until(lambda: caplog.text.count('nothing for') >= 2)


def test_with_progress_there_is_no_warning(monkeypatch, caplog):
  monkeypatch.setattr(watchdog, '_POLL_SECONDS', 0.01)
  watcher = watchdog.Watchdog(3600, lambda seconds: f'nothing for {seconds:g}')
  with watcher.running():
    for _ in range(5):
      watcher.note_progress()
      time.sleep(0.02)
  assert 'nothing for' not in caplog.text


MAIN_THREAD_WAITS = """
import os, signal, sys, time
from two_stream.cluster import cluster_task
from two_stream.training import watchdog
watchdog._PATIENCE_SECONDS = 0.1
watcher = watchdog.Watchdog()
watcher.save_checkpoint = lambda: print('saved', flush=True)
if sys.argv[1] == 'fails':
  watcher.save_checkpoint = lambda: 1 / 0
with watcher.running():
  os.kill(os.getpid(), signal.SIGTERM)
  time.sleep(100)
"""


@pytest.mark.process
@pytest.mark.parametrize('saving', ['works', 'fails'])
def test_a_process_whose_main_thread_waits_saves_and_ends(saving):
  result = programs.run_code(MAIN_THREAD_WAITS, saving, timeout=60)
  assert result.returncode == 128 + signal.SIGTERM
  assert result.stdout == ('saved\n' if saving == 'works' else '')
  told = 'the last checkpoint was not saved' in result.stderr
  assert told == (saving == 'fails')


def test_a_standstill_names_who_does_not_answer():
  task = cluster_task.ClusterTask(
    ps_hosts=('127.0.0.1:1',), worker_hosts=('127.0.0.1:2',)
  )
  assert watchdog.explain_standstill(task, 90.4) == (
    'no step for 90 s; no answer from ps 0 (127.0.0.1:1), worker 0 '
    '(127.0.0.1:2)'
  )
  alone = cluster_task.ClusterTask()
  assert watchdog.explain_standstill(alone, 1) == (
    'no step for 1 s, though every task answers'
  )


def test_handlers_are_kept_from_others():
  """TensorFlow takes SIGTERM when a process joins others."""
  of_others = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: None)
  watcher = watchdog.Watchdog()
  with watcher.running():
    with watchdog.keeping_handlers():
      ctypes.CDLL(None).signal(signal.SIGTERM, of_others)
    os.kill(os.getpid(), signal.SIGTERM)
    assert watcher.signalled.wait(30)
