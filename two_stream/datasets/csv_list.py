"""One's own videos, listed in a CSV file with a header.

    path,label,split,start,end
    kitchen/a b.mp4,pouring,train,,
    kitchen/c.mkv,pouring,validation,1.5,4
    kitchen/c.mkv,stirring,validation,4,9.25

The columns may stand in any order, and only `path` must be there. A video
without a label and without a split is for testing. If there is no `split`
column, the labelled videos are divided, see `own_videos.divide`.
"""

import dataclasses
import itertools
import logging
import math
import pathlib
from collections.abc import Sequence

from two_stream import documents, errors, files
from two_stream.datasets import data_set, listing, own_videos

NAME = 'csv'
LAYOUT = (
  'your own videos in any layout. --annotations is a CSV file with the header '
  'path,label[,split][,start,end]. A path is relative to --videos_dir and '
  'leads to a video or to a folder of numbered frames. A split is train, '
  'validation (val, valid) or test; without this column a share of each class '
  'is for validation, see --validation_share. Start and end are seconds. A '
  'blank label means that the label is not known.'
)
OPTIONS = ('annotations', 'validation_share', 'seed')

_COLUMNS = ('path', 'label', 'split', 'start', 'end')
_NUM_EXAMPLES = 3


def read(request: data_set.Request) -> data_set.DataSet:
  """Reads the list.

  Args:
    request: where the files are, and which samples are wanted.

  Returns:
    The data set. The id of a sample is its path; if it has a start or an end,
    `path@start-end`.

  Raises:
    InputError: the list is missing or malformed, a path leads out of the folder
      of the videos, a sample stands there twice, or a wanted split is missing.
  """
  path = listing.annotations(request, 'a CSV file with path,label')
  rows = documents.read_csv(path)
  columns = listing.columns(path, rows)
  if 'path' not in columns:
    raise errors.InputError(
      f'{path}: line 1 has no column path; the header is '
      'path,label[,split][,start,end]'
    )
  unused = [name for name in columns if name not in _COLUMNS]
  if unused:
    logging.warning(
      '%s: columns that are not used: %s', path, documents.quote(unused)
    )
  members = _samples(path, rows[1:], columns)
  of_split: dict[str, list[data_set.Sample]] = {}
  for split, sample in members:
    of_split.setdefault(split, []).append(sample)
  return own_videos.to_data_set(request, of_split, path)


def _samples(
  path: files.PathLike,
  rows: Sequence[tuple[int, list[str]]],
  columns: dict[str, int],
) -> list[tuple[str, data_set.Sample]]:
  """Reads the rows below the header.

  Returns:
    (split or `own_videos.UNDIVIDED`, sample) of each row.
  """
  members = []
  for line, fields in rows:
    values = {
      name: fields[columns[name]] if name in columns else ''
      for name in _COLUMNS
    }
    where = f'{path}: line {line}'
    split = _split(values, 'split' in columns, where)
    members.append((split, _sample(values, split, where)))
  samples, lines = [each for _, each in members], [line for line, _ in rows]
  listing.refuse_repeated_ids(path, samples, lines)
  _say_contradictions(path, samples, lines)
  return members


def _say_contradictions(
  path: files.PathLike,
  samples: Sequence[data_set.Sample],
  lines: Sequence[int],
) -> None:
  """Warns of parts of a video that overlap and have different labels.

  Args:
    path: the list.
    samples: its samples. A sample without times is the whole video.
    lines: the line of each.
  """
  rows = sorted(
    (sample.path, sample.start or 0, line, sample)
    for sample, line in zip(samples, lines)
    if sample.label is not None
  )
  found = []
  for _, members in itertools.groupby(rows, lambda row: row[0]):
    # Label -> the latest end of its parts, and the line of that part. The two
    # labels with the latest ends are enough to find an overlap.
    ends: dict[str | None, tuple[float, int]] = {}
    for _, start, line, sample in members:
      found += [
        sorted((line, other))
        for label, (end, other) in ends.items()
        if label != sample.label and end > start
      ][:1]
      end = math.inf if sample.end is None else sample.end
      ends[sample.label] = max(ends.get(sample.label, (0, 0)), (end, line))
      if len(ends) > 2:
        del ends[min(ends, key=ends.__getitem__)]
  if found:
    logging.warning(
      '%s: the same seconds of a video have different labels (%d): lines %s%s',
      path,
      len(found),
      ', '.join(f'{a} and {b}' for a, b in sorted(found)[:_NUM_EXAMPLES]),
      ', ...' if len(found) > _NUM_EXAMPLES else '',
    )


def _split(values: dict[str, str], has_column: bool, where: str) -> str:
  """Returns the split of a row, or `own_videos.UNDIVIDED`."""
  name = values['split'].strip()
  if name:
    split = listing.split_of(name)
    if split is None:
      raise errors.InputError(
        f'{where}: {documents.quote(name)} is not train, validation or test'
      )
    return split
  if not values['label'].strip():
    return 'test'
  if has_column:
    raise errors.InputError(f'{where}: the split is blank')
  return own_videos.UNDIVIDED


def _sample(values: dict[str, str], split: str, where: str) -> data_set.Sample:
  """Makes the sample of a row."""
  start, end = (
    listing.seconds(text, f'{where}: {name}') if text else None
    for name, text in ((n, values[n].strip()) for n in ('start', 'end'))
  )
  if end is not None and end <= (start or 0):
    raise errors.InputError(f'{where}: the end is not after the start')
  path = str(pathlib.PurePath(values['path']))
  times = f'{_text(start)}-{_text(end)}'
  is_part = start is not None or end is not None
  sample = listing.listed_sample(
    path,
    f'{path}@{times}' if is_part else path,
    listing.checked_label(values['label'], split, where),
    where,
  )
  return dataclasses.replace(sample, start=start, end=end)


def _text(seconds: float | None) -> str:
  return '' if seconds is None else f'{seconds:.9f}'.rstrip('0').rstrip('.')
