"""One file of many videos is read clip by clip."""

import math

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import video_array

RNG = np.random.default_rng(0)
VIDEOS = RNG.integers(0, 256, [5, 12, 6, 8, 3], np.uint8)


def write(tmp_path, array, name='x.npy'):
  np.save(tmp_path / name, array)
  return tmp_path / name


def test_clips_are_the_first_frames(tmp_path):
  array = video_array.VideoArray(write(tmp_path, VIDEOS), 10)
  assert array.shape == [5, 12, 6, 8, 3]
  for index in (3, 0, 4):
    np.testing.assert_array_equal(array.clip(index), VIDEOS[index, :10])


def write_hole(path, shape):
  """Writes an array of zeros that takes no disk."""
  with path.open('wb') as stream:
    header = {'descr': '|u1', 'fortran_order': False, 'shape': shape}
    np.lib.format.write_array_header_1_0(stream, header)
    stream.truncate(stream.tell() + math.prod(shape))
  return path


def test_a_file_larger_than_memory_is_read(tmp_path):
  path = write_hole(tmp_path / 'x.npy', (10**8, 12, 6, 8, 3))
  array = video_array.VideoArray(path, 10)
  clip = array.clip(10**8 - 1)
  assert clip.shape == (10, 6, 8, 3)
  assert not clip.any()


@pytest.mark.parametrize(
  ('array', 'message'),
  [
    (VIDEOS[0], r'has shape \[12, 6, 8, 3\]; a set is \[videos, frames,'),
    (VIDEOS[..., :1], r'has shape \[5, 12, 6, 8, 1\]; a set is'),
    (VIDEOS[:0], r'has shape \[0, 12, 6, 8, 3\]; a set is'),
    (VIDEOS / 255, 'holds float64; a set holds uint8 from 0 to 255. Floats'),
    (VIDEOS.astype(np.int16), 'holds int16; a set holds uint8'),
    (np.asfortranarray(VIDEOS), "is in Fortran's order; save np.ascont"),
    (VIDEOS[:, :9], 'has videos of 9 frames; a clip is to have 10'),
    (np.array([{}]), r'has shape \[1\]; a set is'),
  ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
  path = write(tmp_path, array)
  with pytest.raises(errors.InputError, match=message) as raised:
    video_array.VideoArray(path, 10)
  assert str(path) in str(raised.value)


def test_huge_clips_are_refused(tmp_path):
  path = write_hole(tmp_path / 'x.npy', (2, 10, 9000, 9000, 3))
  with pytest.raises(errors.InputError, match='9000 x 9000 pixels are too l'):
    video_array.VideoArray(path, 10)


def test_what_is_no_array_is_refused(tmp_path):
  with pytest.raises(errors.InputError, match='cannot be read: No such file'):
    video_array.VideoArray(tmp_path / 'missing', 10)
  text = tmp_path / 'a.txt'
  text.write_text('x')
  with pytest.raises(errors.InputError, match='a set is a folder of videos'):
    video_array.VideoArray(text, 10)
  text.rename(tmp_path / 'a.npy')
  with pytest.raises(errors.InputError, match='its header is not one'):
    video_array.VideoArray(tmp_path / 'a.npy', 10)


def test_a_file_that_gets_shorter_is_told(tmp_path):
  path = write(tmp_path, VIDEOS)
  array = video_array.VideoArray(path, 10)
  with path.open('r+b') as stream:
    stream.truncate(1000)
  with pytest.raises(errors.InputError, match='changed while it was used'):
    array.clip(4)
