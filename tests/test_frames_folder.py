"""A folder of numbered images is read as a video of a given rate."""

import os
import pathlib
import struct

import cv2
import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.video import (
  clip_buffer,
  frames_folder,
  pictures,
  time_range,
)

FRAMES = small_videos.textured_frames(12)


def write(folder, names, frames=FRAMES):
  folder.mkdir(exist_ok=True)
  for name, frame in zip(names, frames):
    assert cv2.imwrite(str(folder / name), frame[..., ::-1])
  return folder


def read(folder, rate=10, **options):
  options = {'max_seconds': 60, **options}
  return frames_folder.read(folder, rate, small_videos.HEIGHT, **options)


def png(numbers, prefix='', digits=5):
  return [f'{prefix}{number:0{digits}}.png' for number in numbers]


@pytest.mark.parametrize(
  'names',
  [
    png(range(1, 13)),
    png(range(12), 'frame_', 6),
    png(range(95, 107), 'img_', 1),  # As text, 100 would stand before 95.
    png(range(1, 13), 'a 2 %05d-', 3),
  ],
)
def test_frames_come_in_the_order_of_their_numbers(tmp_path, names):
  video = read(write(tmp_path / 'a', names))
  np.testing.assert_array_equal(video.frames, FRAMES)
  assert video.timestamps.tolist() == [100_000 * i for i in range(12)]
  assert video.damage == ''
  assert video.notes == ()


def test_the_rate_need_not_be_whole(tmp_path):
  folder = write(tmp_path / 'a', png(range(1, 13)))
  assert read(folder, 30000 / 1001).timestamps[-1] == 367_033
  for rate in (0, -1, float('nan'), float('inf'), 1e9):
    with pytest.raises(errors.InputError, match='a: its frames cannot come at'):
      read(folder, rate)


@pytest.mark.parametrize('suffix', ['jpg', 'JPEG', 'webp', 'bmp', 'PNG'])
def test_every_kind_of_image_is_read(tmp_path, suffix):
  folder = write(tmp_path / 'a', [f'{i}.{suffix}' for i in range(12)])
  video = read(folder)
  assert np.abs(video.frames.astype(int) - FRAMES).mean() < 8
  assert video.notes == ()


def test_gray_deep_and_transparent_images_become_rgb(tmp_path):
  frame = FRAMES[0]
  folder = tmp_path / 'a'
  folder.mkdir()
  cv2.imwrite(str(folder / '1.png'), frame[..., 0])
  cv2.imwrite(str(folder / '2.png'), frame.astype(np.uint16) * 257)
  cv2.imwrite(str(folder / '3.png'), np.dstack([frame, frame[..., :1]]))
  video = read(folder)
  assert video.frames.shape == (3, 48, 64, 3)
  np.testing.assert_array_equal(video.frames[0, ..., 1], frame[..., 0])
  np.testing.assert_array_equal(video.frames[1, ..., ::-1], frame)
  np.testing.assert_array_equal(video.frames[2, ..., ::-1], frame)


def test_a_part_is_cut_at_its_seconds_and_opens_no_other_image(tmp_path):
  folder = write(tmp_path / 'a', png(range(1, 13)))
  for number in (1, 2, 3, 12):
    (folder / f'{number:05}.png').write_bytes(b'damaged')
  video = read(folder, start=0.3, end=0.75)
  np.testing.assert_array_equal(video.frames, FRAMES[3:8])
  assert video.timestamps.tolist() == [300_000 + 100_000 * i for i in range(5)]
  assert video.damage == ''
  with pytest.raises(
    errors.InputError, match=r'from 2 to 3 seconds; it is 1\.'
  ):
    read(folder, start=2, end=3)


def test_an_end_beyond_the_frames_is_told_if_much_is_missing(tmp_path):
  folder = write(tmp_path / 'a', png(range(1, 13)))
  assert read(folder, end=1.7).notes == ()
  assert read(folder, end=1.8).notes == (time_range.ENDS_EARLY,)


def test_missing_numbers_leave_the_others_at_their_time(tmp_path):
  folder = write(tmp_path / 'a', png([3, 4, 7, 8]))
  video = read(folder)
  assert video.timestamps.tolist() == [0, 100_000, 400_000, 500_000]
  assert video.notes == (frames_folder.MISSING,)
  assert read(folder, end=0.2).notes == ()


def test_numbers_far_apart_take_no_memory(tmp_path):
  video = read(write(tmp_path / 'a', png([1, 10**17])))
  assert len(video.frames) == 1
  assert video.notes == ('longer than 60 seconds, or too large: cut',)


def test_a_number_that_stands_there_twice_is_refused(tmp_path):
  folder = write(tmp_path / 'a', ['1.png', '01.png', '2.png'])
  with pytest.raises(errors.InputError, match=r"twice, as '01\.png' and '1\.p"):
    read(folder)


def test_frames_of_two_kinds_are_refused(tmp_path):
  folder = write(tmp_path / 'a', ['img_1.png', 'flow_x_1.png'])
  with pytest.raises(errors.InputError, match=r"'flow_x_1\.png' and 'img_1"):
    read(folder)


def test_other_files_are_ignored_and_told(tmp_path):
  folder = write(tmp_path / 'a', png(range(1, 13)))
  for name in ('Thumbs.db', '._00001.png', 'cover.png', '1.txt', '00001.png~'):
    (folder / name).write_bytes(b'\0')
  video = read(folder)
  assert len(video.frames) == 12
  assert video.notes == (frames_folder.IGNORED,)


@pytest.mark.parametrize('names', [[], ['a.txt'], ['.png'], ['1']])
def test_a_folder_without_frames_is_refused(tmp_path, names):
  folder = tmp_path / 'a'
  folder.mkdir()
  for name in names:
    (folder / name).write_bytes(b'\0')
  with pytest.raises(errors.InputError, match='a: is a folder without'):
    read(folder)


def test_what_cannot_be_listed_is_named(tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  for path in (tmp_path / 'missing', tmp_path / 'file'):
    with pytest.raises(errors.InputError, match=f'{path}: cannot be read'):
      read(path)


def test_a_folder_of_very_many_files_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(frames_folder, '_MOST_FILES', 11)
  folder = write(tmp_path / 'a', png(range(1, 13)))
  with pytest.raises(errors.InputError, match='a: has more than 11 files'):
    read(folder)


def test_an_image_that_does_not_decode_is_damage(tmp_path):
  folder = write(tmp_path / 'a', [f'{i}.jpg' for i in range(1, 13)])
  content = (folder / '5.jpg').read_bytes()
  (folder / '5.jpg').write_bytes(content[: len(content) // 2])
  (folder / '1.jpg').write_bytes(b'')
  video = read(folder)
  assert len(video.frames) == 10
  assert video.timestamps[0] == 100_000
  assert video.damage == "2 of 12 images do not decode, such as '1.jpg'"
  assert video.notes == ()


def test_a_folder_without_a_good_image_is_refused(tmp_path):
  folder = tmp_path / 'a'
  folder.mkdir()
  (folder / '1.jpg').write_bytes(b'\xff\xd8\xff')
  with pytest.raises(errors.InputError, match=r"no image decodes, such as '1"):
    read(folder)


def test_sizes_that_change_are_scaled_to_the_first(tmp_path):
  folder = write(tmp_path / 'a', png([1, 2]))
  write(folder, png([3]), small_videos.textured_frames(1, (128, 96)))
  video = read(folder)
  assert video.frames.shape == (3, 48, 64, 3)
  assert video.notes == (clip_buffer.RESCALED,)


def test_an_image_that_is_too_large_is_refused_before_it_is_decoded(
  tmp_path, monkeypatch
):
  folder = write(tmp_path / 'a', png([1, 2]))
  content = bytearray((folder / '00002.png').read_bytes())
  content[16:24] = struct.pack('>II', 30_000, 30_000)
  (folder / '00002.png').write_bytes(content)
  decode = cv2.imdecode
  decoded = []

  def count(*arguments):
    decoded.append(arguments)
    return decode(*arguments)

  monkeypatch.setattr(cv2, 'imdecode', count)
  with pytest.raises(errors.InputError, match=r'00002\.png: frames of 30000 x'):
    read(folder)
  assert len(decoded) == 1
  assert pictures.MAX_SOURCE_PIXELS < 30_000**2


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(frames_folder, '_MOST_BYTES', 1000)
  folder = write(tmp_path / 'a', png([1]))
  with pytest.raises(errors.InputError, match=r'00001\.png: an image of more'):
    read(folder)


def test_links_out_of_the_videos_are_refused(tmp_path):
  videos = tmp_path / 'videos'
  videos.mkdir()
  outside = write(tmp_path / 'outside', png([1, 2]))
  (videos / 'link').symlink_to(outside)
  folder = write(videos / 'a', png([1]))
  (folder / '00002.png').symlink_to(outside / '00002.png')
  for path in (videos / 'link', folder):
    with pytest.raises(errors.InputError, match='is a link out of'):
      read(path, inside=videos)
    assert len(read(path).frames) == 2


def test_what_is_no_file_is_refused(tmp_path):
  folder = write(tmp_path / 'a', png([1]))
  os.mkfifo(folder / '00002.png')
  with pytest.raises(errors.InputError, match=r'00002\.png: cannot be read'):
    read(folder)


def test_a_picture_that_lies_on_its_side_is_turned(tmp_path):
  """By EXIF orientation 6, which asks for a quarter turn clockwise."""
  folder = write(tmp_path / 'a', ['1.jpg'])
  path = pathlib.Path(folder, '1.jpg')
  upright = read(folder).frames[0]
  entry = struct.pack('>HHIHH', 0x0112, 3, 1, 6, 0)
  tiff = b'MM\0*' + struct.pack('>IH', 8, 1) + entry + bytes(4)
  exif = b'Exif\0\0' + tiff
  segment = b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif
  content = path.read_bytes()
  path.write_bytes(content[:2] + segment + content[2:])
  np.testing.assert_array_equal(read(folder).frames[0].shape, (64, 48, 3))
  np.testing.assert_array_equal(read(folder).frames[0], np.rot90(upright, -1))
