"""The values of flags are read strictly."""

import pytest

from two_stream import errors
from two_stream.preprocessing import flag_values


@pytest.mark.parametrize('fps', ['12', '1', '1000', 'native'])
def test_a_frame_rate_is_a_number_or_native(fps):
  expected = None if fps == 'native' else int(fps)
  assert flag_values.frames_per_second(fps) == expected


@pytest.mark.parametrize(
  'fps',
  ['', '0', '-1', '1001', '012', '\u0661\u0662', '1_2', '2.5', '9' * 5000],
)
def test_a_frame_rate_that_is_none_is_refused(fps):
  with pytest.raises(errors.InputError, match='^--fps: '):
    flag_values.frames_per_second(fps)


def test_splits_are_names_without_repetitions():
  splits = flag_values.splits(['test', 'train', 'test'])
  assert splits == ('test', 'train')
  with pytest.raises(errors.InputError, match="^--splits: 'dev' is none of"):
    flag_values.splits(['train', 'dev'])
  with pytest.raises(errors.InputError, match='^--splits: is empty'):
    flag_values.splits([])
