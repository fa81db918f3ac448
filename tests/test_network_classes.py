"""The label map fits every network."""

import pytest
import small_networks

from two_stream import errors
from two_stream.evaluation import network_classes


@pytest.fixture(name='data')
def make_data(tmp_path):
  (tmp_path / 'label_map.txt').write_text('one\ntwo\nthree\n')
  return tmp_path


def test_names_are_those_of_the_label_map(data):
  path = small_networks.write(data, 'rgb_scratch', 3)
  names = network_classes.names(data, 'rgb', [path])
  assert names == ['one', 'two', 'three']


@pytest.mark.parametrize('sizes', [(3, 2), (2, 3)])
def test_no_network_may_have_other_classes(data, sizes):
  paths = [
    small_networks.write(data, name, size)
    for name, size in zip(('rgb_scratch', 'flow_scratch'), sizes)
  ]
  with pytest.raises(errors.InputError, match='3 class names .* 2 classes'):
    network_classes.names(data, 'joint', paths)
