"""What training starts from."""

import pathlib
import shutil

import numpy as np
import pytest
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
    'and not 3' in caplog.text
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


def test_the_newest_checkpoint_is_found_without_tensorflows_list(
  seven_classes, tmp_path
):
  """By its number, and if it is a training checkpoint."""
  for name in ('model.ckpt-9', 'model.ckpt-10', 'model.ckpt-best', 'b.ckpt-11'):
    for suffix in ('.index', '.data-00000-of-00001'):
      shutil.copy(f'{seven_classes}{suffix}', tmp_path / f'{name}{suffix}')
  newest = str(tmp_path / 'model.ckpt-10')
  assert initial_weights.newest_whole(tmp_path) == newest
  assert tf.train.latest_checkpoint(str(tmp_path)) == newest


def test_a_checkpoint_that_is_not_finite_is_passed_over(
  seven_classes, tmp_path, caplog
):
  """No training gets anywhere from it."""
  folder = tmp_path / 'run[1]'
  values = checkpoints.read(seven_classes)
  checkpoints.write(values, folder / 'model.ckpt-1', 'RGB')
  name = 'Conv3d_2b_1x1/batch_norm/beta'
  values[name] = np.full_like(values[name], np.nan)
  checkpoints.write(values, folder / 'model.ckpt-2', 'RGB')
  assert initial_weights.newest_whole(folder) == str(folder / 'model.ckpt-1')
  assert f'model.ckpt-2 is skipped: {folder}/model.ckpt-2: ' in caplog.text
  assert f'{name} is not finite (1 of 230 variables' in caplog.text


def test_a_relative_folder_is_taken_by_the_working_folder(
  seven_classes, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  folder = pathlib.Path('runs', 'rgb')
  folder.mkdir(parents=True)
  for step in (9, 10):
    for suffix in ('.index', '.data-00000-of-00001'):
      shutil.copy(
        f'{seven_classes}{suffix}', f'{folder}/model.ckpt-{step}{suffix}'
      )
  newest = f'{tmp_path}/runs/rgb/model.ckpt-10'
  assert initial_weights.newest_whole(folder) == newest
  assert initial_weights.newest_whole(folder) == newest
  monkeypatch.chdir('/')
  state = tf.train.get_checkpoint_state(str(tmp_path / folder))
  assert list(state.all_model_checkpoint_paths) == [
    f'{tmp_path}/runs/rgb/model.ckpt-9',
    newest,
  ]


def test_without_a_checkpoint_there_is_nothing_to_continue(tmp_path):
  assert initial_weights.newest_whole(tmp_path) is None
