"""UCF-101: 13,320 videos of 101 classes, divided in three ways.

The lists are those of ucfTrainTestlist, which are published with the videos:

    classInd.txt      1 ApplyEyeMakeup
    trainlist01.txt   ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
    testlist01.txt    ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi

The class HandstandPushups has files that are called v_HandStandPushups_...; so
a file is found whatever the case of its name is, and whatever its ending is.
"""

from collections.abc import Sequence

from two_stream import documents, errors, files
from two_stream.datasets import data_set, label_map, listing, video_search

NAME = 'ucf101'
LAYOUT = (
  'UCF-101. --videos_dir is UCF-101, with a folder for each class. '
  '--annotations is ucfTrainTestlist, with classInd.txt, trainlist01.txt and '
  'testlist01.txt. --split_number tells which of the three divisions is taken. '
  'The splits are train and test.'
)
OPTIONS = ('annotations', 'split_number')

_LISTS = {'train': 'trainlist', 'test': 'testlist'}


def read(request: data_set.Request) -> data_set.DataSet:
  """Reads the lists of one division.

  Args:
    request: where the files are, and which samples are wanted.

  Returns:
    The data set. The id of a sample is the name of its file without the ending.

  Raises:
    InputError: a list is missing or malformed, or a wanted split is missing.
  """
  folder = listing.annotations(request, 'the folder ucfTrainTestlist')
  (classes,) = listing.find_lists(folder, 'classInd.txt')
  names = _read_classes(classes)
  splits = {
    split: _read_list(
      classes.parent / f'{_LISTS[split]}{request.split_number:02}.txt', names
    )
    for split in listing.splits(request, _LISTS, 'UCF-101')
  }
  return data_set.DataSet(
    name='ucf101',
    class_names=listing.class_names(request, names, folder, names),
    splits=video_search.locate(request, splits),
  )


def _read_classes(path: files.PathLike) -> list[str]:
  """Reads the class names in the order of their numbers, which start at 1."""
  entries = listing.read_words(path)
  lines = [f'line {line}' for line, _ in entries]
  numbers = []
  names = []
  for (_, words), line in zip(entries, lines):
    if len(words) != 2:
      raise errors.InputError(f'{path}: {line} is not a number and a class')
    numbers.append(documents.whole_number(words[0], f'{path}: {line}'))
    names.append(label_map.checked_name(words[1], f'{path}: {line}'))
  label_map.refuse_repetition(path, 'number', numbers, lines)
  label_map.refuse_repetition(path, 'class name', names, lines)
  if sorted(numbers) != list(range(1, len(names) + 1)):
    raise errors.InputError(f'{path}: the numbers are not 1 to {len(names)}')
  return [name for _, name in sorted(zip(numbers, names))]


def _read_list(
  path: files.PathLike, class_names: Sequence[str]
) -> list[data_set.Sample]:
  """Reads the samples of a split.

  Args:
    path: the list.
    class_names: the class names in the order of their numbers.

  Returns:
    The samples, with the paths of the list.

  Raises:
    InputError: the list is missing or malformed, or a class is not that of its
      number or not among the class names.
  """
  numbers = {name: str(i) for i, name in enumerate(class_names, start=1)}
  rows = listing.read_words(path)
  samples = []
  for line, words in rows:
    where = f'{path}: line {line}'
    label, _, name = words[0].partition('/')
    if not name or '/' in name:
      raise errors.InputError(f'{where} is not <class>/<file>')
    if label not in numbers:
      raise errors.InputError(
        f'{where}: class {documents.quote(label)} is not in classInd.txt'
      )
    if len(words) == 2 and words[1] != numbers[label]:
      raise errors.InputError(
        f'{where}: {documents.quote(label)} has number {numbers[label]} in '
        'classInd.txt'
      )
    samples.append(
      listing.listed_sample(words[0], name.rpartition('.')[0], label, where)
    )
  listing.refuse_repeated_ids(path, samples, [line for line, _ in rows])
  return samples
