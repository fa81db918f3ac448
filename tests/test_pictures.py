"""The picture of a file is found, or the reason told why there is none."""

import av
import made_videos
import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.video import pictures, reader


def test_the_largest_of_several_pictures_is_taken(tmp_path):
  path = tmp_path / 'a.mkv'
  with av.open(str(path), 'w') as file:
    streams = []
    for size in ((64, 48), (128, 96)):
      stream = file.add_stream('libx264', rate=25)
      stream.width, stream.height = size
      stream.pix_fmt = 'yuv420p'
      streams.append((stream, small_videos.textured_frames(9, size)))
    for i in range(9):
      for stream, images in streams:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(images[i]))
        frame.pts = i
        file.mux(stream.encode(frame))
    for stream, _ in streams:
      file.mux(stream.encode())
  video = reader.read_video(path, 96)
  assert video.frames.shape == (9, 96, 128, 3)
  assert np.abs(video.frames.astype(int) - streams[1][1]).mean() < 8


def test_a_codec_without_a_decoder_is_named(tmp_path):
  for name, old, new in (
    ('a.mp4', b'avc1', b'zzzz'),
    ('a.mkv', b'V_MPEG4/ISO/AVC', b'V_QUITE/NEW/ONE'),
  ):
    path = made_videos.write(tmp_path / name)
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(errors.InputError, match=f"codec, '{new.decode()}'"):
      reader.read_video(path, 48)


def test_frames_that_are_too_large_are_refused(tmp_path, monkeypatch):
  path = small_videos.write_video(tmp_path / 'a.webm')
  monkeypatch.setattr(pictures, 'MAX_SOURCE_PIXELS', 1000)
  with pytest.raises(errors.InputError, match='64 x 48'):
    reader.read_video(path, short_side=48)
