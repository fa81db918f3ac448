"""A training folder has one run at a time, and a name that TensorFlow takes."""

import dataclasses
import signal
import subprocess

import programs
import pytest
import small_records
import small_training

from two_stream import errors
from two_stream.training import saving, sync_replicas, training_folder


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder)
  return folder


def test_the_second_run_in_a_folder_is_refused(data, tmp_path):
  train_dir = tmp_path / 'run'
  job = small_training.job(data, train_dir)
  with (
    training_folder.locked(train_dir),
    pytest.raises(errors.InputError, match='another run is training') as caught,
  ):
    sync_replicas.run(job, small_training.ALONE)
  assert '\n' not in str(caught.value)
  with training_folder.locked(train_dir):
    pass


HOLD = """
import sys, time
from two_stream.training import training_folder
with training_folder.locked(sys.argv[1]):
  print('locked', flush=True)
  time.sleep(100)
"""


@pytest.mark.process
def test_a_run_that_was_killed_leaves_the_folder_to_the_next(tmp_path):
  with programs.started_code(HOLD, tmp_path, stdout=subprocess.PIPE) as process:
    assert process.stdout.readline() == b'locked\n'
    with (
      pytest.raises(errors.InputError, match=f'^{tmp_path}: another run'),
      training_folder.locked(tmp_path),
    ):
      pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with training_folder.locked(tmp_path):
      pass


def test_without_locks_a_run_goes_on_with_a_warning(
  tmp_path, monkeypatch, caplog
):
  def no_locks(*_):
    raise OSError(95, 'Operation not supported')

  monkeypatch.setattr(training_folder.fcntl, 'flock', no_locks)
  with training_folder.locked(tmp_path):
    assert f'{tmp_path}: this file system has no locks' in caplog.text


@pytest.mark.parametrize('name', ['r[1]', 'r*', 'r?', 'r\\x'])
def test_a_folder_that_tensorflow_takes_for_a_pattern_is_refused(
  name, data, tmp_path
):
  """It would not find its checkpoints, or remove a neighbour's."""
  job = small_training.job(data, tmp_path / name / 'rgb')
  for job_name in ('worker', 'ps', 'evaluator'):
    with pytest.raises(errors.InputError, match='for a pattern') as caught:
      sync_replicas.run(
        job, dataclasses.replace(small_training.ALONE, job_name=job_name)
      )
    assert str(tmp_path / name / 'rgb') in str(caught.value)
  assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
  'name', ['export', 'export/checkpoints', 'export/checkpoints/rgb_x', 'eval']
)
@pytest.mark.parametrize('what', ['a link', 'a broken link', 'a file'])
def test_what_takes_the_place_of_a_folder_is_refused_before_the_first_step(
  name, what, data, tmp_path
):
  """A link would be followed, and what it leads to be overwritten."""
  path = tmp_path / 'run' / name
  path.parent.mkdir(parents=True)
  target = tmp_path / 'elsewhere'
  if what == 'a file':
    path.touch()
  else:
    path.symlink_to(target)
  if what == 'a link':
    target.mkdir()
  with pytest.raises(errors.InputError) as caught:
    sync_replicas.run(
      small_training.job(data, tmp_path / 'run'), small_training.ALONE
    )
  assert str(caught.value) == (
    f'--train_dir: {path}: is a link or a file in place of a folder; remove it'
  )
  assert not list(target.glob('*'))
  assert not list((tmp_path / 'run').glob('model.ckpt*'))


def test_a_folder_whose_name_is_not_utf_8_is_refused(data, tmp_path):
  job = small_training.job(data, tmp_path / 'r\udcff')
  with pytest.raises(errors.InputError, match='not UTF-8'):
    sync_replicas.run(job, small_training.ALONE)


def test_a_run_whose_folder_was_replaced_saves_nothing_more(tmp_path):
  """Somebody removes the folder and trains anew under its name."""
  folder = tmp_path / 'run'
  with training_folder.locked(folder) as check_folder:
    check_folder()
    folder.rename(tmp_path / 'removed')
    with pytest.raises(errors.InputError, match='was removed or replaced'):
      check_folder()
    with training_folder.locked(folder) as check_other:
      check_other()
      with pytest.raises(errors.InputError, match='was removed or replaced'):
        check_folder()


def test_training_in_a_folder_that_was_replaced_ends(
  data, tmp_path, monkeypatch
):
  folder = tmp_path / 'run'
  original = saving.SaveCheckpoints.after_create_session

  def replace(*arguments):
    original(*arguments)
    folder.rename(tmp_path / 'removed')
    folder.mkdir()

  monkeypatch.setattr(saving.SaveCheckpoints, 'after_create_session', replace)
  with pytest.raises(errors.InputError, match='was removed or replaced'):
    sync_replicas.run(small_training.job(data, folder), small_training.ALONE)
  assert not list(folder.glob('model.ckpt*'))
