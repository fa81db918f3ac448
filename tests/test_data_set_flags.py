"""The flags of a data set become a request."""

import pytest
from absl import flags

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.preprocessing import data_set_flags


@pytest.fixture(name='set_flags')
def restore_flags(monkeypatch):
  # Without parsing, which would demand the required flags of other modules.
  flags.FLAGS.mark_as_parsed()

  def set_flags(**values):
    for name, value in values.items():
      monkeypatch.setitem(flags.FLAGS[name].__dict__, '_value', value)
      monkeypatch.setattr(flags.FLAGS[name], 'present', 1)

  return set_flags


def test_the_videos_of_the_flags_are_found(tmp_path, set_flags):
  (tmp_path / 'cat').mkdir()
  (tmp_path / 'cat' / 'a.mp4').write_bytes(b'')
  set_flags(dataset='folders', videos_dir=str(tmp_path), validation_share=0.0)
  found = data_set_flags.read()
  assert [sample.path for sample in found.splits['train']] == ['cat/a.mp4']


def test_a_flag_without_a_meaning_is_refused(tmp_path, set_flags):
  set_flags(dataset='folders', videos_dir=str(tmp_path), split_number=2)
  with pytest.raises(errors.InputError, match='^--split_number: has no mean'):
    data_set_flags.read()


def test_the_rate_of_frames_is_that_of_the_flag_or_of_the_data_set(set_flags):
  videos = data_set.DataSet(
    name='a', class_names=(), splits={}, frames_per_second_of_frames=12.0
  )
  set_flags(frames_per_second_of_frames=None)
  assert data_set_flags.rate_of_frames(videos) == 12
  set_flags(frames_per_second_of_frames=10.0)
  assert data_set_flags.rate_of_frames(videos) == 10
