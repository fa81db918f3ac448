"""Curves for TensorBoard."""

import contextlib
import resource

import pytest
import tensorflow as tf

from two_stream.training import summaries

v1 = tf.compat.v1


def test_points_are_on_the_disk_at_once(tmp_path):
  curves = summaries.Curves(tmp_path)
  curves.write('training', {'loss': 0.5, 'accuracy': 0.25}, 7)
  (path,) = tmp_path.glob('events.out.*')
  events = list(v1.train.summary_iterator(str(path)))
  points = {
    (event.step, value.tag): value.simple_value
    for event in events
    for value in event.summary.value
  }
  assert points == {
    (7, 'training/loss'): pytest.approx(0.5),
    (7, 'training/accuracy'): pytest.approx(0.25),
  }
  assert events[0].file_version == 'brain.Event:2'
  assert events[0].wall_time <= events[1].wall_time


def test_a_graph_is_written(tmp_path):
  with tf.Graph().as_default() as graph:
    tf.constant(3, name='three')
  summaries.Curves(tmp_path).write_graph(graph)
  (path,) = tmp_path.glob('events.out.*')
  *_, event = v1.train.summary_iterator(str(path))
  definition = v1.GraphDef.FromString(event.graph_def)
  assert [node.name for node in definition.node] == ['three']


def test_nobody_can_guess_the_name_of_the_file(tmp_path, monkeypatch):
  monkeypatch.setattr(summaries.time, 'time', lambda: 1_700_000_000.0)
  for _ in range(2):
    summaries.Curves(tmp_path / 'eval')
  assert len(list((tmp_path / 'eval').glob('events.out.tfevents.*'))) == 2


@contextlib.contextmanager
def files_of_at_most(num_bytes):
  """Makes writing fail in the block, as a full disk does."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_warning(tmp_path, caplog):
  curves = summaries.Curves(tmp_path)
  with files_of_at_most(100):
    for step in range(5):
      curves.write('training', {'loss': 0.5}, step)
  curves.write('training', {'loss': 0.5}, 5)
  (message,) = caplog.messages
  assert message.startswith(f'{tmp_path}/events.out.')
  assert message.endswith('; this run goes on without curves')
  assert '\n' not in message


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path, caplog):
  (tmp_path / 'eval').touch()
  curves = summaries.Curves(tmp_path / 'eval')
  curves.write('validation', {'top_1': 0.5}, 1)
  (message,) = caplog.messages
  assert message.endswith('; this run goes on without curves')
