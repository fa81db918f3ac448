"""A folder for each class gives the labels, in splits or without."""

import miniatures
import pytest

from two_stream import errors
from two_stream.datasets import data_set, folders


def touch(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b'')


def read(videos_dir, **options):
  return folders.read(data_set.Request(videos_dir=videos_dir, **options))


def paths(found):
  return {
    split: [each.path for each in samples]
    for split, samples in found.splits.items()
  }


def test_folders_of_splits_are_read(tmp_path, caplog):
  found = folders.read(miniatures.divided_folders(tmp_path).request())
  assert found.class_names == ('pouring milk', '走る')
  assert paths(found) == {
    'train': [
      'train/pouring milk/-c.MKV',
      'train/pouring milk/a b.mp4',
      'train/走る/-c.MKV',
      'train/走る/a b.mp4',
    ],
    'validation': ['val/pouring milk/Müller #1.avi', 'val/走る/Müller #1.avi'],
    'test': ['test/unknown.mov'],
  }
  assert found.splits['train'][0] == data_set.Sample(
    id='train/pouring milk/-c.MKV',
    path='train/pouring milk/-c.MKV',
    label='pouring milk',
  )
  assert found.splits['test'][0].label is None
  assert 'left out, because they are no videos of a class (3): ' in caplog.text


@pytest.mark.parametrize(
  ('share', 'num_validation'), [(0.0, 0), (0.1, 2), (0.5, 4), (0.9, 6)]
)
def test_a_share_of_each_class_is_for_validation(
  tmp_path, share, num_validation
):
  layout = miniatures.plain_folders(tmp_path)
  found = folders.read(layout.request(validation_share=share))
  assert found.class_names == ('bus', 'train')
  validation = paths(found).get('validation', [])
  assert len(validation) == num_validation
  assert sorted(validation + paths(found)['train']) == [
    f'{label}/{i}.mp4' for label in ('bus', 'train') for i in range(4)
  ]


@pytest.mark.parametrize(
  'kinds', [('train/s1', 'train/s2'), ('train/s1', 'bus/s2'), ('a/b', 'c/d')]
)
def test_folders_of_frames_are_samples(tmp_path, kinds):
  """A class may be called as a split is."""
  for kind in kinds:
    touch(tmp_path, *(f'{kind}/{i:05}.jpg' for i in range(3)))
  touch(tmp_path, 'bus/x.mp4', f'{kinds[0]}/Thumbs.db')
  found = read(tmp_path, validation_share=0)
  assert paths(found)['train'] == sorted([*kinds, 'bus/x.mp4'])


def test_what_is_no_video_is_said(tmp_path, caplog):
  touch(
    tmp_path,
    *('train/a/1.mp4', 'train/a/notes.txt', 'train/a/._1.mp4', 'other/x.mp4'),
    *('train/a/deep/er/1.mp4', 'train/a/thumb.jpg', 'train/empty/x.json'),
    *('train/loose.mp4', 'top.mp4', 'train/lost+found/1.mp4'),
  )
  assert paths(read(tmp_path)) == {'train': ['train/a/1.mp4']}
  assert 'no videos of a class (10): other, top.mp4, train/a/._1' in caplog.text


def test_links_to_folders_are_followed_if_asked_for(tmp_path, caplog):
  touch(tmp_path, 'outside/x.mp4', 'videos/a/1.mp4', 'videos/b/1.mp4')
  (tmp_path / 'videos/linked').symlink_to(tmp_path / 'outside')
  (tmp_path / 'videos/a/loop').symlink_to(tmp_path / 'videos')
  (tmp_path / 'videos/b/2.mp4').symlink_to('1.mp4')
  (tmp_path / 'videos/b/lost.mp4').symlink_to('nothing')
  own = ['a/1.mp4', 'b/1.mp4', 'b/2.mp4', 'b/lost.mp4']
  request = {'validation_share': 0, 'videos_dir': tmp_path / 'videos'}
  assert paths(read(**request)) == {'train': own}
  assert '--follow_links (2): a/loop, linked' in caplog.text
  assert paths(read(**request, follow_links=True)) == {
    'train': [*own, 'linked/x.mp4']
  }


@pytest.mark.parametrize(
  ('names', 'message'),
  [
    ([], r'no videos in <class>/ or train/<class>/'),
    (['1.mp4'], r'no videos in <class>/ or train/<class>/'),
    (['train/1.mp4', 'val/2.mp4'], r'no videos in <class>/ or train/<class>/'),
    (['test/1.mp4'], 'no video has a label, so the classes are not known'),
    (['val/a/1.mp4', 'valid/a/1.mp4'], "valid: split 'validation' is that of"),
    (['train/a /1.mp4'], 'train/a : a class name begins or ends with a blank'),
    (['train/a\n/1.mp4'], r'train/a\\n: a class name has U\+000A'),
  ],
)
def test_folders_that_cannot_be_used_are_refused(tmp_path, names, message):
  touch(tmp_path, *names)
  with pytest.raises(errors.InputError, match=message):
    read(tmp_path)


def test_other_mistakes_are_refused(tmp_path):
  with pytest.raises(errors.InputError, match='cannot be read: No such file'):
    read(tmp_path / 'x')
  with pytest.raises(errors.InputError, match='folders need none; see --data'):
    read(tmp_path, annotations='x')
  touch(tmp_path, 'train/a/1.mp4')
  with pytest.raises(errors.InputError, match='no validation split, only tr'):
    read(tmp_path, splits=('train', 'validation'))
  with pytest.raises(errors.InputError, match="lacks 1 of 1 labels: 'a'"):
    read(tmp_path, class_names=('b',))


def test_test_videos_without_labels_need_a_label_map(tmp_path):
  touch(tmp_path, 'test/1.mp4', 'test/f/1.png')
  found = read(tmp_path, class_names=('b',))
  assert paths(found) == {'test': ['test/1.mp4', 'test/f']}
