"""The flags of preprocessing are read strictly."""

import pytest

from two_stream import errors
from two_stream.preprocessing import job_flags


def test_streams_are_rgb_with_or_without_flow():
  assert job_flags.streams_from_flag(['flow', 'rgb']) == ('rgb', 'flow')
  assert job_flags.streams_from_flag(['rgb']) == ('rgb',)
  for streams in (['flow'], ['RGB'], [], ['rgb', 'sound']):
    with pytest.raises(errors.InputError, match='^--streams: '):
      job_flags.streams_from_flag(streams)
