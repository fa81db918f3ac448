"""An id is safe as part of a file name, or refused."""

import pytest

from two_stream import errors
from two_stream.datasets import data_set


@pytest.mark.parametrize(
  'bad',
  [
    *('', '../x', '/etc/x', 'a/b', 'a\0b', '..', '-x', 'a b', '1\n', 'x' * 999),
    *('\ud800', '\u0661', 'é', 'a\u202eb', ' 1'),
  ],
)
def test_ids_that_could_be_paths_are_refused(bad):
  with pytest.raises(errors.InputError, match='^id '):
    data_set.check_id(bad)


def test_plain_ids_pass():
  assert data_set.check_id('78687') == '78687'
  assert data_set.check_id('video_0001-a') == 'video_0001-a'
