"""Ids can be printed; paths do not leave the folder of the videos."""

import pytest

from two_stream import errors
from two_stream.datasets import data_set


@pytest.mark.parametrize(
  'bad', ['', 'a\0b', '1\n', 'x' * 1001, '\ud800', 'a\u202eb', '\x1b[2J', '\t']
)
def test_ids_that_cannot_be_printed_are_refused(bad):
  with pytest.raises(errors.InputError, match='^id '):
    data_set.check_id(bad)


@pytest.mark.parametrize(
  'good',
  [
    *('78687', 'video_0001-a', '-x0_Jf-yLCs_000010_000020', '_bc', '#1 (a)[b]'),
    *('a b', ' 1', 'Müller', '走る\u3000人', 'v_&;!+@', 'a/b.mp4', '../x'),
  ],
)
def test_ids_of_every_data_set_pass(good):
  assert data_set.check_id(good) == good


@pytest.mark.parametrize(
  'bad', ['', '.', '..', '/etc/x', '../x', 'a/../../x', 'a/..', '//x', 'a\0b']
)
def test_paths_that_leave_the_folder_are_refused(bad):
  with pytest.raises(errors.InputError, match='^path '):
    data_set.check_path(bad)


@pytest.mark.parametrize('good', ['a.webm', 'a/b #1.avi', '..a/b..', '-x.mp4'])
def test_paths_inside_pass(good):
  assert data_set.check_path(good) == good
