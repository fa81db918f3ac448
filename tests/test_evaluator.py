"""Which checkpoints the evaluator evaluates, and when it ends.

Networks and clips are stand-ins; test_sync_replicas.py has real ones.
"""

import dataclasses
import functools

import pytest
import small_records
import small_training
import tensorflow as tf

from two_stream import errors
from two_stream.networks import classifier
from two_stream.training import evaluator

v1 = tf.compat.v1

MEASURES = {'loss': 2.5, 'top_1': 0.5, 'top_5': 1.0}


def save(folder, step, name=None, variable='global_step'):
  """Writes the training checkpoint of a step, which is all that it holds."""
  folder.mkdir(parents=True, exist_ok=True)
  tf.raw_ops.SaveV2(
    prefix=str(folder / f'model.ckpt-{step if name is None else name}'),
    tensor_names=[variable],
    shape_and_slices=[''],
    tensors=[tf.constant(step, tf.int64)],
  )


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder, 'validation', ((1,),))
  return folder


class Clock:
  """Time, which passes while somebody sleeps."""

  def __init__(self):
    self._now = 0.0
    self._plans = []

  def at(self, seconds, function, *args):
    """Plans a call."""
    self._plans.append((seconds, functools.partial(function, *args)))

  def monotonic(self):
    """As `time.monotonic`."""
    return self._now

  def sleep(self, seconds):
    """As `time.sleep`, but for the wait; makes the calls that are due."""
    self._now += seconds
    due = [plan for plan in self._plans if plan[0] <= self._now]
    self._plans = [plan for plan in self._plans if plan[0] > self._now]
    for _, function in due:
      function()


@pytest.fixture(name='clock', autouse=True)
def make_clock(monkeypatch):
  clock = Clock()
  monkeypatch.setattr(evaluator, 'time', clock)
  return clock


@pytest.fixture(name='read', autouse=True)
def stand_in(monkeypatch):
  """Networks that are the names of their checkpoints.

  Returns:
    The names in the order in which they were read.
  """
  names = []

  def load(path, scope):
    del scope
    names.append(path.rpartition('/')[2])
    return path

  monkeypatch.setattr(classifier, 'load', load)
  monkeypatch.setattr(evaluator, 'evaluate', lambda *_: MEASURES)
  return names


def job(data, train_dir, max_steps=9):
  """A `training_job.Job`, whose evaluator waits 100 s."""
  return dataclasses.replace(
    small_training.job(data, train_dir, max_steps),
    checkpoint_seconds=40,
    wait_minutes=1,
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


def test_it_ends_when_no_new_checkpoint_comes(data, tmp_path, clock):
  save(tmp_path, 5)
  with pytest.raises(errors.InputError) as error:
    evaluator.follow(job(data, tmp_path))
  assert f'{tmp_path}: no new checkpoint for 100 s' in str(error.value)
  assert 'the last of 9 steps is missing, and step 5 was' in str(error.value)
  assert evaluated(tmp_path) == [5]
  assert 100 < clock.monotonic() < 105


def test_it_ends_when_no_checkpoint_comes_at_all(data, tmp_path):
  with pytest.raises(errors.InputError, match='no new checkpoint for 100 s'):
    evaluator.follow(job(data, tmp_path / 'none'))


def test_it_waits_as_long_for_each_checkpoint(data, tmp_path, clock):
  for step in (3, 6, 9):
    clock.at(30 * step, save, tmp_path, step)
  evaluator.follow(job(data, tmp_path))
  assert evaluated(tmp_path) == [3, 6, 9]


def test_a_checkpoint_of_a_training_that_went_back_is_evaluated(
  data, tmp_path, clock
):
  """The newest is damaged; the chief goes on from before, and saves again."""
  save(tmp_path, 5)
  save(tmp_path, 8)
  (tmp_path / 'model.ckpt-8.data-00000-of-00001').write_bytes(b'')
  for seconds, step in enumerate((7, 8, 9), 10):
    clock.at(seconds, save, tmp_path, step)
  evaluator.follow(job(data, tmp_path))
  assert evaluated(tmp_path) == [5, 7, 8, 9]


def test_a_last_checkpoint_that_is_damaged_is_no_success(data, tmp_path):
  save(tmp_path, 9)
  (tmp_path / 'model.ckpt-9.data-00000-of-00001').write_bytes(b'')
  with pytest.raises(errors.InputError, match='model.ckpt-9'):
    evaluator.follow(job(data, tmp_path))
  assert evaluated(tmp_path) == []


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_read_again(
  data, tmp_path, clock, monkeypatch, read, caplog
):
  save(tmp_path, 9)
  original = classifier.load

  def replaced(path, scope):
    if not read:
      save(tmp_path, 8, name=9)
      clock.at(30, save, tmp_path, 9)
    return original(path, scope)

  monkeypatch.setattr(classifier, 'load', replaced)
  evaluator.follow(job(data, tmp_path))
  assert 'model.ckpt-9.index: changed while it was used' in caplog.text
  assert read == ['model.ckpt-9'] * 2
  assert evaluated(tmp_path) == [9]


def test_a_checkpoint_under_another_steps_name_does_not_count(
  data, tmp_path, caplog
):
  save(tmp_path, 5, name=9)
  with pytest.raises(errors.InputError, match='model.ckpt-9'):
    evaluator.follow(job(data, tmp_path))
  assert 'is of step 5' in caplog.text
  assert evaluated(tmp_path) == []


def test_shards_that_are_replaced_give_no_result(tmp_path, monkeypatch):
  (path,) = small_records.write(tmp_path, 'validation', ((1,),))
  save(tmp_path / 'run', 9)

  def evaluate(*_):
    path.rename(tmp_path / 'old')
    small_records.write(tmp_path, 'validation', ((1,),))
    return MEASURES

  monkeypatch.setattr(evaluator, 'evaluate', evaluate)
  with pytest.raises(errors.InputError, match='validation shards changed'):
    evaluator.follow(job(tmp_path, tmp_path / 'run'))
  assert evaluated(tmp_path / 'run') == []


def test_a_checkpoint_without_a_step_does_not_count(data, tmp_path, caplog):
  save(tmp_path, 9, variable='something_else')
  with pytest.raises(errors.InputError, match='model.ckpt-9'):
    evaluator.follow(job(data, tmp_path))
  assert 'model.ckpt-9 does not tell its step' in caplog.text
  assert evaluated(tmp_path) == []


def test_loss_and_accuracy_are_logged_and_drawn(data, tmp_path, caplog):
  caplog.set_level('INFO')
  save(tmp_path, 9)
  evaluator.follow(job(data, tmp_path))
  assert 'step 9: loss 2.5000, top-1 0.5000, top-5 1.0000' in caplog.text
  (events,) = tmp_path.glob('eval/events.out.*')
  drawn = {
    value.tag: value.simple_value
    for event in v1.train.summary_iterator(str(events))
    for value in event.summary.value
  }
  assert drawn == {f'validation/{name}': MEASURES[name] for name in MEASURES}


def test_where_there_is_no_validation_split_the_test_split_is_evaluated(
  tmp_path, monkeypatch, caplog
):
  caplog.set_level('INFO')
  paths = small_records.write(tmp_path, 'test', ((1,),))
  save(tmp_path / 'run', 9)
  evaluated_paths = []

  def evaluate(classify, stream, index):
    del classify, stream
    evaluated_paths.extend(index.paths)
    return MEASURES

  monkeypatch.setattr(evaluator, 'evaluate', evaluate)
  evaluator.follow(job(tmp_path, tmp_path / 'run'))
  assert evaluated_paths == [str(path) for path in paths]
  said = f'{tmp_path}: has no validation shards, so the test split is evaluated'
  assert caplog.text.count(said) == 1


def test_records_for_training_alone_cannot_be_evaluated(tmp_path):
  small_records.write(tmp_path, 'train', ((1,),))
  with pytest.raises(errors.InputError, match='no validation shards'):
    evaluator.follow(job(tmp_path, tmp_path / 'run'))
