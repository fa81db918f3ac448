"""Which videos a set has, and which of them are taken."""

import logging

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import video_sets

SETTINGS = video_sets.ClipSettings(num_frames=10)


def touch(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b'x')
  return folder


def names(sources):
  return [source.name for source in sources]


def test_files_and_folders_of_frames_are_found_in_any_folder(tmp_path, caplog):
  touch(
    tmp_path,
    *('b.mp4', 'a/2.webm', 'a/1.GIF', 'c/x/001.png', 'c/x/002.png'),
    *('c/y/1.jpg', 'labels.txt', 'a/.hidden.mp4', '__MACOSX/z.mp4'),
  )
  (tmp_path / 'link').symlink_to(tmp_path / 'a')
  sources = video_sets.find(tmp_path, SETTINGS)
  assert names(sources) == ['a/1.GIF', 'a/2.webm', 'b.mp4', 'c/x', 'c/y']
  assert {source.path for source in sources} == {
    str(tmp_path / name) for name in names(sources)
  }
  assert {source.inside for source in sources} == {str(tmp_path)}
  assert 'links to folders are not followed' in caplog.text
  assert 'they are no videos (3): __MACOSX, a/.hidden.mp4, lab' in caplog.text


def test_links_are_followed_if_asked_for(tmp_path):
  touch(tmp_path / 'elsewhere', 'a.mp4')
  (tmp_path / 'set').mkdir()
  (tmp_path / 'set' / 'link').symlink_to(tmp_path / 'elsewhere')
  (source,) = video_sets.find(tmp_path / 'set', SETTINGS, follow_links=True)
  assert source.name == 'link/a.mp4'
  assert source.inside is None
  with pytest.raises(errors.InputError, match='no video file and no folder'):
    video_sets.find(tmp_path / 'set', SETTINGS)


def test_links_in_a_circle_give_each_video_once(tmp_path, caplog):
  touch(tmp_path, 'a/1.mp4', '1/2/3/4/5/6/7/8/9/2.mp4')
  for i in range(3):
    (tmp_path / f'a/{i}').symlink_to('..')
  sources = video_sets.find(tmp_path, SETTINGS, follow_links=True)
  assert names(sources) == ['a/1.mp4']
  assert 'are not searched (1): 1/2/3/4/5/6/7/8/9' in caplog.text


def test_what_is_no_set_is_refused(tmp_path):
  (tmp_path / 'empty').mkdir()
  touch(tmp_path / 'frames', '1.png', '2.png')
  for name, message in (
    ('empty', 'empty: no video file and no folder of numbered frames in it'),
    ('frames', 'frames: holds the frames of one video; give the folder of'),
    ('missing', 'missing: cannot be read: No such file'),
  ):
    with pytest.raises(errors.InputError, match=message):
      video_sets.find(tmp_path / name, SETTINGS)


def test_the_videos_of_an_array_are_found(tmp_path, caplog):
  path = tmp_path / 'x.npy'
  np.save(path, np.full([12, 11, 4, 5, 3], 200, np.uint8))
  sources = video_sets.find(path, SETTINGS)
  assert [source.index for source in sources] == list(range(12))
  (record,) = caplog.records
  assert record.levelno == logging.WARNING
  assert 'videos of 11 frames; the first 10 are taken' in caplog.text


def test_an_array_of_zeros_and_ones_is_refused_and_a_black_one_is_not(tmp_path):
  path = tmp_path / 'x.npy'
  np.save(path, np.ones([3, 10, 4, 5, 3], np.uint8))
  with pytest.raises(errors.InputError, match='first 3 videos have no value a'):
    video_sets.find(path, SETTINGS)
  np.save(path, np.zeros([3, 10, 4, 5, 3], np.uint8))
  assert len(video_sets.find(path, SETTINGS)) == 3


def sources_of(*names):
  return [video_sets.Source(path=f'/set/{name}', name=name) for name in names]


def test_a_choice_is_always_the_same_and_looks_random():
  sources = sources_of(*(f'{i:03}.mp4' for i in range(100)))
  ten, twenty = (video_sets.choose(sources, n) for n in (10, 20))
  assert len(ten) == 10
  assert set(ten) < set(twenty)
  assert ten != sources[:10]
  assert names(ten) == sorted(names(ten))
  without = [source for source in sources if source not in ten]
  assert set(twenty) - set(ten) == set(video_sets.choose(without, 10))
  assert video_sets.choose(sources, None) == sources
  assert video_sets.choose(sources, 100) == sources


def test_too_few_videos_are_told():
  with pytest.raises(errors.InputError, match='=3: there are 2 videos in the'):
    video_sets.choose(sources_of('a', 'b'), 3)
