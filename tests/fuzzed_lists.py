"""The lists of data sets as careless and hostile authors may write them.

For each list: a reader that reads it in a folder, and a strategy of its text.
The other files of the data set are right.
"""

import math
import pathlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

import fuzzing
from hypothesis import strategies as st

from two_stream.datasets import (
  csv_list,
  data_set,
  hmdb51,
  kinetics,
  ssv1,
  ucf101,
)

_LABELS = fuzzing.rarely(st.sampled_from(['a', 'b', 'c d', 'é']), st.just(''))
_SPLITS = st.sampled_from(['train', 'val', 'validate', 'test', 'Test'])
_STARTS = st.sampled_from(['0', '1', '2.5', '', '10'])
_ENDS = st.sampled_from(['10', '11', '99.25', ''])
_WHOLE_SECONDS = st.sampled_from(['0', '1', '10', '11.0', '12', '20'])
_PATHS = fuzzing.rarely(
  st.builds(
    '{}{}.mp4'.format,
    st.sampled_from(['', 'a/', './', '-#é (']),
    st.integers(0, 99),
  ),
  st.sampled_from(['../x', '/x', 'a/../x', '.']),
)
_IDS = fuzzing.rarely(
  st.sampled_from(['-a', '_b', 'c_000010_0', 'd']), st.just('../e')
)
_GOOD = {
  **{'path': 'good.avi', 'label': 'a', 'split': 'train', 'start': '0'},
  **{'end': '3.5', 'youtube_id': '-good', 'time_start': '3', 'time_end': '13'},
  'is_cc': '0',
}
_SSV1 = 'something-something-v1-'


class List(NamedTuple):
  """A list of a data set.

  Attributes:
    file: its name.
    read: reads the data set in a folder that has this file.
    text: a strategy of its text.
  """

  file: str
  read: Callable[[pathlib.Path], data_set.DataSet]
  text: st.SearchStrategy[str]


def check(found: data_set.DataSet) -> None:
  """Asserts that a data set is what data_set.py promises."""
  assert len(set(found.class_names)) == len(found.class_names) > 0
  for split, samples in found.splits.items():
    assert split in data_set.SPLITS
    assert len({sample.id for sample in samples}) == len(samples)
    for sample in samples:
      data_set.check_id(sample.id).encode()
      data_set.check_path(sample.path)
      assert sample.label in found.class_names or (
        sample.label is None and split == 'test'
      )
      start, end = sample.start or 0, sample.end or math.inf
      assert 0 <= start < end


def _table(
  columns: dict[str, st.SearchStrategy[str]], optional: Sequence[str]
) -> st.SearchStrategy[str]:
  """Returns a strategy of CSV texts whose columns have any order."""

  def rows(names: list[str]) -> st.SearchStrategy[str]:
    cells = [fuzzing.rarely(columns[name], fuzzing.texts()) for name in names]
    row = st.tuples(*cells).map(','.join)
    first = ','.join(_GOOD[name] for name in names)
    return _lines(row, first=f'{",".join(names)}\n{first}')

  left_out = st.sets(st.sampled_from(optional))
  names = left_out.flatmap(
    lambda absent: st.permutations([n for n in columns if n not in absent])
  )
  return names.flatmap(rows)


def _lines(
  line: st.SearchStrategy[str], first: str | None = None
) -> st.SearchStrategy[str]:
  """Returns a strategy of texts of a few lines, partly damaged."""
  head = '' if first is None else f'{first}\n'
  return fuzzing.damaged(
    fuzzing.lists(fuzzing.rarely(line, fuzzing.texts())).map(
      lambda lines: head + ''.join(f'{each}\n' for each in lines)
    )
  )


def _words(*words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
  return _lines(st.tuples(*words).map(' '.join))


def _reader(
  module: ModuleType, annotations: str = '', **others: str
) -> Callable[[pathlib.Path], data_set.DataSet]:
  """Returns a function that reads a data set.

  Args:
    module: that of the data set.
    annotations: the list, or '' for the folder.
    **others: other files, by their names without .txt.
  """

  def read(folder: pathlib.Path) -> data_set.DataSet:
    for name, text in others.items():
      (folder / name).with_suffix('.txt').write_text(text, encoding='utf-8')
    request = data_set.Request(
      videos_dir=folder, annotations=folder / annotations
    )
    return module.read(request)

  return read


def _read_ssv1(folder: pathlib.Path) -> data_set.DataSet:
  for name, text in {'labels': 'b\na\nc d\n', 'train': '1;a\n2;b\n'}.items():
    path = folder / f'{_SSV1}{name}.csv'
    if not path.exists():
      path.write_text(text, encoding='utf-8')
  return ssv1.read(data_set.Request(videos_dir=folder, annotations=folder))


def _ucf_lists() -> dict[str, List]:
  classes = '1 a\n2 b\n'
  train = 'a/v_1.avi 1\nb/v_2.avi 2\n'
  test = 'a/v_3.avi\n'
  numbers, names = st.sampled_from('123'), st.sampled_from('abc')
  in_order = st.permutations('abcd').map(
    lambda names: ''.join(f'{i} {name}\n' for i, name in enumerate(names, 1))
  )
  videos = st.builds('a/v_{}.avi'.format, st.integers(0, 99))
  return {
    'classInd.txt': List(
      'classInd.txt',
      _reader(ucf101, trainlist01=test, testlist01=test),
      fuzzing.damaged(fuzzing.rarely(in_order, _words(numbers, names))),
    ),
    'trainlist01.txt': List(
      'trainlist01.txt',
      _reader(ucf101, classInd=classes, testlist01=test),
      _words(videos, fuzzing.rarely(st.just('1'), st.sampled_from(['', '2']))),
    ),
    'testlist01.txt': List(
      'testlist01.txt',
      _reader(ucf101, classInd=classes, trainlist01=train),
      _lines(videos),
    ),
  }


LISTS = {
  'csv': List(
    'list.csv',
    _reader(csv_list, 'list.csv'),
    _table(
      {
        'path': _PATHS,
        'label': _LABELS,
        'split': _SPLITS,
        'start': _STARTS,
        'end': _ENDS,
      },
      optional=('split', 'start', 'end'),
    ),
  ),
  'Kinetics': List(
    'train.csv',
    _reader(kinetics, 'train.csv'),
    _table(
      {
        'label': _LABELS,
        'youtube_id': _IDS,
        'time_start': _WHOLE_SECONDS,
        'time_end': st.sampled_from(['20', '21', '30']),
        'split': _SPLITS,
        'is_cc': st.sampled_from('01'),
      },
      optional=('split', 'is_cc'),
    ),
  ),
  **_ucf_lists(),
  'HMDB-51': List(
    'a_b_test_split1.txt',
    _reader(hmdb51),
    _words(
      _PATHS.map(pathlib.PurePath).map(lambda path: path.name),
      st.sampled_from('012'),
    ),
  ),
  **{
    f'{_SSV1}{name}.csv': List(f'{_SSV1}{name}.csv', _read_ssv1, text)
    for name, text in {
      'labels': _lines(st.sampled_from('abcd'), first='b\na'),
      'train': _lines(
        st.builds('{};{}'.format, st.integers(1, 99), st.sampled_from('ab'))
      ),
      'test': _lines(
        fuzzing.rarely(
          st.integers(1, 99).map(str), st.sampled_from(['../1', '', '1;a;b'])
        )
      ),
    }.items()
  },
}
