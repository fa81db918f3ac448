"""What a file tells about its picture is believed where it is right."""

import itertools

import made_videos
import numpy as np
import pytest
import small_videos

from two_stream.video import reader, timeline, video_file

HEIGHT = small_videos.HEIGHT
NUM_FRAMES = 40


def frames():
  return small_videos.textured_frames(NUM_FRAMES)


def changing_frames():
  """Frames of which none is like the one before, so that all are large."""
  return np.concatenate(
    [small_videos.textured_frames(1, seed=i) for i in range(NUM_FRAMES)]
  )


def read(path):
  return reader.read_video(path, HEIGHT)


def assert_whole(video, num_frames=NUM_FRAMES, notes=()):
  """All frames are there, 40 ms apart."""
  assert video.damage == ''
  assert len(video.frames) == num_frames
  assert set(np.diff(video.timestamps)) <= {39_999, 40_000, 40_001}
  assert video.notes == notes


BIDIRECTIONAL = {
  'a.avi': ('mpeg4', (timeline.NO_TIMES,)),
  'a.mpg': ('mpeg2video', ()),
  'a.ts': ('libx264', ()),
  'a.mp4': ('libx264', ()),
  'a.mkv': ('libx264', ()),
  'a.flv': ('libx264', ()),
  'a.h264': ('libx264', (timeline.NO_TIMES,)),
  'a.hevc': ('libx265', (timeline.NO_TIMES,)),
}


@pytest.mark.parametrize('name', BIDIRECTIONAL)
def test_the_last_frames_of_video_with_b_frames_are_kept(tmp_path, name):
  codec, notes = BIDIRECTIONAL[name]
  options = {'bf': '2', 'x265-params': 'log-level=none:bframes=2'}
  if codec != 'libx265':
    del options['x265-params']
  path = made_videos.write(
    tmp_path / name, frames(), codec=codec, options=options
  )
  assert_whole(read(path), notes=notes)


def test_two_recordings_in_one_file_follow_each_other(tmp_path):
  path = made_videos.write(tmp_path / 'a.ts', frames())
  path.write_bytes(2 * path.read_bytes())
  assert_whole(read(path), 2 * NUM_FRAMES, (timeline.JUMPS_BACK,))


@pytest.mark.parametrize('container', ['mp4', 'mkv', 'avi', 'ts'])
def test_sound_that_lasts_longer_than_the_picture_is_no_damage(
  tmp_path, container
):
  path = made_videos.write(
    tmp_path / f'a.{container}',
    frames(),
    sound_seconds=4,
    options={'bf': '0'},
  )
  assert_whole(read(path))


@pytest.mark.parametrize('container', ['mp4', 'mkv', 'ts'])
def test_a_picture_that_starts_late_is_no_damage(tmp_path, container):
  source = made_videos.write(tmp_path / 'source.mp4', frames())
  path = made_videos.remux(
    source, tmp_path / f'a.{container}', seconds_later=0.5
  )
  video = read(path)
  assert_whole(video)
  if container != 'ts':  # MPEG-TS adds a delay of its own.
    assert video.timestamps[0] == 500_000


def test_the_frames_that_an_edit_list_hides_are_not_shown(tmp_path):
  """A video that was trimmed without encoding it again."""
  source = made_videos.write(
    tmp_path / 'source.mp4', frames(), options={'bf': '0'}
  )
  path = made_videos.remux(source, tmp_path / 'a.mp4', seconds_later=-0.4)
  assert b'elst' in path.read_bytes()
  video = read(path)
  assert_whole(video, NUM_FRAMES - 10)
  np.testing.assert_array_equal(video.frames, read(source).frames[10:])
  assert video.timestamps[0] == 0


def test_the_last_pause_of_an_animation_is_no_damage(tmp_path):
  path = made_videos.write(
    tmp_path / 'a.gif', frames()[:4], codec='gif', pixels='rgb8', rate=5
  )
  content = bytearray(path.read_bytes())
  last = content.rindex(b'\x21\xf9\x04')  # The last graphic control.
  content[last + 4 : last + 6] = (500).to_bytes(2, 'little')  # 5 seconds.
  path.write_bytes(content)
  video = read(path)
  assert video.damage == ''
  assert video.timestamps.tolist() == [0, 200_000, 400_000, 600_000]


def test_a_variable_rate_is_kept(tmp_path):
  ticks = [0, 1, 2, 10, 11, 40, 41]
  path = made_videos.write(tmp_path / 'a.mp4', frames()[:7], ticks=ticks)
  video = read(path)
  assert video.timestamps.tolist() == [40_000 * tick for tick in ticks]
  assert video.damage == ''


@pytest.mark.parametrize('codec', ['libsvtav1', 'libvpx-vp9'])
def test_modern_codecs_are_decoded(tmp_path, codec):
  path = made_videos.write(tmp_path / 'a.mkv', frames(), codec=codec)
  video = read(path)
  assert_whole(video)
  assert np.abs(video.frames.astype(int) - frames()).mean() < 12


CUT = {
  'a.mp4': {'container': 'mp4', 'fast': True},
  'a.mkv': {'sound_seconds': 2},
  'a.webm': {'codec': 'libvpx'},
  'a.avi': {'codec': 'mjpeg', 'pixels': 'yuvj420p'},
  'a.ts': {},
  'a.mpg': {'codec': 'mpeg2video', 'options': {'b': '4000000', 'qmin': '1'}},
  'a.flv': {'codec': 'flv'},
  'a.gif': {'codec': 'gif', 'pixels': 'rgb8'},
  'a.wmv': {'codec': 'wmv2'},
}


@pytest.mark.parametrize('share', [0.4, 0.6, 0.9])
@pytest.mark.parametrize('name', CUT)
def test_a_file_that_was_cut_is_damaged(tmp_path, name, share):
  options = dict(CUT[name])
  is_fast = options.pop('fast', False)
  path = made_videos.write(tmp_path / name, changing_frames(), **options)
  assert_whole(read(path))
  if is_fast:  # The index stands at the beginning, as on the web.
    path = made_videos.remux(
      path, tmp_path / f'fast{name}', options={'movflags': 'faststart'}
    )
  whole = path.read_bytes()
  path.write_bytes(whole[: int(share * len(whole))])
  video = read(path)
  if share < 0.9:
    assert len(video.frames) < NUM_FRAMES
  if len(video.frames) < NUM_FRAMES:  # Not only sound or an index was cut off.
    assert video.damage


@pytest.mark.parametrize('codec', ['libx264', 'mpeg4', 'mpeg2video'])
def test_flipped_bytes_are_damage(tmp_path, codec):
  path = made_videos.write(tmp_path / 'a.mkv', frames(), codec=codec)
  content = bytearray(path.read_bytes())
  for i in itertools.islice(range(len(content) // 3, len(content), 97), 20):
    content[i] ^= 0x55
  path.write_bytes(content)
  assert 'decoding errors' in read(path).damage


def test_a_file_that_begins_in_the_middle_is_no_damage(tmp_path):
  """A recording of a broadcast: what cannot be decoded yet is not shown."""
  path = made_videos.write(
    tmp_path / 'a.ts', frames(), codec='mpeg2video', options={'g': '12'}
  )
  content = path.read_bytes()
  path.write_bytes(content[188 * (len(content) // 188 // 3) :])
  video = read(path)
  assert video.damage == ''
  assert 10 < len(video.frames) < NUM_FRAMES


class LateStream:
  """A container in which a stream begins that PyAV does not know."""

  def __init__(self, container):
    self.container = container
    self.is_told = False

  def __getattr__(self, name):
    return getattr(self.container, name)

  def demux(self):
    """Yields packets, but for one."""
    for number, packet in enumerate(self.container.demux()):
      if number == 10 and not self.is_told:
        self.is_told = True
        raise IndexError('list index out of range')  # As PyAV does.
      yield packet


def test_a_stream_that_begins_late_is_left_out(tmp_path):
  path = made_videos.write(tmp_path / 'a.ts', frames(), options={'bf': '0'})
  with video_file.open_video(path) as video:
    video._container = LateStream(video._container)
    # The packet that was taken for the other stream is not shown.
    assert len([*video.decode()]) >= NUM_FRAMES - 1
    assert video._container.is_told


def test_a_missing_duration_is_no_damage(tmp_path):
  """A recording of a browser is written without one."""
  path = made_videos.write(
    tmp_path / 'a.mkv', frames(), codec='libvpx', options={}
  )
  live = made_videos.remux(path, tmp_path / 'live.mkv', options={'live': '1'})
  assert_whole(read(live))
