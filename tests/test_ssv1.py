"""Something-Something v1: folders of frames, and classes in their order."""

import miniatures
import pytest

from two_stream import errors
from two_stream.datasets import data_set, ssv1

LIFT = 'Lifting up one end of something, then letting it drop down'
HOLD = 'Holding something'


def test_the_published_layout_is_read(tmp_path):
  found = ssv1.read(miniatures.ssv1(tmp_path).request())
  assert found.class_names == (LIFT, HOLD)
  assert found.frames_per_second_of_frames == 12
  rows = {
    split: [(each.id, each.path, each.label) for each in samples]
    for split, samples in found.splits.items()
  }
  assert rows == {
    'train': [('100218', '100218', LIFT), ('24413', '24413', HOLD)],
    'validation': [('1', '1', HOLD), ('2', '2', LIFT)],
    'test': [('42', '42', None)],
  }


def test_only_the_wanted_splits_are_read(tmp_path):
  layout = miniatures.ssv1(tmp_path)
  (layout.annotations / 'something-something-v1-test.csv').unlink()
  request = layout.request(splits=('validation',))
  assert list(ssv1.read(request).splits) == ['validation']
  with pytest.raises(errors.InputError, match='there is no test split'):
    ssv1.read(layout.request(splits=('test',)))


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('1;Holding\n', "the list of classes lacks 1 of 3 labels: 'Holding' "),
    ('1\n', r'-train\.csv: line 1: has no label'),
    ('1;a;b\n', r'-train\.csv: line 1 has 3 fields'),
    (f'1;{HOLD}\n1;{HOLD}\n', "line 2: video '1' is that of line 1"),
    (f'../1;{HOLD}\n', r"line 1: path '\.\./1': must lead"),
    (f';{HOLD}\n', "line 1: id '': an id has"),
  ],
)
def test_malformed_lists_are_named(tmp_path, text, message):
  layout = miniatures.ssv1(tmp_path)
  (layout.annotations / 'something-something-v1-train.csv').write_text(text)
  with pytest.raises(errors.InputError, match=message):
    ssv1.read(layout.request())


def test_missing_class_lists_are_named(tmp_path):
  with pytest.raises(errors.InputError, match=r'no something-something-v1-lab'):
    ssv1.read(data_set.Request(videos_dir=tmp_path, annotations=tmp_path))
