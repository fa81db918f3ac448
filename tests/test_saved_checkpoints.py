"""Which checkpoint a training continues from."""

import pathlib
import shutil

import numpy as np
import pytest
import small_networks
import tensorflow as tf

from two_stream.networks import checkpoints
from two_stream.training import saved_checkpoints


@pytest.fixture(name='seven_classes', scope='module')
def make_seven_classes(tmp_path_factory):
  """A checkpoint of a small network."""
  return small_networks.write(
    tmp_path_factory.mktemp('seven'), 'rgb_imagenet', 7
  )


def test_the_newest_checkpoint_is_found_without_tensorflows_list(
  seven_classes, tmp_path
):
  """By its number, and if it is a training checkpoint."""
  for name in ('model.ckpt-9', 'model.ckpt-10', 'model.ckpt-best', 'b.ckpt-11'):
    for suffix in ('.index', '.data-00000-of-00001'):
      shutil.copy(f'{seven_classes}{suffix}', tmp_path / f'{name}{suffix}')
  newest = str(tmp_path / 'model.ckpt-10')
  assert saved_checkpoints.newest_whole(tmp_path) == newest
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
  assert saved_checkpoints.newest_whole(folder) == str(folder / 'model.ckpt-1')
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
  assert saved_checkpoints.newest_whole(folder) == newest
  assert saved_checkpoints.newest_whole(folder) == newest
  monkeypatch.chdir('/')
  state = tf.train.get_checkpoint_state(str(tmp_path / folder))
  assert list(state.all_model_checkpoint_paths) == [
    f'{tmp_path}/runs/rgb/model.ckpt-9',
    newest,
  ]


def test_without_a_checkpoint_there_is_nothing_to_continue(tmp_path):
  assert saved_checkpoints.newest_whole(tmp_path) is None


def test_a_checkpoint_of_another_step_than_its_name_is_passed_over(
  tmp_path, caplog
):
  """Somebody copied it."""
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    step = tf.compat.v1.train.get_or_create_global_step()
    session.run(step.initializer)
    saver = tf.compat.v1.train.Saver()
    saver.save(session, str(tmp_path / 'model.ckpt'), 0)
    saver.save(session, str(tmp_path / 'model.ckpt'), 5)
  newest = saved_checkpoints.newest_whole(tmp_path)
  assert newest == str(tmp_path / 'model.ckpt-0')
  assert 'model.ckpt-5 is skipped: is of step 0, unlike its name' in caplog.text


def test_the_five_newest_of_the_list_are_kept(tmp_path):
  """As by TensorFlow's own saver, which takes the list over."""
  for step in (*range(7), 6):
    saved_checkpoints.write(tmp_path, step, {'a': np.array([step])})
  assert saved_checkpoints.steps_in(tmp_path) == [2, 3, 4, 5, 6]
  assert len(list(tmp_path.glob('model.ckpt-*'))) == 10  # Two files of each.
  state = tf.compat.v1.train.get_checkpoint_state(str(tmp_path))
  names = [pathlib.Path(path).name for path in state.all_model_checkpoint_paths]
  assert names == [f'model.ckpt-{step}' for step in (2, 3, 4, 5, 6)]
  assert state.model_checkpoint_path == f'{tmp_path}/model.ckpt-6'
  reader = tf.train.load_checkpoint(f'{tmp_path}/model.ckpt-6')
  assert reader.get_tensor('a') == [6]
