"""Videos are found as a file, in folders, in a list, in a data set."""

import pytest

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.evaluation import feature_videos


def touch(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'x' * len(name))


def ids(path, follow_links=False):
  return [video.id for video in feature_videos.of_path(path, follow_links)]


def test_a_file_is_a_video_of_its_name(tmp_path):
  touch(tmp_path, 'a.mp4')
  (video,) = feature_videos.of_path(tmp_path / 'a.mp4', False)
  assert (video.id, video.path) == ('a.mp4', tmp_path / 'a.mp4')
  with pytest.raises(errors.InputError, match=r'b\.mp4: no such video'):
    ids(tmp_path / 'b.mp4')


def test_folders_are_searched(tmp_path):
  touch(tmp_path, 'b.mp4', 'a/c.webm', 'a/d/e.AVI', 'a/notes.txt')
  touch(tmp_path, 'a/frames/1.jpg', 'a/frames/2.jpg', '.hidden.mp4')
  assert ids(tmp_path) == ['a/c.webm', 'a/d/e.AVI', 'a/frames', 'b.mp4']
  (video,) = feature_videos.of_path(tmp_path / 'a' / 'frames', False)
  assert video.id == 'frames'
  with pytest.raises(errors.InputError, match='has no videos'):
    (tmp_path / 'empty').mkdir()
    ids(tmp_path / 'empty')


def test_links_out_of_the_folder_are_followed_on_demand(tmp_path):
  touch(tmp_path, 'out/a.mp4', 'in/b.mp4')
  (tmp_path / 'in' / 'link').symlink_to(tmp_path / 'out')
  assert ids(tmp_path / 'in') == ['b.mp4']
  assert ids(tmp_path / 'in', True) == ['b.mp4', 'link/a.mp4']
  (tmp_path / 'in' / 'circle').symlink_to(tmp_path / 'in')
  with pytest.raises(errors.InputError, match='links in a circle'):
    ids(tmp_path / 'in', True)
  for follow, inside in ((False, tmp_path / 'out'), (True, None)):
    (video,) = feature_videos.of_path(tmp_path / 'out', follow)
    assert video.inside == inside


def test_a_list_has_a_path_on_each_line(tmp_path):
  path = tmp_path / 'list.txt'
  path.write_text(f'a.mp4\n../b.mp4\n{tmp_path}/c.mp4\n')
  first, second, third = feature_videos.of_path(path, False)
  assert first.path == tmp_path / 'a.mp4'
  assert second.id == '../b.mp4'
  assert third.path == tmp_path / 'c.mp4'


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'is an empty list'),
    ('a\n\nb\n', 'line 2 is empty'),
    ('a\nb\na\n', "line 3 names 'a' once more"),
  ],
)
def test_a_list_that_cannot_be_meant_is_refused(tmp_path, text, message):
  (tmp_path / 'list.txt').write_text(text)
  with pytest.raises(errors.InputError, match=message):
    ids(tmp_path / 'list.txt')


def test_the_samples_of_a_data_set_have_their_split_and_part(tmp_path):
  samples = [
    data_set.Sample(id='../x', path='a/x.mp4', label=None, start=1, end=2.5)
  ]
  videos = data_set.DataSet(
    name='my', class_names=(), splits={'train': samples}
  )
  (video,) = feature_videos.of_data_set(videos, tmp_path, False)
  assert video == feature_videos.WantedVideo(
    id='train/../x',
    path=tmp_path / 'a' / 'x.mp4',
    inside=tmp_path,
    start=1,
    end=2.5,
  )


def test_the_content_changes_with_the_file(tmp_path):
  touch(tmp_path, 'a.mp4', 'f/1.jpg', 'f/2.jpg')
  for path in (tmp_path / 'a.mp4', tmp_path / 'f'):
    (video,) = feature_videos.of_path(path, False)
    before = video.content()
    assert video.content() == before
    changed = path if path.is_file() else path / '2.jpg'
    changed.write_bytes(b'other')
    assert video.content() != before
  part = feature_videos.WantedVideo(id='a', path=tmp_path / 'a.mp4', start=1)
  assert part.content()['start'] == 1
  gone = feature_videos.WantedVideo(id='a', path=tmp_path / 'gone')
  with pytest.raises(errors.MissingFileError, match='gone: cannot be read'):
    gone.content()
