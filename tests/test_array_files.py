"""Arrays of others are read as they are, or refused; see also those who read.

test_sample_clips.py and test_logit_parts.py damage such files in every way.
"""

import io
import warnings
import zipfile

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import array_files

MAX_BYTES = 1 << 20


def write(path, **arrays):
  np.savez(path, **arrays)
  return path


def test_an_archive_reads_back(tmp_path):
  arrays = {'a': np.arange(6.0).reshape(2, 3), 'b': np.array('text')}
  path = write(tmp_path / 'x.npz', **arrays)
  read = array_files.read_archive(path, ['a', 'b'], MAX_BYTES)
  assert list(read) == ['a', 'b']
  for name, array in arrays.items():
    np.testing.assert_array_equal(read[name], array)
  assert list(array_files.read_archive(path, 'abc', MAX_BYTES)) == ['a', 'b']


def test_other_archives_are_unusable(tmp_path):
  good = write(tmp_path / 'x.npz', a=np.zeros(9), b=np.zeros(9))
  repeated = tmp_path / 'repeated.npz'
  with zipfile.ZipFile(repeated, 'w') as archive:
    for _ in range(2):
      with zipfile.ZipFile(good) as source, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # A name twice.
        archive.writestr('a.npy', source.read('a.npy'))
  for path, names, most in (
    (tmp_path / 'missing.npz', ['a', 'b'], MAX_BYTES),
    (good, ['a', 'b'], 99),
    (good, ['a'], MAX_BYTES),
    (good, ['b', 'a'], MAX_BYTES),
    (repeated, ['a', 'a2'], MAX_BYTES),
    (write(tmp_path / 'o.npz', a=np.array([{}])), ['a'], MAX_BYTES),
  ):
    with pytest.raises(array_files.UNUSABLE):
      array_files.read_archive(path, names, most)


def test_a_header_is_read_and_a_short_file_refused(tmp_path):
  path = tmp_path / 'x.npy'
  np.save(path, np.asfortranarray(np.zeros([2, 3], np.int16)))
  with path.open('rb') as stream:
    shape, is_fortran, dtype = array_files.read_header(stream, path)
    assert (shape, is_fortran, dtype) == ([2, 3], True, np.int16)
    array_files.check_length(stream, path, shape, dtype)
    with pytest.raises(errors.InputError, match='breaks off after 12 bytes'):
      array_files.check_length(stream, path, [2, 4], dtype)
  with pytest.raises(errors.InputError, match='its header is not one'):
    array_files.read_header(io.BytesIO(b'no array'), path)


def test_one_array_of_an_archive_is_read(tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, large=np.zeros(3000), text=np.array('äb'), odd=np.array([{}]))
  assert str(array_files.read_member(path, 'text', 1000)) == 'äb'
  for name in ('large', 'odd', 'gone'):
    with pytest.raises(array_files.UNUSABLE):
      array_files.read_member(path, name, 1000)
