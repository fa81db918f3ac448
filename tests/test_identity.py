"""A file that is not what it was is told from one that is."""

import os
import pathlib
import time

import pytest

from two_stream import errors, identity

TICK = 0.02  # Seconds; times of change are rounded to some milliseconds.


@pytest.fixture(name='paths')
def write_files(tmp_path):
  paths = [tmp_path / 'first', tmp_path / 'second']
  for path in paths:
    path.write_bytes(b'content')
  return paths


def replace(path, content):
  """As an editor or `atomic_open` does."""
  time.sleep(TICK)
  other = path.with_name('other')
  other.write_bytes(content)
  other.replace(path)


def test_files_that_were_let_be_are_the_same(paths):
  seen = identity.Identity(*paths)
  seen.check()
  assert identity.Identity(*paths).digest == seen.digest
  assert identity.Identity(paths[0]).digest != seen.digest


def test_other_content_of_the_same_size_and_times_is_seen(paths):
  seen = identity.Identity(*paths)
  status = paths[1].stat()
  paths[1].write_bytes(b'CONTENT')
  os.utime(paths[1], ns=(status.st_atime_ns, status.st_mtime_ns))
  with pytest.raises(errors.InputError, match='first: changed while it was'):
    seen.check()
  assert identity.Identity(*paths).digest != seen.digest


def test_a_file_that_was_replaced_and_put_back_is_seen(paths):
  """By a copy, and by the file itself under another name meanwhile."""
  path = paths[0]
  seen = identity.Identity(path)
  replace(path, b'other')
  replace(path, b'content')
  assert identity.Identity(path).digest == seen.digest
  with pytest.raises(errors.InputError, match='changed'):
    seen.check()

  seen = identity.Identity(path)
  time.sleep(TICK)
  aside = path.rename(path.with_name('aside'))
  path.write_bytes(b'other')
  aside.replace(path)
  with pytest.raises(errors.InputError, match='changed'):
    seen.check()


def test_a_file_that_goes_away_is_named(paths):
  seen = identity.Identity(*paths)
  paths[1].unlink()
  with pytest.raises(errors.InputError, match='second: cannot be read'):
    seen.check()


def test_a_file_that_goes_away_after_its_last_byte_is_named(paths, monkeypatch):
  def digest(*read):
    for path in read:
      pathlib.Path(path).unlink()
    return ''

  monkeypatch.setattr(identity, 'digest', digest)
  with pytest.raises(errors.InputError, match='first: went away'):
    identity.Identity(*paths)
