"""What the modules of data sets share: lists, labels, times and splits.

Each function here refuses what cannot be right, and names the file and line.
"""

import collections
import difflib
import functools
import pathlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from two_stream import documents, errors, files
from two_stream.datasets import data_set, label_map

# The names of splits that circulate.
SPLIT_NAMES = {
  'train': ('train', 'training'),
  'validation': ('validation', 'validate', 'val', 'valid'),
  'test': ('test', 'testing'),
}
_NUM_EXAMPLES = 3
_SECONDS = re.compile(r'[0-9]{1,9}(\.[0-9]{1,9})?')


@functools.lru_cache
def split_of(name: str) -> str | None:
  """Returns the split that a name stands for, in any case; None: none."""
  folded = name.casefold()
  return next(
    (split for split, names in SPLIT_NAMES.items() if folded in names), None
  )


def annotations(request: data_set.Request, what: str) -> pathlib.Path:
  """Returns --annotations of a data set that needs them.

  Args:
    request: what the user says.
    what: what the path should be, for the message.

  Raises:
    InputError: the user named none.
  """
  if request.annotations is None:
    raise errors.InputError(f'--annotations is missing: {what}')
  return pathlib.Path(request.annotations)


def find_lists(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
  """Finds lists in a folder, or else in the only folder below that has some.

  Hidden files are no lists: macOS leaves a small `._x.csv` beside `x.csv`.

  Args:
    folder: the folder that the user named.
    pattern: a pattern of `pathlib` for the lists' names.

  Returns:
    The paths of the lists in alphabetical order, all in the same folder.

  Raises:
    InputError: there are none, or several folders below have some.
  """
  here, below = (
    sorted(path for path in folder.glob(each) if not path.name.startswith('.'))
    for each in (pattern, f'*/{pattern}')
  )
  paths = here or below
  folders = {path.parent for path in paths}
  if len(folders) == 1:
    return paths
  problem = 'several folders have' if folders else 'there is no'
  raise errors.InputError(f'{folder}: {problem} {pattern}; see --annotations')


def splits(
  request: data_set.Request, available: Collection[str], where: object
) -> tuple[str, ...]:
  """Returns the splits to read, in the order of `data_set.SPLITS`.

  Args:
    request: what the user says.
    available: the splits that the data set has.
    where: the file or folder that the splits come from, for the message.

  Raises:
    InputError: the user wants a split that the data set does not have.
  """
  wanted = available if request.splits is None else request.splits
  for split in wanted:
    if split not in available:
      there = ', '.join(each for each in data_set.SPLITS if each in available)
      raise errors.InputError(
        f'{where}: there is no {split} split, only {there or "none"}; see '
        '--splits'
      )
  return tuple(split for split in data_set.SPLITS if split in wanted)


def class_names(
  request: data_set.Request,
  labels: Iterable[str | None],
  where: object,
  own_order: Sequence[str] | None = None,
) -> tuple[str, ...]:
  """Returns the class names, and makes sure that they have every label.

  Args:
    request: what the user says. Its label map decides on the order.
    labels: the label of each sample; None: it has none.
    where: the file or folder that the labels come from, for messages.
    own_order: the class names in the order that the data set publishes; None:
      it publishes none, and the order is alphabetical.

  Raises:
    InputError: a label is not among the class names, or there are none.
  """
  counts = collections.Counter(label for label in labels if label is not None)
  if own_order is not None:
    _refuse_unknown(counts, own_order, where, 'the list of classes')
  if request.class_names is not None:
    names = tuple(request.class_names)
    _refuse_unknown(counts, names, where, 'the label map')
    return names
  names = tuple(sorted(counts) if own_order is None else own_order)
  if not names:
    raise errors.InputError(
      f'{where}: no video has a label, so the classes are not known; see '
      '--label_map'
    )
  return names


def checked_label(label: str, split: str, where: str) -> str | None:
  """Returns a label of a list, or None if it is blank.

  Args:
    label: the label.
    split: the split of the sample.
    where: the file and the line, for messages.

  Raises:
    InputError: the label cannot be a class name, or is blank in a split other
      than test.
  """
  if label.strip():
    return label_map.checked_name(label, where)
  if split != 'test':
    raise errors.InputError(
      f'{where}: has no label, which only videos for testing may lack'
    )
  return None


def read_words(path: files.PathLike) -> list[tuple[int, list[str]]]:
  """Reads lines of one or two words; the second one has no blanks.

  Published lists have blanks at the ends of lines. Blank lines are skipped.

  Args:
    path: the file.

  Returns:
    (number of the line, from 1; its words) for each line.

  Raises:
    InputError: the file cannot be read as text, or has only blank lines.
  """
  lines = enumerate(documents.read_lines(path), start=1)
  rows = [(number, line.rsplit(None, 1)) for number, line in lines]
  rows = [(number, words) for number, words in rows if words]
  if not rows:
    raise errors.InputError(f'{path}: is empty')
  return rows


def columns(
  path: files.PathLike, rows: Sequence[tuple[int, list[str]]]
) -> dict[str, int]:
  """Reads the header of a CSV file.

  Args:
    path: the file, for messages.
    rows: its rows, see `documents.read_csv`.

  Returns:
    name of a column in small letters, without blanks around it -> its number.

  Raises:
    InputError: there is no row below the header, or two columns have the same
      name.
  """
  if len(rows) < 2:
    raise errors.InputError(f'{path}: has no rows below a header')
  if len(rows[0][1]) == 1 and {';', '\t'} & set(rows[0][1][0]):
    raise errors.InputError(
      f'{path}: line 1 is not separated by commas; export the list as CSV with '
      'commas'
    )
  names = [name.strip().lower() for name in rows[0][1]]
  numbers = [f'column {number}' for number in range(1, len(names) + 1)]
  label_map.refuse_repetition(path, 'the name', names, numbers)
  return {name: number for number, name in enumerate(names)}


def listed_sample(
  path: str, sample_id: str, label: str | None, where: str
) -> data_set.Sample:
  """Makes a sample of a line of a list.

  Args:
    path: its path.
    sample_id: its id.
    label: its label.
    where: the file and the line, for messages.

  Raises:
    InputError: the path leads out of the folder of the videos, or the id cannot
      be one.
  """
  try:
    return data_set.Sample(
      id=data_set.check_id(sample_id),
      path=data_set.check_path(path),
      label=label,
    )
  except errors.InputError as error:
    raise errors.InputError(f'{where}: {error}') from None


def refuse_repeated_ids(
  path: files.PathLike,
  samples: Iterable[data_set.Sample],
  lines: Iterable[int],
) -> None:
  """Raises InputError if two samples of a list have the same id.

  Args:
    path: the list, for messages.
    samples: its samples.
    lines: the line of each.
  """
  label_map.refuse_repetition(
    path,
    'video',
    [sample.id for sample in samples],
    [f'line {line}' for line in lines],
  )


def seconds(text: str, where: str) -> float:
  """Reads a time in seconds, such as '12' or '12.5'.

  Args:
    text: the time.
    where: the file and the line, for messages.

  Raises:
    InputError: the text is something else.
  """
  if not _SECONDS.fullmatch(text):
    raise errors.InputError(
      f'{where}: {documents.quote(text)} is not a number of seconds'
    )
  return float(text)


def examples(counts: Mapping[str, int]) -> str:
  """Returns the first labels of a count and their numbers, for a message."""
  some = sorted(counts)[:_NUM_EXAMPLES]
  more = ', ...' if len(counts) > _NUM_EXAMPLES else ''
  return (
    ', '.join(
      f'{documents.quote(label)} ({counts[label]} videos)' for label in some
    )
    + more
  )


def _refuse_unknown(
  counts: Mapping[str, int], names: Collection[str], where: object, what: str
) -> None:
  """Raises InputError if there are labels that are not class names."""
  unknown = {label: counts[label] for label in counts.keys() - frozenset(names)}
  if not unknown:
    return
  nearest = difflib.get_close_matches(min(unknown), names, n=1)
  hint = f'; it has {documents.quote(nearest[0])}' if nearest else ''
  raise errors.InputError(
    f'{where}: {what} lacks {len(unknown)} of {len(counts)} labels: '
    f'{examples(unknown)}{hint}'
  )
