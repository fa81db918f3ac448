"""The flags of preprocessing are read strictly."""

import pytest

from two_stream import errors
from two_stream.preprocessing import job_flags


@pytest.mark.parametrize('fps', ['12', '1', '1000', 'native'])
def test_a_frame_rate_is_a_number_or_native(fps):
  expected = None if fps == 'native' else int(fps)
  assert job_flags.frames_per_second_from_flag(fps) == expected


@pytest.mark.parametrize(
  'fps',
  ['', '0', '-1', '1001', '012', '\u0661\u0662', '1_2', '2.5', '9' * 5000],
)
def test_a_frame_rate_that_is_none_is_refused(fps):
  with pytest.raises(errors.InputError, match='^--fps: '):
    job_flags.frames_per_second_from_flag(fps)


def test_splits_are_names_without_repetitions():
  splits = job_flags.splits_from_flag(['test', 'train', 'test'])
  assert splits == ('test', 'train')
  with pytest.raises(errors.InputError, match="^--splits: 'dev' is none of"):
    job_flags.splits_from_flag(['train', 'dev'])


def test_streams_are_rgb_with_or_without_flow():
  assert job_flags.streams_from_flag(['flow', 'rgb']) == ('rgb', 'flow')
  assert job_flags.streams_from_flag(['rgb']) == ('rgb',)
  for streams in (['flow'], ['RGB'], [], ['rgb', 'sound']):
    with pytest.raises(errors.InputError, match='^--streams: '):
      job_flags.streams_from_flag(streams)
