"""What a file tells about its length is read.

tests/test_video_file.py shows what follows from it for each kind of file.
"""

from fractions import Fraction

import av
import made_videos
import pytest
import small_videos

from two_stream.video import told_length


def test_a_clock_is_parsed():
  assert float(told_length.parse_clock('01:02:03.500000000')) == 3723.5
  for text in ('', 'a', '1:2', 'x:y:z', '1:2:1/0'):
    assert told_length.parse_clock(text) == 0


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.avi'])
def test_what_is_missing_is_the_difference_to_what_the_file_tells(
  tmp_path, name
):
  path = made_videos.write(
    tmp_path / name, small_videos.textured_frames(50), options={'bf': '0'}
  )
  there = told_length.Times(Fraction(0), Fraction(1), Fraction(1))
  with av.open(str(path)) as container:
    missing = told_length.missing_seconds(
      container, container.streams.video[0], there, Fraction(25)
    )
  assert float(missing) == pytest.approx(1, abs=0.01)
