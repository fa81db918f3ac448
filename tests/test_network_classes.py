"""The label map fits every network."""

import json

import pytest
import small_networks

from two_stream import errors
from two_stream.evaluation import data_directory, network_classes
from two_stream.records import shard_parameters


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


def test_the_label_map_and_the_frame_rate_are_those_of_the_records(
  data, tmp_path, caplog
):
  small_networks.write(data, 'rgb_scratch', 3)
  networks = data_directory.networks(data, 'rgb', False)
  records = tmp_path / 'records'
  records.mkdir()
  label_map = (data / 'label_map.txt').read_text()
  (records / 'label_map.txt').write_text(label_map)
  names = network_classes.names_for_records(data, 'rgb', networks, records)
  assert names == label_map.splitlines()
  assert caplog.text == ''
  (records / 'parameters.json').write_text(
    '{"schema_version": 2, "parameters": {"frames_per_second": 12}}'
  )
  network_classes.names_for_records(data, 'rgb', networks, records)
  assert 'has 12 frames a second and the networks were trained on 25' in (
    caplog.text
  )
  (records / 'label_map.txt').write_text('b\na\nc\n')
  with pytest.raises(errors.InputError, match='is not the label_map.txt of'):
    network_classes.names_for_records(data, 'rgb', networks, records)


def test_without_a_label_map_the_records_digest_of_it_is_compared(
  data, tmp_path
):
  small_networks.write(data, 'rgb_scratch', 3)
  networks = data_directory.networks(data, 'rgb', False)
  records = tmp_path / 'records'
  records.mkdir()
  classes = {
    'number': 3,
    'sha256': shard_parameters.digest(['one', 'two', 'three']),
  }
  made = {
    'schema_version': 2,
    'parameters': {'frames_per_second': 25},
    'classes': classes,
  }
  (records / 'parameters.json').write_text(json.dumps(made))
  network_classes.names_for_records(data, 'rgb', networks, records)
  classes['sha256'] = shard_parameters.digest(['three', 'two', 'one'])
  (records / 'parameters.json').write_text(json.dumps(made))
  with pytest.raises(errors.InputError, match='is not the label_map.txt of'):
    network_classes.names_for_records(data, 'rgb', networks, records)
