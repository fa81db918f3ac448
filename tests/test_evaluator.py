"""Which checkpoints the evaluator evaluates, and when it ends.

Networks and clips are stand-ins; test_sync_training.py has real ones.
"""

import threading
import time

import pytest
import small_records
import small_training
import tensorflow as tf

from two_stream import errors, evaluator, inference

v1 = tf.compat.v1


def save(folder, step, name=None):
  """Writes the training checkpoint of a step, which is all that it holds."""
  folder.mkdir(parents=True, exist_ok=True)
  tf.raw_ops.SaveV2(
    prefix=str(folder / f'model.ckpt-{step if name is None else name}'),
    tensor_names=['global_step'],
    shape_and_slices=[''],
    tensors=[tf.constant(step, tf.int64)],
  )


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder, 'validation', ((1,),))
  return folder


@pytest.fixture(name='read', autouse=True)
def stand_in(monkeypatch):
  """Networks that are the names of their checkpoints.

  Returns:
    The names in the order in which they were read.
  """
  names = []

  def classifier(path, scope):
    del scope
    names.append(path.rpartition('/')[2])
    return path

  monkeypatch.setattr(inference, 'classifier', classifier)
  monkeypatch.setattr(evaluator, 'evaluate', lambda *_: (0.5, 1.0))
  monkeypatch.setattr(evaluator, '_POLL_SECONDS', 0.02)
  return names


def job(data, train_dir, max_steps=9, wait_seconds=0.2):
  """A `sync_training.Job`, whose evaluator waits so long."""
  return small_training.job(data, train_dir, max_steps)._replace(
    checkpoint_seconds=0, wait_minutes=wait_seconds / 60
  )


def evaluated(folder):
  """The steps for which there are results."""
  return [
    event.step
    for events in sorted(folder.glob('eval/events.out.*'))
    for event in v1.train.summary_iterator(str(events))
    if event.HasField('summary')
  ]


@pytest.mark.parametrize('name', ['run', 'run[1]*?'])
def test_the_files_in_the_folder_count_not_tensorflows_list(
  name, data, tmp_path, monkeypatch
):
  """In a relative folder too, and in one whose name looks like a pattern."""
  save(tmp_path / name, 10)
  save(tmp_path / name, 9)
  monkeypatch.chdir(tmp_path)
  evaluator.follow(job(data, name, 10))
  assert evaluated(tmp_path / name) == [10]


def test_it_ends_without_a_new_checkpoint_for_so_long(data, tmp_path):
  save(tmp_path, 5)
  with pytest.raises(errors.InputError) as error:
    evaluator.follow(job(data, tmp_path))
  assert f'{tmp_path}: no new checkpoint for' in str(error.value)
  assert 'the last of 9 steps is missing, and step 5 was' in str(error.value)
  assert evaluated(tmp_path) == [5]


def test_it_ends_without_any_checkpoint_for_so_long(data, tmp_path):
  with pytest.raises(errors.InputError, match='no new checkpoint for'):
    evaluator.follow(job(data, tmp_path / 'none'))


def test_each_checkpoint_starts_the_wait_anew(data, tmp_path):
  for step in (3, 6, 9):
    threading.Timer(step / 6, save, [tmp_path, step]).start()
  evaluator.follow(job(data, tmp_path, wait_seconds=1.2))
  assert evaluated(tmp_path) == [3, 6, 9]


def test_a_checkpoint_of_a_training_that_went_back_is_evaluated(data, tmp_path):
  """The newest is damaged; the chief goes on from before, and saves again."""
  save(tmp_path, 5)
  data_file = tmp_path / 'model.ckpt-8.data-00000-of-00001'
  save(tmp_path, 8)
  data_file.write_bytes(b'')

  def go_on():
    save(tmp_path, 7)
    time.sleep(0.3)
    save(tmp_path, 8)
    time.sleep(0.3)
    save(tmp_path, 9)

  thread = threading.Timer(0.3, go_on)
  thread.start()
  evaluator.follow(job(data, tmp_path, wait_seconds=5))
  assert evaluated(tmp_path) == [5, 7, 8, 9]


def test_a_last_checkpoint_that_is_damaged_is_no_success(data, tmp_path):
  save(tmp_path, 9)
  (tmp_path / 'model.ckpt-9.data-00000-of-00001').write_bytes(b'')
  with pytest.raises(errors.InputError, match='model.ckpt-9'):
    evaluator.follow(job(data, tmp_path))
  assert evaluated(tmp_path) == []


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_read_again(
  data, tmp_path, monkeypatch, read, caplog
):
  save(tmp_path, 9)
  classifier = inference.classifier

  def replaced(path, scope):
    if not read:
      save(tmp_path, 8, name=9)
      threading.Timer(0.3, save, [tmp_path, 9]).start()
    return classifier(path, scope)

  monkeypatch.setattr(inference, 'classifier', replaced)
  evaluator.follow(job(data, tmp_path, wait_seconds=5))
  assert 'model.ckpt-9 changed while it was read' in caplog.text
  assert len(read) > 1
  assert evaluated(tmp_path) == [9]


def test_a_checkpoint_under_another_steps_name_does_not_count(
  data, tmp_path, caplog
):
  save(tmp_path, 5, name=9)
  with pytest.raises(errors.InputError, match='model.ckpt-9'):
    evaluator.follow(job(data, tmp_path))
  assert 'is of step 5' in caplog.text
  assert evaluated(tmp_path) == []
