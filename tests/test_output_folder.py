"""Two runs do not write the same results."""

import errno
import fcntl

import pytest

from two_stream import errors
from two_stream.evaluation import output_folder


def test_the_second_run_of_a_split_is_refused_until_the_first_ends(tmp_path):
  folder = tmp_path / 'made' / 'here'
  first = output_folder.lock(folder, 'validation')
  with pytest.raises(errors.InputError, match='here: another run is evaluati'):
    output_folder.lock(folder, 'validation')
  first.close()
  output_folder.lock(folder, 'validation').close()


def test_another_split_and_another_folder_are_free(tmp_path):
  with (
    output_folder.lock(tmp_path, 'validation'),
    output_folder.lock(tmp_path, 'test'),
    output_folder.lock(tmp_path / 'other', 'validation'),
  ):
    pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(errors.InputError, match='choose another --output_dir'):
    output_folder.lock(tmp_path / 'file', 'validation')


def test_a_file_system_without_locks_refuses_nobody(tmp_path, monkeypatch):
  def refuse(file, operation):
    raise OSError(errno.ENOLCK, 'No locks available')

  monkeypatch.setattr(fcntl, 'flock', refuse)
  for _ in range(2):
    output_folder.lock(tmp_path, 'validation')
