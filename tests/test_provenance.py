"""The released networks are known by the checksums of their tensors."""

import csv
import re

import foreign_networks
import numpy as np
import pytest
import reference
import small_tables

from two_stream.networks import provenance

FILES = {
  name: {
    variable.rpartition('inception_i3d/')[2]
    for variable in layout
    if not variable.endswith(('Momentum', 'global_step'))
  }
  for name, layout in reference.layouts().items()
}


def table():
  with provenance._TABLE.open() as stream:
    return list(csv.DictReader(stream))


def test_the_table_has_every_tensor_of_every_released_file():
  rows = table()
  for name, tensors in FILES.items():
    assert {row['tensor'] for row in rows} == tensors
    assert all(re.fullmatch('[0-9a-f]{8}', row[name]) for row in rows)
  assert len(rows) == 230
  assert len(provenance._TABLE.read_bytes()) < 25_000


def test_the_released_files_differ_in_nearly_every_tensor():
  """So a network agrees with one of them at most."""
  rows = table()
  names = list(FILES)
  for i, one in enumerate(names):
    for other in names[:i]:
      assert sum(row[one] == row[other] for row in rows) < 2


@pytest.fixture(name='released')
def make_table(monkeypatch):
  """Checksums as of released files, of a small network."""
  values = foreign_networks.values()
  sums = {}
  for path, value in values.items():
    crc = small_tables.crc32c(value.astype('<f4').tobytes())
    sums[path] = f'{small_tables.masked(crc):08x}'
  others = dict.fromkeys(sums, '00000000')
  monkeypatch.setattr(
    provenance, '_released', lambda: {'flow_x': others, 'rgb_x': sums}
  )
  return values


def test_a_released_network_is_named(released):
  found = provenance.find(released)
  assert str(found) == "DeepMind's rgb_x, all 230 tensors verified"
  assert found.name == 'rgb_x'
  assert not found.differing


def test_what_differs_is_named(released):
  path = 'Logits/Conv3d_0c_1x1/conv_3d/b'
  changed = released[path].copy()
  changed[0] = np.nextafter(changed[0], np.float32(9))
  found = provenance.find({**released, path: changed})
  assert str(found) == (
    f"like DeepMind's rgb_x but for 1 of 230 tensors: {path}"
  )
  many = {path: value + 1 for path, value in list(released.items())[:9]}
  found = provenance.find({**released, **many})
  assert len(found.differing) == 9
  assert str(found).endswith(' and 5 more')


def test_another_network_has_no_name(released):
  other = {path: value + 1 for path, value in released.items()}
  assert provenance.find(other) is None
  assert provenance.find({}) is None


def test_other_memory_orders_are_the_same_values(released):
  turned = {path: np.asfortranarray(value) for path, value in released.items()}
  assert not provenance.find(turned).differing


def test_the_real_table_knows_no_network_of_this_project():
  assert provenance.find(foreign_networks.values()) is None
