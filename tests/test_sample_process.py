"""The clips of a sample come from a process of their own."""

import os
import resource
import signal
import subprocess

import numpy as np
import programs
import pytest
import reference
import small_videos

from two_stream import errors
from two_stream.evaluation import sample_clips, sample_process

pytestmark = pytest.mark.process


@pytest.fixture(name='video', scope='module')
def write_video(tmp_path_factory):
  frames = small_videos.textured_frames(12, size=(320, 240))
  return small_videos.write_video(
    tmp_path_factory.mktemp('a') / 'a.webm', frames
  )


def load(sample, streams=('rgb', 'flow'), max_seconds=60):
  return sample_process.Clips(sample, streams, None, max_seconds)


def test_the_clips_of_a_video_have_the_same_bits(video):
  clips = load(video)
  expected = sample_clips.load(video, ['rgb', 'flow'], None)
  assert list(clips) == list(expected) == ['rgb', 'flow']
  assert len(clips) == 2
  for stream in ('flow', 'rgb'):  # Looked up in another order.
    assert clips[stream].dtype == np.float32
    np.testing.assert_array_equal(clips[stream], expected[stream])


def test_arrays_are_loaded_with_their_warnings(tmp_path, caplog):
  np.save(tmp_path / 'v_rgb.npy', 100 * reference.clip('rgb16'))
  clips = load(tmp_path / 'v', ['rgb'])
  np.testing.assert_array_equal(clips['rgb'], 100 * reference.clip('rgb16'))
  (record,) = caplog.records
  assert 'v_rgb.npy: values from -9' in record.getMessage()
  assert record.filename == 'sample_clips.py'
  with pytest.raises(KeyError):
    clips['flow']


def test_a_sample_that_cannot_be_used_is_an_error_of_the_user(tmp_path):
  with pytest.raises(errors.InputError, match='gone: no such video, and '):
    load(tmp_path / 'gone')['flow']


def test_a_crash_of_the_decoder_is_an_error_of_the_user(video):
  clips = load(video)
  os.kill(clips._process.pid, signal.SIGSEGV)
  message = 'a.webm: the process that reads it was ended by SIGSEGV$'
  with pytest.raises(errors.InputError, match=message):
    clips['rgb']


def test_a_clip_without_room_is_an_error_of_the_user(video):
  """The process inherits this limit, which is that of `ulimit -f 100`."""
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (100 * 1024, limits[1]))
  try:
    clips = load(video)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  message = r'a.webm: its clip needs .* of 6.6 MB, .*: File too large; '
  with pytest.raises(errors.InputError, match=message):
    clips['rgb']


def test_the_reason_of_a_failure_is_told(video):
  """A bug also has a traceback, which goes to standard error."""
  clips = sample_process.Clips(video, ('rgb',), 'no number', 60)
  with pytest.raises(errors.InputError, match=r'a\.webm: TypeError: '):
    clips['rgb']


WAITING = """
import sys, time
from two_stream.evaluation import sample_process
if __name__ == '__main__':
  clips = sample_process.Clips(sys.argv[1], ('rgb', 'flow'), None, 60)
  print(clips._process.pid, flush=True)
  clips['flow']
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_the_process_ends_with_its_parent(tmp_path, number):
  """The flow of the video takes many seconds."""
  frames = small_videos.textured_frames(200)
  path = small_videos.write_video(tmp_path / 'long.webm', frames)
  with programs.started_code(
    WAITING, path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
  ) as parent:
    child = int(parent.stdout.readline())
    assert programs.is_running(child)
    parent.send_signal(number)
    parent.wait(10)
    programs.wait_until(lambda: not programs.is_running(child), seconds=10)
