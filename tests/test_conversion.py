"""Frames of every kind become upright, progressive RGB."""

from fractions import Fraction

import av
import made_videos
import numpy as np
import pytest
import small_videos

from two_stream.video import conversion, reader

HEIGHT = small_videos.HEIGHT
LOSSLESS = {'x264-params': 'qp=0'}


def read(path, short_side=HEIGHT):
  video = reader.read_video(path, short_side)
  assert video.damage == ''
  return video.frames.astype(int), video.notes


# Weights of red and blue, number of the matrix (H.273, table 4).
MATRICES = {
  'BT.601': (0.299, 0.114, 6),
  'BT.709': (0.2126, 0.0722, 1),
  'BT.2020': (0.2627, 0.0593, 9),
}


@pytest.mark.parametrize('bits', [8, 10])
@pytest.mark.parametrize('full_range', [False, True])
@pytest.mark.parametrize('matrix', MATRICES)
def test_colours_are_those_of_the_standards(tmp_path, matrix, full_range, bits):
  red, blue, number = MATRICES[matrix]
  for i, colour in enumerate([(0.8, 0.2, 0.1), (0.1, 0.7, 0.9), (1, 1, 1)]):
    frames = made_videos.flat(
      colour, weights=(red, blue), full_range=full_range, bits=bits
    )
    path = made_videos.write(
      tmp_path / f'{i}.mkv',
      frames,
      codec='ffv1',
      pixels='yuv444p' if bits == 8 else 'yuv444p10le',
      colours={'colorspace': number, 'color_range': 2 if full_range else 1},
    )
    decoded, _ = read(path)
    assert np.abs(decoded - 255 * np.array(colour)).max() <= 2


def test_colours_without_a_name_are_bt_601_of_limited_range(tmp_path):
  """FFmpeg's rule, whatever the size of the frames."""
  frames = made_videos.flat(
    (0.8, 0.2, 0.1), weights=(0.299, 0.114), full_range=False
  )
  path = made_videos.write(
    tmp_path / 'a.mkv', frames, codec='ffv1', pixels='yuv444p'
  )
  assert np.abs(read(path)[0] - [204, 51, 25.5]).max() <= 2


@pytest.mark.parametrize('transfer', [16, 18])  # PQ and HLG.
def test_high_dynamic_range_is_not_tone_mapped_and_told(tmp_path, transfer):
  colour = (0.8, 0.2, 0.1)
  frames = made_videos.flat(
    colour, weights=(0.2627, 0.0593), full_range=False, bits=10
  )
  path = made_videos.write(
    tmp_path / 'a.mkv',
    frames,
    codec='ffv1',
    pixels='yuv444p10le',
    colours={
      'colorspace': 9,
      'color_range': 1,
      'color_primaries': 9,
      'color_trc': transfer,
    },
  )
  decoded, notes = read(path)
  assert np.abs(decoded - 255 * np.array(colour)).max() <= 2
  assert notes == (conversion.HIGH_DYNAMIC_RANGE,)


@pytest.mark.parametrize('size', [(64, 48), (65, 49), (67, 48), (49, 50)])
@pytest.mark.parametrize(
  'pixels', ['yuv420p', 'yuv422p', 'yuv444p', 'yuv420p10le']
)
def test_every_size_and_resolution_of_colours(tmp_path, pixels, size):
  if pixels != 'yuv444p' and (size[0] % 2 or size[1] % 2):
    codec = 'ffv1'  # H.264 has even sizes only.
  else:
    codec = 'libx264'
  frames = small_videos.textured_frames(3, size)
  path = made_videos.write(
    tmp_path / 'a.mkv',
    frames,
    codec=codec,
    pixels=pixels,
    options=LOSSLESS if codec == 'libx264' else None,
  )
  decoded, notes = read(path, min(size))
  assert decoded.shape == frames.shape
  assert np.abs(decoded - frames).mean() < 3
  assert notes == ()


# (degrees counterclockwise, mirrored, upside down) -> the same by NumPy.
TURNS = {
  (0, False, False): lambda image: image,
  (90, False, False): np.rot90,
  (180, False, False): lambda image: np.rot90(image, 2),
  (270, False, False): lambda image: np.rot90(image, 3),
  (0, True, False): np.fliplr,
  (0, False, True): np.flipud,
  (90, True, False): lambda image: np.fliplr(np.rot90(image)),
}


@pytest.mark.parametrize('turn', TURNS)
def test_the_picture_is_turned_upright(tmp_path, turn):
  upright = made_videos.write(tmp_path / 'a.mp4')
  turned = made_videos.write(tmp_path / 'b.mp4', rotation=turn)
  expected = [TURNS[turn](frame) for frame in read(upright)[0]]
  decoded, notes = read(turned)
  np.testing.assert_array_equal(decoded, expected)
  assert notes == ()


def test_a_picture_at_another_angle_is_not_turned_and_told(tmp_path):
  upright = made_videos.write(tmp_path / 'a.mp4')
  oblique = made_videos.write(tmp_path / 'b.mp4', rotation=(30, False, False))
  decoded, notes = read(oblique)
  np.testing.assert_array_equal(decoded, read(upright)[0])
  assert notes == (conversion.NOT_TURNED,)


INTERLACED = {
  'a.mkv': ('libx264', {'x264-params': 'bff=1:qp=0'}),
  'a.mpg': ('mpeg2video', {'flags': '+ilme+ildct', 'b': '9000000'}),
  'a.ts': ('mpeg2video', {'flags': '+ilme+ildct', 'b': '9000000'}),
}


@pytest.mark.parametrize('name', INTERLACED)
def test_interlaced_video_is_deinterlaced(tmp_path, name):
  """Each frame shows the moment of its first field, and no comb."""
  codec, options = INTERLACED[name]
  frames = small_videos.textured_frames(40, step=4)
  path = made_videos.write(
    tmp_path / name,
    made_videos.interlaced(frames),
    codec=codec,
    pixels='yuv422p',
    options=options,
  )
  decoded, notes = read(path)
  assert notes == (conversion.DEINTERLACED,)
  first, second = frames[::2].astype(int), frames[1::2].astype(int)
  assert decoded.shape == first.shape
  kept, made = decoded[:, 1::2], decoded[:, ::2]
  assert np.abs(kept - first[:, 1::2]).mean() < 2.5
  assert np.abs(made - first[:, ::2]).mean() < 4
  assert np.abs(made - second[:, ::2]).mean() > 10  # What stood there.


def test_progressive_frames_of_a_mixed_video_stay(tmp_path):
  """Only the frames that say so are interlaced."""
  frames = small_videos.textured_frames(20, step=4)
  path = made_videos.write(
    tmp_path / 'a.mkv', frames, pixels='yuv422p', options=LOSSLESS
  )
  woven = made_videos.write(
    tmp_path / 'b.mkv',
    made_videos.interlaced(frames),
    pixels='yuv422p',
    options={'x264-params': 'bff=1:qp=0'},
  )
  converter = conversion.Converter()
  images = []
  for name in (woven, path):
    with av.open(str(name)) as file:
      for frame in file.decode(video=0):
        images += [image.copy() for image in converter.convert(frame)]
  images += [image.copy() for image in converter.finish()]
  assert len(images) == 30
  # bwdif sees the frames around it, so the first of them may differ.
  np.testing.assert_array_equal(images[11:], read(path)[0][1:])


def test_deinterlacing_looks_at_the_progressive_frame_before(tmp_path):
  """So a part that begins there is what it is in the whole video."""
  frames = small_videos.textured_frames(20, step=4)
  progressive = made_videos.write(
    tmp_path / 'a.mkv', frames, pixels='yuv422p', options=LOSSLESS
  )
  woven = made_videos.write(
    tmp_path / 'b.mkv',
    made_videos.interlaced(frames),
    pixels='yuv422p',
    options={'x264-params': 'bff=1:qp=0'},
  )
  decoded = []
  for name in (progressive, woven):
    with av.open(str(name)) as file:
      decoded += [*file.decode(video=0)]

  def convert(shown):
    converter = conversion.Converter()
    images = [image.copy() for f in shown for image in converter.convert(f)]
    return images + [image.copy() for image in converter.finish()]

  whole = convert(decoded)
  assert len(whole) == 30
  np.testing.assert_array_equal(convert(decoded[19:]), whole[19:])
  assert (convert(decoded[20:])[0] != whole[20]).any()  # It does look there.


def test_pixels_that_are_not_square_stay_as_they_are(tmp_path):
  frames = small_videos.textured_frames(3)
  path = made_videos.write(
    tmp_path / 'a.mp4', frames, options={'x264-params': 'sar=4/3'}
  )
  with av.open(str(path)) as file:
    assert file.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
  assert read(path)[0].shape == frames.shape
