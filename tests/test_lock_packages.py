"""launch/lock_packages.py: from pip's report to a lock file."""

import pytest

from launch import lock_packages
from two_stream import errors


def package(name, version, **download_info):
  """A package in pip's installation report."""
  metadata = {'name': name, 'version': version}
  return {'metadata': metadata, 'download_info': download_info}


def test_a_lock_file_has_versions_and_hashes_and_not_the_project():
  report = {
    'install': [
      package('i3d-something-something', '0.1.0', dir_info={}),
      package('tqdm', '4.70.1', archive_info={'hashes': {'sha256': 'ab12'}}),
      package('Pygments', '2.2', archive_info={'hashes': {'sha256': 'cd34'}}),
    ]
  }
  first, *lines = lock_packages.lock_text(report).splitlines()
  assert first.startswith('#')
  assert lines == [
    'pygments==2.2 --hash=sha256:cd34',
    'tqdm==4.70.1 --hash=sha256:ab12',
  ]


def test_another_machine_than_the_images_is_refused(monkeypatch):
  monkeypatch.setattr(lock_packages.platform, 'machine', lambda: 'aarch64')
  with pytest.raises(errors.InputError, match=r'needs Python 3\.\d+, Lin'):
    lock_packages.refuse_another_machine()


@pytest.mark.process
def test_what_pip_cannot_find_is_one_line(monkeypatch, tmp_path):
  monkeypatch.setattr(lock_packages.sys, 'executable', '/bin/false')
  with pytest.raises(errors.InputError, match='pip finds no packages'):
    lock_packages.report(str(tmp_path))
