"""Videos are decoded, resampled and scaled as published."""

import contextlib
import math
import os
import pathlib

import av
import cv2
import made_videos
import numpy as np
import programs
import pytest
import small_videos

from two_stream import errors
from two_stream.video import clip_buffer, pixels, reader

SAMPLE = pathlib.Path(__file__).parents[1] / 'data' / 'sample.webm'


def test_frames_are_rgb_and_timestamps_microseconds(tmp_path):
  frames = small_videos.textured_frames(num_frames=12)
  frames[..., 0] = 230  # Red, so that swapped channels would show.
  path = small_videos.write_video(tmp_path / 'a.webm', frames)
  decoded, timestamps, damage, notes = reader.read_video(path, short_side=48)
  assert decoded.shape == frames.shape
  assert decoded.dtype == np.uint8
  assert np.abs(decoded.astype(int) - frames).mean() < 8  # VP9 loses some.
  np.testing.assert_allclose(timestamps, np.arange(12) * 1e6 / 12, atol=500)
  assert timestamps.dtype == np.int64
  assert damage == ''
  assert notes == ()


def test_a_file_that_breaks_off_is_flagged(tmp_path):
  path = small_videos.write_truncated(tmp_path / 'a.webm')
  result = reader.read_video(path, short_side=48)
  num_frames = len(result.frames)
  assert 0 < num_frames < 24
  assert result.damage.startswith(f'breaks off after {num_frames} of about 2')


def test_a_single_frame_is_a_video(tmp_path):
  frames = small_videos.textured_frames(num_frames=1)
  path = small_videos.write_video(tmp_path / 'a.webm', frames)
  assert len(reader.read_video(path, short_side=48).frames) == 1


@pytest.mark.parametrize(
  'content', [b'', b'\x1aE\xdf\xa3' * 99, b'<html>' * 99]
)
def test_a_file_that_is_no_video_is_named(tmp_path, content):
  path = tmp_path / 'a.webm'
  path.write_bytes(content)
  with pytest.raises(errors.InputError, match=r'a\.webm: not a video'):
    reader.read_video(path)


def test_sound_without_picture_is_refused(tmp_path):
  path = small_videos.write_audio(tmp_path / 'a.webm')
  with pytest.raises(errors.InputError, match=r'a\.webm'):
    reader.read_video(path)


def test_what_is_no_regular_file_is_named(tmp_path):
  os.mkfifo(tmp_path / 'fifo')
  (tmp_path / 'loop').symlink_to('loop')
  for path in (tmp_path / 'a.webm', tmp_path, tmp_path / 'fifo', '/dev/zero'):
    with pytest.raises(errors.InputError, match=f'{path}: cannot be read'):
      reader.read_video(path)
  with pytest.raises(errors.InputError, match='loop: cannot be read: Too many'):
    reader.read_video(tmp_path / 'loop')


def decode_by_name(path):
  """Decodes as any program would, by the file's own name.

  OpenCV gives the last frames of some formats no time of their own.
  """
  capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
  frames, milliseconds = [], []
  while True:
    decoded, frame = capture.read()
    if not decoded:
      return np.stack(frames), milliseconds
    frames.append(frame)
    milliseconds.append(capture.get(cv2.CAP_PROP_POS_MSEC))


def assert_decoded_as_by_name(path, short_side):
  frames, timestamps, damage, _ = reader.read_video(path, short_side)
  expected, milliseconds = decode_by_name(path)
  resized = np.empty_like(frames)
  for frame, result in zip(expected, resized, strict=True):
    pixels.resize_into(frame, result)
  np.testing.assert_array_equal(frames, resized[..., ::-1])
  # OpenCV counts from the first frame and rounds to milliseconds.
  times = (timestamps - timestamps[0]) / 1000
  good = np.maximum.accumulate(milliseconds) == milliseconds
  assert good[:-2].all()
  np.testing.assert_allclose(
    times[good], np.subtract(milliseconds, milliseconds[0])[good], atol=1
  )
  assert damage == ''


FORMATS = {
  'a.webm': 'VP90',
  'a.mkv': 'VP80',
  'a.mp4': 'mp4v',
  'a.mov': 'mp4v',
  'a.3gp': 'mp4v',
  'a.avi': 'MJPG',
  'b.avi': 'XVID',
  'a.vob': 'mpg2',
  'a.ts': 'mpg2',
  'a.flv': 'FLV1',
  'a.wmv': 'WMV2',
  'a.ivf': 'VP90',
  'a.nut': 'mp4v',
  'a.rm': 'RV10',
  'a.m2v': 'mpg2',
  'a.mjpeg': 'MJPG',
  'a.y4m': 'I420',
}


@pytest.mark.parametrize(('name', 'codec'), FORMATS.items())
def test_every_kind_of_video_file_is_decoded_as_by_its_name(
  tmp_path, name, codec
):
  path = small_videos.write_video(tmp_path / name, codec=codec)
  assert_decoded_as_by_name(path, small_videos.HEIGHT)


def test_the_demos_clip_is_decoded_as_by_its_name():
  assert_decoded_as_by_name(SAMPLE, short_side=128)


def test_an_animation_is_a_video(tmp_path):
  animation = cv2.Animation()
  animation.frames = list(small_videos.textured_frames(3))
  animation.durations = np.full(3, 80, np.int32)
  assert cv2.imwriteanimation(str(tmp_path / 'a.gif'), animation)
  timestamps = reader.read_video(tmp_path / 'a.gif', short_side=48).timestamps
  assert timestamps.tolist() == [0, 80_000, 160_000]


NAMES = [
  b'\xff\xfe.webm',  # Not UTF-8: OpenCV crashes on it.
  b'%03d.webm',
  b'-i',
  b'concat:a|b',
  b'a b\tc\n\x1b[31m.webm',
  b'http:\\\\a',
]


@pytest.mark.parametrize('name', NAMES)
def test_any_file_name_is_only_a_name(tmp_path, monkeypatch, name):
  small_videos.write_video(tmp_path / 'a.webm')
  path = tmp_path / os.fsdecode(name)
  path.hardlink_to(tmp_path / 'a.webm')
  monkeypatch.chdir(tmp_path)  # So that nothing stands before the name.
  assert len(reader.read_video(path.name, short_side=48).frames) == 10


def test_a_header_without_frames_is_refused(tmp_path):
  path = small_videos.write_video(tmp_path / 'a.webm')
  header = path.read_bytes().index(b'\x1f\x43\xb6\x75')  # The first cluster.
  path.write_bytes(path.read_bytes()[:header])
  with pytest.raises(errors.InputError, match=r'a\.webm: (no frame|not a vid)'):
    reader.read_video(path)


LEADING_ELSEWHERE = {
  'ffconcat': 'ffconcat version 1.0\nfile b.webm\n',
  'ffconcat of an absolute path': 'ffconcat version 1.0\nfile {b}\n',
  'ffconcat of a link': 'ffconcat version 1.0\nfile link.webm\n',
  'HLS': '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{b}\n#EXT-X-ENDLIST\n',
  'HLS of an address': '#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.webm\n',
  'DASH': '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'
  '<BaseURL>{b}</BaseURL></MPD>',
  'SDP': 'v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n',
  'IMF': '<?xml version="1.0"?><CompositionPlaylist><Id>b.webm</Id>',
  'subtitles': '1\n00:00:00,000 --> 00:00:09,000\nb.webm\n',
  'metadata': ';FFMETADATA1\ntitle=b.webm\n',
  'a WebM head, then SDP': '\x1aE\n\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96',
}


@pytest.mark.parametrize('kind', LEADING_ELSEWHERE)
def test_a_text_cannot_open_other_files(tmp_path, kind):
  for name in ('b', 'link'):
    small_videos.write_video(tmp_path / f'{name}.webm')
  text = LEADING_ELSEWHERE[kind].format(b=tmp_path / 'b.webm')
  for name in ('a.webm', 'a.m3u8', 'a.mpd', 'a.txt', 'a.ffconcat', 'a.sdp'):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(errors.InputError, match=f'{name}: not a video'):
      reader.read_video(path)


def test_a_quicktime_file_cannot_have_its_frames_in_another(tmp_path):
  other = small_videos.write_video(tmp_path / 'b.mov', codec='mp4v')
  path = small_videos.write_reference(tmp_path / 'a.mov', other)
  everything = {'enable_drefs': '1', 'use_absolute_path': '1'}
  with av.open(str(path), options=everything) as file:
    assert len(list(file.decode(video=0))) == 10  # FFmpeg can.
  with pytest.raises(errors.InputError, match='no frame decodes'):
    reader.read_video(path, short_side=48)


def test_a_picture_is_no_video(tmp_path):
  """FFmpeg reads a series of pictures from a name with a number in it."""
  frame = small_videos.textured_frames(1)[0]
  for i in range(3):
    for suffix in ('png', 'jpg'):
      cv2.imwrite(str(tmp_path / f'{i}.{suffix}'), frame)
  for name in ('%d.png', '%d.jpg'):
    with pytest.raises(errors.InputError, match='cannot be read: No such file'):
      reader.read_video(tmp_path / name)
  with pytest.raises(errors.InputError, match='not a video'):
    reader.read_video(tmp_path / '0.png')


def test_the_file_that_was_opened_is_decoded_and_not_a_later_one(
  tmp_path, monkeypatch
):
  """Somebody replaces it as soon as it has been looked at."""
  path = small_videos.write_video(tmp_path / 'a.webm')
  frames = small_videos.textured_frames(3)
  other = small_videos.write_video(tmp_path / 'b.webm', frames)
  open_container = av.open

  def replace_and_open(*arguments, **options):
    other.replace(path)
    return open_container(*arguments, **options)

  monkeypatch.setattr(av, 'open', replace_and_open)
  assert len(reader.read_video(path, short_side=48).frames) == 10


def test_reading_keeps_no_file_open(tmp_path):
  good = small_videos.write_video(tmp_path / 'good.webm')
  bad = tmp_path / 'bad.webm'
  bad.write_bytes(b'ffconcat version 1.0\nfile good.webm\n')
  half = small_videos.write_truncated(tmp_path / 'half.webm')

  def read_all():
    for path in (good, bad, half, tmp_path, tmp_path / 'missing'):
      with contextlib.suppress(errors.InputError):
        reader.read_video(path, short_side=48)

  read_all()
  descriptors = sorted(os.listdir('/proc/self/fd'))  # noqa: PTH208
  for _ in range(5):
    read_all()
  assert sorted(os.listdir('/proc/self/fd')) == descriptors  # noqa: PTH208


def test_frames_of_an_absurd_shape_are_refused_by_their_shape(tmp_path):
  frames = np.zeros((2, 2, 4096, 3), np.uint8)
  path = made_videos.write(
    tmp_path / 'a.mkv', frames, codec='ffv1', pixels='yuv444p'
  )
  with pytest.raises(errors.InputError, match=r'a\.mkv: frames of 4096 x 2'):
    reader.read_video(path)


@pytest.mark.parametrize('seconds', [0.5, 0.26])
def test_a_long_video_is_cut_and_told(tmp_path, seconds):
  path = small_videos.write_video(tmp_path / 'a.webm')
  result = reader.read_video(path, short_side=48, max_seconds=seconds)
  # At 12 frames a second, frame k begins after k / 12 seconds.
  assert len(result.frames) == math.ceil(seconds * 12)
  assert result.notes == (f'longer than {seconds} seconds, or too large: cut',)
  assert result.damage == ''


def test_a_clip_that_would_take_too_much_memory_is_cut(tmp_path, monkeypatch):
  monkeypatch.setattr(pixels, 'MAX_CLIP_BYTES', 25 * 48 * 64 * 3)
  frames = small_videos.textured_frames(30)
  path = small_videos.write_video(tmp_path / 'a.webm', frames)
  result = reader.read_video(path, short_side=48)
  assert len(result.frames) == 25
  assert result.notes == ('longer than 60 seconds, or too large: cut',)


def test_a_cut_video_whose_end_is_missing_is_a_good_clip(tmp_path):
  """What lies beyond the cut does not matter."""
  path = small_videos.write_truncated(tmp_path / 'a.webm')
  assert reader.read_video(path, 48, max_seconds=0.2).damage == ''


def test_frames_that_change_their_size_are_scaled_to_the_first(tmp_path):
  small = made_videos.write(
    tmp_path / 'a.ts', small_videos.textured_frames(10), options={'bf': '0'}
  )
  large = made_videos.write(
    tmp_path / 'b.ts',
    small_videos.textured_frames(10, (128, 96)),
    options={'bf': '0'},
    ticks=range(100, 110),
  )
  path = tmp_path / 'c.ts'
  path.write_bytes(small.read_bytes() + large.read_bytes())
  result = reader.read_video(path, short_side=48)
  assert result.frames.shape == (20, 48, 64, 3)
  assert clip_buffer.RESCALED in result.notes


MEASURE = """
import pathlib, re, sys
from two_stream.video import reader
def peak():
  status = pathlib.Path('/proc/self/status').read_text()
  return 1024 * int(re.search('VmHWM: *(.*) kB', status.replace(chr(9), ''))[1])
reader.read_video(sys.argv[1], 48)  # Loads what is loaded at the first time.
before = peak()
frames = reader.read_video(sys.argv[1], 480).frames
print((peak() - before) / frames.nbytes)
"""


@pytest.mark.process
def test_a_clip_takes_little_more_memory_than_its_pixels(tmp_path):
  """The peak of what was written to, not of what was reserved."""
  frames = np.repeat(small_videos.textured_frames(1, (640, 480)), 100, axis=0)
  path = made_videos.write(
    tmp_path / 'a.mp4', frames, options={'preset': 'ultrafast'}
  )
  result = programs.run_code(MEASURE, path, check=True)
  assert 0.9 < float(result.stdout) < 1.2
