"""Features are kept between runs, and damaged ones are forgotten."""

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import feature_cache

RNG = np.random.default_rng(0)
ROWS = {
  f'{number:064x}': feature_cache.Row(
    RNG.normal(size=5).astype(np.float32), (4 + number, 6)
  )
  for number in range(4)
}
FIRST, SECOND = dict(list(ROWS.items())[:3]), dict(list(ROWS.items())[3:])


def open_cache(folder, made_with='network', size=5):
  return feature_cache.FeatureCache(folder, made_with, size)


def same(found, expected):
  assert found.keys() == expected.keys()
  for key, row in expected.items():
    np.testing.assert_array_equal(found[key].features, row.features)
    assert found[key].size == row.size
  return True


@pytest.fixture(name='folder')
def fill(tmp_path):
  folder = tmp_path / 'a' / 'cache'
  cache = open_cache(folder)
  assert cache.rows == {}
  cache.add(FIRST)
  cache.add({})
  cache.add(SECOND)
  assert same(cache.rows, ROWS)
  return folder


def test_rows_read_back(folder):
  assert same(open_cache(folder).rows, ROWS)


def test_rows_of_other_networks_do_not(folder):
  assert open_cache(folder, 'other').rows == {}
  assert open_cache(folder, size=6).rows == {}


def test_nothing_is_kept_without_a_folder():
  cache = open_cache(None)
  cache.add(FIRST)
  assert same(cache.rows, FIRST)


def test_a_damaged_part_counts_as_absent(folder):
  paths = sorted(folder.glob('*/*.npz'), key=lambda path: path.stat().st_size)
  assert len(paths) == 2
  good = paths[1].read_bytes()
  for content in (b'', b'no archive', good[:-9], good[:99]):
    paths[1].write_bytes(content)
    assert same(open_cache(folder).rows, SECOND)
  arrays = {
    'digests': np.zeros([1, 32], np.uint8),
    'features': np.zeros([1, 5], np.float32),
    'sizes': np.ones([1, 2], np.int32),
  }
  for name, wrong in (
    ('digests', np.zeros([1, 31], np.uint8)),
    ('digests', np.zeros([2, 32], np.uint8)),
    ('digests', np.zeros([], np.uint8)),
    ('features', np.zeros([1, 5])),
    ('features', np.full([1, 5], np.nan, np.float32)),
    ('features', np.array([{}])),
    ('sizes', np.ones([1, 3], np.int32)),
  ):
    np.savez(paths[1], **{**arrays, name: wrong})
    assert same(open_cache(folder).rows, SECOND)
  np.savez(paths[1], **arrays)
  assert len(open_cache(folder).rows) == 2


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  with pytest.raises(errors.InputError, match='file: cannot be written'):
    open_cache(tmp_path / 'file')
