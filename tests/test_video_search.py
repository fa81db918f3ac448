"""Videos are told from other files, and found wherever they are."""

import pytest

from two_stream import errors
from two_stream.datasets import data_set, video_search


def touch(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def test_a_folder_is_sorted_into_kinds(tmp_path):
  touch(tmp_path, 'b.mp4', 'A.WebM', '-c.x.avi', '1.jpg', 'x.txt', '.x.mp4')
  touch(tmp_path, '.mp4', 'mp4', '.git/x', 'lost+found/x', 'd.mp4/x')
  touch(tmp_path, 'thumbnail.jpg')
  (tmp_path / 'link').symlink_to('d.mp4')
  (tmp_path / 'self.mp4').symlink_to('self.mp4')
  content = video_search.look(tmp_path, follow_links=False)
  assert content == video_search.Content(
    folders=('d.mp4',),
    videos=('-c.x.avi', 'A.WebM', 'b.mp4'),
    frames=('1.jpg',),
    others=(
      '.git',
      '.mp4',
      '.x.mp4',
      'lost+found',
      'mp4',
      'self.mp4',
      'thumbnail.jpg',
      'x.txt',
    ),
    links=('link',),
  )
  content = video_search.look(tmp_path, follow_links=True)
  assert content.folders == ('d.mp4', 'link')


def test_folders_that_cannot_be_read_are_named(tmp_path):
  touch(tmp_path, 'x')
  for name in ('x', 'y'):
    with pytest.raises(errors.InputError, match=f'{name}: cannot be read: No'):
      video_search.look(tmp_path / name, follow_links=False)


def test_wanted_videos_are_found_and_others_are_not(tmp_path, caplog):
  touch(
    tmp_path, 'a.mp4', 'b/a.mkv', 'b/c/a/1.jpg', 'b/c/x.mp4', '1/2/3/4/a.ts'
  )
  touch(tmp_path, '1/2/3/4/a/1.jpg')
  assert video_search.find(tmp_path, {'a', 'z'}, follow_links=False) == {
    'a': ['1/2/3/4/a', '1/2/3/4/a.ts', 'a.mp4', 'b/a.mkv', 'b/c/a']
  }
  assert not caplog.records


def test_folders_that_are_too_deep_are_said(tmp_path, caplog):
  touch(tmp_path, '1/2/3/4/5/6/a.mp4')
  assert not video_search.find(tmp_path, {'a'}, follow_links=False)
  assert 'deeper than 5 are not searched (1): 1/2/3/4/5/6' in caplog.text


def test_a_circle_of_links_ends(tmp_path):
  touch(tmp_path, 'b/a.mp4')
  (tmp_path / 'b/loop').symlink_to('..')
  found = video_search.find(tmp_path, {'a'}, follow_links=True)
  assert found == {'a': ['b/a.mp4']}


def test_a_folder_is_searched_once_under_each_name(tmp_path, monkeypatch):
  touch(tmp_path, 'x/a.mp4', 'y/b.mp4')
  for i in range(5):
    (tmp_path / f'self{i}').symlink_to('.')
    (tmp_path / f'x/{i}').symlink_to('../y')
    (tmp_path / f'y/{i}').symlink_to('../x')
  looks = []

  def look(folder, follow_links, look=video_search.look):
    looks.append(folder)
    return look(folder, follow_links)

  monkeypatch.setattr(video_search, 'look', look)
  found = video_search.find(
    tmp_path, {'x/a', '4/a'}, follow_links=True, key=str
  )
  assert found == {'x/a': ['x/a.mp4']}
  assert len(looks) == 3 + 2 * 5


def test_a_linked_folder_counts_as_its_class_too(tmp_path):
  touch(tmp_path, 'c/x.avi')
  (tmp_path / 'A').symlink_to('c')
  request = data_set.Request(videos_dir=tmp_path, follow_links=True)
  listed = [data_set.Sample(id='1', path='A/x.avi', label='A')]
  assert video_search.locate(request, {'train': listed})['train'] == listed


def test_a_file_is_chosen_before_a_folder_of_frames(tmp_path):
  touch(tmp_path, 'a/v/1.jpg', 'b/v.mp4')
  found = video_search.find(tmp_path, {'v'}, follow_links=False)
  order = {'a/v': 0, 'b/v.mp4': 1}
  chosen = video_search.choose(tmp_path, found, lambda _, path: order[path])
  assert chosen == {'v': 'b/v.mp4'}


@pytest.mark.parametrize(
  ('there', 'expected'),
  [
    (['C/v_a.avi', 'c/v_A.avi'], 'C/v_a.avi'),
    (['c/V_A.mkv'], 'c/V_A.mkv'),
    (['C/v_a.mp4', 'C/v_a.webm'], 'C/v_a.mp4'),
    (['x/C/v_a.avi', 'C/v_a.mp4'], 'x/C/v_a.avi'),
    (['C/v_a/1.jpg'], 'C/v_a'),
    (['D/v_a.avi', 'v_a.avi'], 'C/v_a.avi'),
  ],
)
def test_listed_files_are_found_in_any_case_and_container(
  tmp_path, there, expected
):
  touch(tmp_path, *there)
  request = data_set.Request(videos_dir=tmp_path)
  listed = [data_set.Sample(id='1', path='C/v_a.avi', label='C')]
  (sample,) = video_search.locate(request, {'train': listed})['train']
  assert sample.path == expected


def test_listed_files_that_differ_in_case_alone_stay_apart(tmp_path):
  touch(tmp_path, 'c/x.avi')
  request = data_set.Request(videos_dir=tmp_path)
  listed = [
    data_set.Sample(id=name, path=f'c/{name}.avi', label='c') for name in 'xX'
  ]
  assert video_search.locate(request, {'train': listed})['train'] == listed
