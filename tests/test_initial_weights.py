"""What training starts from."""

import numpy as np
import pytest
import small_networks
import small_training
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.networks import checkpoints
from two_stream.training import initial_weights


def network(num_classes, depth_multiplier):
  net = i3d.InceptionI3d(num_classes, depth_multiplier=depth_multiplier)
  net(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  return net


@pytest.fixture(name='seven_classes', scope='module')
def make_seven_classes(tmp_path_factory):
  """A checkpoint of a small network."""
  path = tmp_path_factory.mktemp('seven') / 'model.ckpt'
  checkpoints.save(network(7, 1 / 16), path, 'RGB')
  return path


def test_fine_tuning_takes_all_but_logits_of_other_classes(
  seven_classes, caplog
):
  caplog.set_level('INFO')
  values = initial_weights.initial_values(
    seven_classes, channels=3, num_classes=3
  )
  assert (
    f'starting from {seven_classes} but for its logits, which are of 7 classes '
    'and not 3, so that they start at random' in caplog.text
  )
  given = checkpoints.read(seven_classes)
  logits = {name for name in given if name.startswith('Logits/')}
  assert len(logits) == 2
  assert values.keys() == given.keys() - logits
  for name, value in values.items():
    np.testing.assert_array_equal(value, given[name])


def test_fine_tuning_on_as_many_classes_takes_all(seven_classes, caplog):
  caplog.set_level('INFO')
  values = initial_weights.initial_values(
    seven_classes, channels=3, num_classes=7
  )
  assert f'starting from all of {seven_classes}' in caplog.text
  assert values.keys() == checkpoints.read(seven_classes).keys()


def test_a_network_of_another_width_is_one_line(seven_classes):
  values = initial_weights.initial_values(
    seven_classes, channels=3, num_classes=7
  )
  with pytest.raises(errors.InputError, match='--depth_multiplier') as error:
    initial_weights.check_fit(values, network(7, 1 / 8), seven_classes)
  assert 'instead of' in str(error.value)
  said = 'it is of --stream=rgb and --depth_multiplier=0.0625'
  assert str(error.value).endswith(said)


def test_a_network_of_the_other_stream_is_one_line(tmp_path):
  path = small_networks.write(tmp_path, 'flow_imagenet', 7)
  values = initial_weights.initial_values(path, channels=3, num_classes=7)
  with pytest.raises(errors.InputError, match='--stream=flow'):
    initial_weights.check_fit(values, network(7, 1 / 16), path)


def test_units_that_are_not_trained_need_a_network_to_start_from():
  job = small_training.job('records', 'run', train_only=('Logits',))
  with pytest.raises(errors.InputError, match='^--train_only .* as --init_ch'):
    initial_weights.choose(job, network(3, 1 / 16), {}, None)
