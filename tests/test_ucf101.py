"""UCF-101's three divisions are read, and its files found in any case."""

import miniatures
import pytest

from two_stream import errors
from two_stream.datasets import data_set, ucf101

CLASSES = ('ApplyEyeMakeup', 'HandstandPushups', 'YoYo')


def test_the_published_layout_is_read(tmp_path):
  found = ucf101.read(miniatures.ucf101(tmp_path).request())
  assert found.class_names == CLASSES
  assert list(found.splits) == ['train', 'test']
  assert not found.lacks_videos
  assert found.splits['test'] == [
    data_set.Sample(id=f'v_{file}_g01_c01', path=path, label=label)
    for label, file, path in (
      (
        'ApplyEyeMakeup',
        'ApplyEyeMakeup',
        'ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi',
      ),
      (
        'HandstandPushups',
        'HandStandPushups',
        'HandStandPushups/v_HandStandPushups_g01_c01.avi',
      ),
      ('YoYo', 'YoYo', 'YoYo/v_YoYo_g01_c01.avi'),
    )
  ]


@pytest.mark.parametrize(('number', 'group'), [(1, '01'), (2, '08'), (3, '09')])
def test_the_number_tells_the_division(tmp_path, number, group):
  request = miniatures.ucf101(tmp_path).request(
    split_number=number, splits=('test',)
  )
  found = ucf101.read(request)
  assert [each.id[-7:-4] for each in found.splits['test']] == [f'g{group}'] * 3


def test_the_lists_may_be_a_folder_below(tmp_path):
  layout = miniatures.ucf101(tmp_path)
  found = ucf101.read(
    data_set.Request(videos_dir=layout.videos_dir, annotations=tmp_path)
  )
  assert found.class_names == CLASSES


def test_a_label_map_fixes_the_order(tmp_path):
  layout = miniatures.ucf101(tmp_path)
  order = ('YoYo', 'ApplyEyeMakeup', 'HandstandPushups')
  assert ucf101.read(layout.request(class_names=order)).class_names == order
  with pytest.raises(
    errors.InputError, match="the label map lacks 1 of 3 labels: 'YoYo'"
  ):
    ucf101.read(layout.request(class_names=CLASSES[:2]))


def test_there_is_no_validation_split(tmp_path):
  request = miniatures.ucf101(tmp_path).request(splits=('train', 'validation'))
  with pytest.raises(
    errors.InputError, match='no validation split, only train, test'
  ):
    ucf101.read(request)


def test_lists_are_needed(tmp_path):
  with pytest.raises(errors.InputError, match='--annotations is missing: the'):
    ucf101.read(data_set.Request(videos_dir=tmp_path))


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('YoYo/v_YoYo_g01_c01.avi 2', "line 1: 'YoYo' has number 3"),
    ('Yoyo/v_YoYo_g01_c01.avi 3', "line 1: class 'Yoyo' is not in classInd"),
    ('v_YoYo_g01_c01.avi 3', 'line 1 is not <class>/<file>'),
    ('YoYo/../x.avi 3', 'line 1 is not <class>/<file>'),
    ('YoYo/ 3', 'line 1 is not <class>/<file>'),
    ('YoYo/.. 3', "line 1: path 'YoYo/..': must lead"),
    ('YoYo/a\tb.avi 3', r"line 1: id 'a\\tb': an id has"),
    ('YoYo/a.avi 3\n\nYoYo/a.avi 3', "line 3: video 'a' is that of line 1"),
    (' ', 'is empty'),
  ],
)
def test_malformed_lists_are_named_with_their_line(tmp_path, text, message):
  layout = miniatures.ucf101(tmp_path)
  (layout.annotations / 'trainlist01.txt').write_text(text)
  with pytest.raises(errors.InputError, match=rf'list01\.txt: {message}'):
    ucf101.read(layout.request())


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('1 a\n3 b\n', 'the numbers are not 1 to 2'),
    ('1 a\n1 b\n', 'line 2: number 1 is that of line 1'),
    ('1 a\n2 a\n', "line 2: class name 'a' is that of line 1"),
    ('1 a\nb\n', 'line 2 is not a number and a class'),
    ('x a\n', "line 1: 'x' is not a whole number"),
  ],
)
def test_malformed_class_lists_are_named(tmp_path, text, message):
  layout = miniatures.ucf101(tmp_path)
  (layout.annotations / 'classInd.txt').write_text(text)
  with pytest.raises(errors.InputError, match=rf'classInd\.txt: {message}'):
    ucf101.read(layout.request())
