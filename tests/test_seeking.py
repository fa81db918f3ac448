"""A part of a video has the frames that decoding from zero and cutting gives.

The reference decodes the whole file with PyAV alone, in numbered_videos.py.
"""

import re
from fractions import Fraction

import av
import made_videos
import numbered_videos
import numpy as np
import pytest

from two_stream import errors
from two_stream.video import conversion, reader, seeking, video_file

GROUP = 25  # Frames from one key frame to the next.
H264 = f'keyint={GROUP}:min-keyint={GROUP}:scenecut=0:bframes=3:b-adapt=0'
CLOSED = {'options': {'x264-params': H264}}
OPEN = {'options': {'x264-params': f'{H264}:open-gop=1'}}
HEVC = {
  'codec': 'libx265',
  'options': {'x265-params': f'log-level=none:{H264}:open-gop=1'},
}
MPEG2 = {
  'codec': 'mpeg2video',
  'options': {'g': '15', 'bf': '2', 'b': '2000000'},
}
VARIABLE = {'ticks': np.cumsum([1, 4, 2, 1, 5] * 24).tolist()}
KINDS = {
  'a.mp4': CLOSED,
  'open.mp4': OPEN,
  'open.mkv': OPEN,
  'open.ts': OPEN,
  'hevc.mp4': HEVC,
  'hevc.ts': HEVC,
  'mpeg2.ts': MPEG2,
  'mpeg2.mpg': MPEG2,
  'vp9.mkv': {
    'codec': 'libvpx-vp9',
    'options': {'g': str(GROUP), 'deadline': 'realtime', 'cpu-used': '8'},
  },
  'mpeg4.avi': {'codec': 'mpeg4', 'options': {'g': str(GROUP), 'bf': '0'}},
  'a.flv': CLOSED,
  'variable.mp4': {**CLOSED, **VARIABLE},
  'variable.mkv': {**CLOSED, **VARIABLE},
  'ntsc.mkv': {**CLOSED, 'rate': Fraction(30000, 1001)},
  'refresh.mp4': {
    'options': {'x264-params': f'keyint={GROUP}:intra-refresh=1:bframes=0'}
  },
}
# Copies of others: (original, seconds that are added to all times, options).
COPIES = {
  'edited.mp4': ('a.mp4', -0.7, {}),
  'edited_open.mp4': ('open.mp4', -1.3, {}),
  'late.mp4': ('a.mp4', 3, {}),
  'late.mkv': ('a.mp4', 3, {}),
  'fragments.mp4': ('a.mp4', 0, {'movflags': 'frag_keyframe+empty_moov'}),
  'live.mkv': ('a.mp4', 0, {'live': '1'}),
}


@pytest.fixture(name='folder', scope='module')
def make_folder(tmp_path_factory):
  return tmp_path_factory.mktemp('videos')


def make(folder, name):
  path = folder / name
  if path.exists():
    return path
  if name in KINDS:
    return numbered_videos.write(path, 120, **KINDS[name])
  original, seconds, options = COPIES[name]
  return made_videos.remux(
    make(folder, original), path, seconds_later=seconds, options=options
  )


def some_starts(times):
  """Between two frames, at frames, and at and around key frames, in seconds."""
  frames = [7, 24, 25, 26, 58, 75, 101]
  return [
    *(times[frame] for frame in frames if frame < len(times)),
    *((times[frame] + times[frame + 1]) / 2 for frame in (10, 25, 60)),
  ]


def assert_is_cut_exactly(path, whole):
  with av.open(str(path)) as container:
    zero = Fraction(container.start_time, av.time_base)
  times = [time - zero for time, _ in whole]
  for number, start in enumerate(some_starts(times)):
    # Half a millisecond of a frame's time is a question of rounding.
    start = float(start) - 1e-6  # noqa: PLW2901
    end = None if number % 3 == 0 else start + 0.7
    part = reader.read_video(path, 48, start=start, end=end)
    expected = [
      image
      for time, (_, image) in zip(times, whole)
      if start <= time and (end is None or time < end)
    ]
    assert [numbered_videos.number(frame) for frame in part.frames] == [
      numbered_videos.number(image) for image in expected
    ]
    np.testing.assert_array_equal(part.frames, expected)
    assert part.damage == ''


@pytest.mark.parametrize('name', [*KINDS, *COPIES])
def test_a_part_has_the_frames_of_a_video_that_was_cut_exactly(folder, name):
  path = make(folder, name)
  assert_is_cut_exactly(path, numbered_videos.decode(path))


@pytest.mark.parametrize('name', ['a.h264', 'b.avi', 'open.avi', 'joined.ts'])
def test_parts_of_files_whose_times_fail_are_cut_exactly(folder, name):
  """Times are those that the reader gives the whole video, see timeline.py."""
  path = folder / name
  if name == 'joined.ts':
    path.write_bytes(2 * make(folder, 'open.ts').read_bytes())
  elif name == 'b.avi':
    options = {'g': '25', 'bf': '2'}
    numbered_videos.write(path, 120, codec='mpeg4', options=options)
  else:
    kind = OPEN if name == 'open.avi' else CLOSED
    numbered_videos.write(path, 120, **kind)
  whole = reader.read_video(path, 48)
  with av.open(str(path)) as container:
    zero = container.start_time or 0
  for first in (3, 23, 24, 25, 26, 27, 28, 60, len(whole.frames) - 2):
    start = (whole.timestamps[first] - zero) / 1e6
    part = reader.read_video(path, 48, start=start, end=start + 0.4)
    last = first + len(part.frames)
    assert last == min(first + 10, len(whole.frames))
    np.testing.assert_array_equal(part.frames, whole.frames[first:last])
    np.testing.assert_array_equal(part.timestamps, whole.timestamps[first:last])


@pytest.mark.parametrize('codec', ['mpeg2video', 'libx264'])
def test_a_part_is_deinterlaced_as_the_whole_video_is(tmp_path, codec):
  options = {'g': '15', 'flags': '+ilme+ildct', 'b': '3000000'}
  if codec == 'libx264':
    options = {'x264-params': f'{H264}:tff=1'}
  path = made_videos.write(
    tmp_path / 'a.mkv',
    made_videos.interlaced(numbered_videos.frames(220)),
    codec=codec,
    pixels='yuv422p',
    options=options,
  )
  whole = reader.read_video(path, 48)
  assert whole.notes == (conversion.DEINTERLACED,)
  for first in (1, 14, 15, 16, 25, 26, 77):
    part = reader.read_video(path, 48, start=first / 25, end=(first + 9) / 25)
    np.testing.assert_array_equal(part.frames, whole.frames[first : first + 9])


@pytest.fixture(name='decoded')
def count_decoded(monkeypatch):
  """A list of all frames that the decoder gives."""
  decoded = []
  decode = video_file.VideoFile._decode_packet

  def count(self, packet):
    frames = decode(self, packet)
    decoded.extend(frames)
    return frames

  monkeypatch.setattr(video_file.VideoFile, '_decode_packet', count)
  return decoded


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.ts', 'a.avi'])
def test_a_part_of_a_minute_decodes_one_group_of_pictures_more(
  tmp_path, decoded, name
):
  """Not the 50 seconds before it."""
  codec = {'a.webm': 'libvpx', 'a.avi': 'mpeg4'}.get(name, 'libx264')
  options = {'x264-params': H264} if codec == 'libx264' else {'g': str(GROUP)}
  frames = np.tile(numbered_videos.frames(250), (6, 1, 1, 1))
  path = made_videos.write(
    tmp_path / name, frames, codec=codec, options=options
  )
  part = reader.read_video(path, 48, start=50.4, end=52.4)
  assert len(part.frames) == 50
  # A few more are in the decoder, which returns them out of their order.
  assert len(decoded) < len(part.frames) + GROUP + 5


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.ts'])
def test_the_decoder_learns_the_encoder_from_the_first_packet(tmp_path, name):
  """x264 names itself there alone, and FFmpeg allows for its old versions.

  The version is changed to an old one here, so the picture is not a good one,
  but it must be the same in the part.
  """
  path = numbered_videos.write(
    tmp_path / name,
    75,
    pixels='yuv444p',
    options={'qp': '0', 'x264-params': H264},
  )
  content = re.sub(rb'(x264 - core )\d{3}', rb'\g<1>142', path.read_bytes())
  path.write_bytes(content)
  whole = reader.read_video(path, 48)
  part = reader.read_video(path, 48, start=1.4, end=2.4)
  np.testing.assert_array_equal(part.frames, whole.frames[35:60])
  assert part.damage == whole.damage == ''


@pytest.fixture(name='joined', scope='module')
def join_videos(folder):
  """Frames 0 to 49 and 0 to 74; a part of the latter is decoded wrongly."""
  parts = [
    numbered_videos.write(
      folder / f'{cabac}.mp4',
      num_frames,
      options={'x264-params': f'{H264}:bframes=0:cabac={cabac}'},
    )
    for cabac, num_frames in ((1, 50), (0, 75))
  ]
  return made_videos.join(folder / 'joined.mp4', *parts)


def test_a_part_with_errors_is_decoded_again_from_the_beginning(joined):
  expected = [image for _, image in numbered_videos.decode(joined)]
  assert len(expected) == 125
  for first in (60, 80, 101):
    start, end = first / 25, first / 25 + 0.8
    part = reader.read_video(joined, 48, start=start, end=end)
    np.testing.assert_array_equal(part.frames, expected[first : first + 20])
    assert part.damage == ''
    with reader.open_frames(joined, start=start, end=end) as video:
      images = [image.copy() for image, _ in video]
      np.testing.assert_array_equal(images, part.frames)
      assert video.describe(len(images), is_cut=False) == ('', ())


def test_a_part_with_errors_in_either_reading_is_damaged(folder, tmp_path):
  content = bytearray(make(folder, 'a.mp4').read_bytes())
  with av.open(str(folder / 'a.mp4')) as container:
    packets = [each for each in container.demux(video=0) if each.size]
  for packet in packets[58:62]:
    start, end = packet.pos + 5, packet.pos + packet.size
    content[start:end] = bytes(end - start)
  path = tmp_path / 'a.mp4'
  path.write_bytes(content)
  whole = reader.read_video(path, 48)
  part = reader.read_video(path, 48, start=2.2, end=2.8)
  assert part.damage.startswith('has decoding errors (')
  is_part = (whole.timestamps >= 2_200_000) & (whole.timestamps < 2_800_000)
  np.testing.assert_array_equal(part.frames, whole.frames[is_part])
  after = reader.read_video(path, 48, start=3.1, end=3.9)
  assert after.damage == ''
  with reader.open_frames(path, start=2.2, end=2.8) as video:
    times = [time for _, time in video]
    damage, _ = video.describe(len(times), is_cut=False)
  assert times == part.timestamps.tolist()
  assert damage == part.damage


def test_packets_before_the_last_key_frame_that_is_early_enough_are_skipped(
  folder,
):
  path = make(folder, 'a.mp4')
  for target, expected in ((0, 0), (0.99, 0), (1, 1), (2.5, 2), (99, 4)):
    with av.open(str(path)) as container:
      packets = seeking.skip(
        container.demux(video=0),
        int(target / container.streams.video[0].time_base),
        lambda packet: packet.pts,
      )
      first = next(packets)
      assert first.is_keyframe
      assert first.pts * first.time_base == expected


def test_a_place_that_no_file_has_is_not_sought(folder):
  with av.open(str(make(folder, 'a.mp4'))) as container:
    picture = container.streams.video[0]
    assert seeking.seek(container, picture, 12800)
    assert not seeking.seek(container, picture, 10**30)


def test_a_part_beyond_the_end_is_refused_with_the_length(folder):
  for name in ('a.mp4', 'vp9.mkv', 'open.ts', 'mpeg4.avi'):
    path = make(folder, name)
    with pytest.raises(
      errors.InputError,
      match=f'{name}: has no frame from 9 to 12 seconds; it is 4.8. seconds',
    ):
      reader.read_video(path, 48, start=9, end=12)


def test_a_part_between_two_frames_is_refused(folder):
  with pytest.raises(errors.InputError, match='from 0.01 to 0.02 seconds$'):
    reader.read_video(make(folder, 'a.mp4'), 48, start=0.01, end=0.02)
