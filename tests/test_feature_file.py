"""A file of features is read by NumPy, and has the same bytes each time."""

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import feature_file

FEATURES = {
  'rgb': np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32),
  'flow': np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32),
}
HOW = {'settings': {'window': 64}, 'notes': ['odd: ü']}


def write(path):
  writer = feature_file.FeatureWriter(path)
  for rows in (slice(2), slice(2, 5)):
    numbers = range(5)[rows]
    writer.add(
      [16 * n for n in numbers],
      [0.64 * n for n in numbers],
      {stream: values[rows] for stream, values in FEATURES.items()},
    )
  writer.write(HOW)
  writer.close()
  return path


def test_numpy_reads_the_file(tmp_path):
  with np.load(write(tmp_path / 'a' / 'b.npz')) as content:
    assert [*content] == ['rgb', 'flow', 'start_frame', 'start_seconds', 'how']
    for stream, values in FEATURES.items():
      np.testing.assert_array_equal(content[stream], values)
      assert content[stream].dtype == np.float32
    assert content['start_frame'].tolist() == [0, 16, 32, 48, 64]
    assert content['start_frame'].dtype == np.int64
    assert content['start_seconds'].tolist() == [0, 0.64, 1.28, 1.92, 2.56]
    assert content['how'].shape == ()
  assert feature_file.read_how(tmp_path / 'a' / 'b.npz') == HOW
  assert [*(tmp_path / 'a').iterdir()] == [tmp_path / 'a' / 'b.npz']


def test_the_bytes_do_not_depend_on_the_moment(tmp_path, monkeypatch):
  first = write(tmp_path / 'a.npz').read_bytes()
  monkeypatch.setattr('time.time', lambda: 2e9)
  assert write(tmp_path / 'b.npz').read_bytes() == first


def test_nothing_is_left_of_a_file_that_was_not_written(tmp_path):
  writer = feature_file.FeatureWriter(tmp_path / 'a.npz')
  writer.add([0], [0.0], {'rgb': np.zeros((1, 2), np.float32)})
  writer.close()
  assert not [*tmp_path.iterdir()]


def test_damaged_files_tell_nothing_and_harm_nothing(tmp_path):
  path = write(tmp_path / 'a.npz')
  whole = path.read_bytes()
  assert feature_file.read_how(tmp_path / 'none.npz') is None
  for size in range(0, len(whole), 97):
    path.write_bytes(whole[:size])
    assert feature_file.read_how(path) is None
  rng = np.random.default_rng(0)
  for _ in range(200):
    content = bytearray(whole)
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    path.write_bytes(content)
    feature_file.read_how(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / 'a').write_text('')
  with pytest.raises(errors.InputError, match='choose another --output_dir'):
    feature_file.FeatureWriter(tmp_path / 'a' / 'b.npz')
