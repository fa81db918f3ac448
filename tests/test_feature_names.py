"""Every id has a file name of its own, in the folder of the features."""

import os
import pathlib

import hypothesis
import pytest
from hypothesis import strategies as st

from two_stream.evaluation import feature_names


@pytest.mark.parametrize(
  ('video_id', 'path'),
  [
    ('78687', '78687.npz'),
    ('a b-C_ü.mp4', 'a b-C_ü.mp4.npz'),
    ('train/cats/a.mp4', 'train/cats/a.mp4.npz'),
    ('../a', '%2E./a.npz'),
    ('/etc/passwd', '%/etc/passwd.npz'),
    ('a//b', 'a/%/b.npz'),
    ('', '%.npz'),
    ('.hidden', '%2Ehidden.npz'),
    ('50%', '50%25.npz'),
    ('a\\b:c', 'a%5Cb%3Ac.npz'),
    ('a\n\x00\u200e', 'a%0A%00%E2%80%8E.npz'),
    ('\udcff', '%FF.npz'),
    ('a.npz/b', 'a%2Enpz/b.npz'),
    ('failures.jsonl/b', 'failures%2Ejsonl/b.npz'),
  ],
)
def test_names(video_id, path):
  assert feature_names.path_of(video_id) == pathlib.PurePath(path)


def test_long_parts_are_cut_and_differ():
  first, second = (
    feature_names.path_of(f'{"ü" * 500}{sign}').name for sign in 'ab'
  )
  assert first != second
  assert len(os.fsencode(first)) <= 210


IDS = st.text(
  st.one_of(
    st.sampled_from('./%~az\\\0'),
    st.characters(exclude_categories=['Cs']),
  ),
  max_size=12,
)


@hypothesis.settings(deadline=None, derandomize=True)
@hypothesis.given(st.lists(IDS, unique=True, max_size=20))
def test_no_two_ids_share_a_name_and_none_leaves_the_folder(ids):
  paths = [feature_names.path_of(video_id) for video_id in ids]
  assert len(set(paths)) == len(paths)
  files = set(map(str, paths))
  for path in paths:
    assert not path.is_absolute()
    assert not {'.', '..'} & set(path.parts)
    assert all(not part.startswith('.') for part in path.parts)
    assert not files & set(map(str, path.parents))
    assert str(path).isprintable()
