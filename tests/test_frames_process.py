"""Frames come from a process, whose death costs one video."""

import os
import signal

import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.preprocessing import (
  clip_settings,
  frames_process,
  shown_frames,
)

pytestmark = pytest.mark.process

SMALL = clip_settings.Settings(short_side=224)


@pytest.fixture(name='videos', scope='module')
def write_videos(tmp_path_factory):
  folder = tmp_path_factory.mktemp('a')
  for name, seed in (('a.webm', 1), ('b.webm', 2)):
    frames = small_videos.textured_frames(6, (240, 226), seed)
    small_videos.write_video(folder / name, frames)
  return folder


def source(path, **options):
  return shown_frames.Source(path=path, settings=SMALL, **options)


def test_the_frames_of_several_videos_have_the_same_bits(videos):
  sources = [source(videos / name) for name in ('a.webm', 'no', 'b.webm')]
  process = frames_process.FramesProcess()
  for each in sources:
    process.give(each)
  for each in (sources[0], None, sources[2]):
    if each is None:
      with pytest.raises(errors.InputError, match='no: cannot be read'):
        list(process.take())
      continue
    taken = process.take()
    frames = list(taken)
    assert taken.length == pytest.approx(0.5, abs=0.01)
    assert (taken.damage, taken.notes) == ('', ())
    expected = list(shown_frames.ShownFrames(each))
    assert len(frames) == len(expected)
    for one, other in zip(frames, expected):
      assert one[2:] == other[2:]
      np.testing.assert_array_equal(one.rgb, other.rgb)
      np.testing.assert_array_equal(one.flow, other.flow)
  process.close()


def test_a_process_that_dies_is_replaced(videos):
  process = frames_process.FramesProcess()
  os.kill(process._process.pid, signal.SIGSEGV)
  process._process.join()
  process.give(source(videos / 'a.webm'))
  process.give(source(videos / 'b.webm'))
  message = 'a.webm: the process that reads it was ended by SIGSEGV'
  with pytest.raises(errors.InputError, match=message):
    list(process.take())
  assert len(list(process.take())) == 6
  process.close()


@pytest.mark.slow
def test_a_process_that_hangs_is_replaced(videos):
  process = frames_process.FramesProcess(timeout=0.05)
  os.kill(process._process.pid, signal.SIGSTOP)
  process.give(source(videos / 'a.webm'))
  process.give(source(videos / 'b.webm'))
  with pytest.raises(errors.InputError, match=r'a\.webm: no frame came for'):
    list(process.take())
  process._timeout = 20
  assert len(list(process.take())) == 6
  process.close()


@pytest.mark.slow
def test_who_takes_not_all_frames_gets_the_next_video(videos):
  process = frames_process.FramesProcess()
  process.give(source(videos / 'a.webm'))
  process.give(source(videos / 'b.webm'))
  next(iter(process.take()))
  first = next(iter(process.take()))
  expected = next(iter(shown_frames.ShownFrames(source(videos / 'b.webm'))))
  np.testing.assert_array_equal(first.rgb, expected.rgb)
  process.close()
