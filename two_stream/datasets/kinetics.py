"""Kinetics-400, -600 and -700: lists of parts of YouTube's videos.

A list is a CSV file. Its columns are found by the header, in any order:

    label,youtube_id,time_start,time_end,split,is_cc
    testifying,---QUuC4vJs,84,94,validate,0

Those who download the videos name them in several ways, and all are found in
any folder below the folder of the videos:

    <youtube id>_<start, 6 digits>_<end, 6 digits>.mp4   the part alone
    <youtube id>.webm                                    the whole video

Of the second kind, the part from start to end is taken. A video that is in no
folder is missing, which is normal: YouTube loses some of them every day.
"""

import collections
import dataclasses
import functools
import logging
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from two_stream import documents, errors
from two_stream.datasets import (
  data_set,
  folders,
  listing,
  own_videos,
  video_search,
)

NAME = 'kinetics'
LAYOUT = (
  'Kinetics-400, 600 or 700. --videos_dir holds '
  '<youtube id>_<start>_<end>.mp4 with times of 6 digits, or the whole videos '
  'as <youtube id>.mp4, with any ending and in any folders, such as train/ or '
  'train/<class>/. --annotations is a CSV file with the header '
  'label,youtube_id,time_start,time_end,split, or a folder with train.csv, '
  'val.csv (validate.csv) and test.csv. Without --annotations the folders '
  '<split>/<class>/ give the labels. Missing videos are normal.'
)
OPTIONS = ('annotations',)

_COLUMNS = ('youtube_id', 'time_start', 'time_end')
# How CVDF and others call the folder of each split.
_FOLDERS = {'train': 'train', 'validation': 'val', 'test': 'test'}
_WORD_ENDS = re.compile(r'[\W_]')
# CVDF publishes new copies of damaged files in a folder of this name.
_REPLACEMENT = 'replacement'


class _Clip(NamedTuple):
  """A row of a list.

  Attributes:
    id: `<youtube id>_<start>_<end>`, as files are called.
    youtube_id: which video.
    label: its label, or None.
    start: seconds where the clip begins.
    end: seconds where the clip ends.
  """

  id: str
  youtube_id: str
  label: str | None
  start: int
  end: int


def read(request: data_set.Request) -> data_set.DataSet:
  """Reads the lists, and looks which videos are there.

  All lists are read, so the classes do not depend on the wanted splits.

  Args:
    request: where the files are, and which samples are wanted.

  Returns:
    The data set. The id of a sample is `<youtube id>_<start>_<end>`.

  Raises:
    InputError: a list is missing or malformed, the label map lacks a label, a
      wanted split is missing, or there are neither lists nor folders of
      classes.
  """
  if request.annotations is None:
    samples, where = _read_folders(request), pathlib.Path(request.videos_dir)
    labels = [each.label for members in samples.values() for each in members]
    wanted = listing.splits(request, samples, where)
    splits = {split: samples[split] for split in wanted}
  else:
    where = pathlib.Path(request.annotations)
    clips = _read_lists(where)
    labels = [clip.label for members in clips.values() for clip in members]
    wanted = listing.splits(request, clips, where)
    splits = _locate(request, {split: clips[split] for split in wanted})
  return data_set.DataSet(
    name='kinetics',
    class_names=listing.class_names(request, labels, where),
    splits=splits,
    lacks_videos=True,
  )


def _read_lists(path: pathlib.Path) -> dict[str, Sequence[_Clip]]:
  """Reads a list, or all lists of a folder; returns split -> its clips."""
  if not path.is_dir():
    return dict(_read_list(path, None))
  of_split: dict[str, list[pathlib.Path]] = collections.defaultdict(list)
  for found in listing.find_lists(path, '*.csv'):
    split = _split_in(found.stem)
    if split is not None:
      of_split[split].append(found)
  for split, paths in of_split.items():
    if len(paths) > 1:
      raise errors.InputError(
        f'{path}: {paths[0].name} and {paths[1].name} are both of the '
        f'{split} split; see --annotations'
      )
  if not of_split:
    raise errors.InputError(
      f'{path}: has no train.csv, val.csv or test.csv; see --annotations'
    )
  return {
    split: _read_list(paths[0], split).get(split, ())
    for split, paths in of_split.items()
  }


def _split_in(name: str) -> str | None:
  """Returns the split that a word of a name such as k400_val stands for."""
  splits = {listing.split_of(word) for word in _WORD_ENDS.split(name)}
  splits.discard(None)
  return splits.pop() if len(splits) == 1 else None


def _read_list(
  path: pathlib.Path, split: str | None
) -> dict[str, Sequence[_Clip]]:
  """Reads the clips of a list.

  Args:
    path: the CSV file.
    split: the split of all its rows; None: the column `split` tells it, or else
      the name of the file. If both tell it and differ, there is a warning.

  Returns:
    split -> its clips. A clip that stands there several times is taken once,
    with a warning.

  Raises:
    InputError: the list is missing or malformed, or its column `split` names
      another split than the one of all its rows.
  """
  rows = documents.read_csv(path)
  columns = listing.columns(path, rows)
  lacking = [name for name in _COLUMNS if name not in columns]
  if lacking:
    raise errors.InputError(f'{path}: line 1 has no column {lacking[0]}')
  clips: dict[str, dict[str, _Clip]] = collections.defaultdict(dict)
  repeated = []
  odd = []
  split_of_file = split or _split_in(path.stem)
  for line, fields in rows[1:]:
    where = f'{path}: line {line}'
    row = {name: fields[number] for name, number in columns.items()}
    named = row.get('split', '').strip()
    of_row = _split_of_row(named, split_of_file, where)
    if split not in (None, of_row):
      raise errors.InputError(
        f'{where}: split {documents.quote(named)} contradicts the name of the '
        'file; rename the file, or give it alone as --annotations'
      )
    if named and split_of_file not in (None, listing.split_of(named)):
      odd.append(f'line {line} ({documents.quote(named)})')
    clip = _clip(row, of_row, where)
    if clip.id in clips[of_row]:
      repeated.append(clip.id)
    else:
      clips[of_row][clip.id] = clip
  if odd:
    logging.warning(
      '%s: the column split contradicts the name of the file in %d lines, such '
      'as %s; the column is taken where it names train, validate or test',
      path,
      len(odd),
      odd[0],
    )
  if repeated:
    logging.warning(
      '%s: the first line is taken of clips that stand there again (%d): %s',
      path,
      len(repeated),
      video_search.examples(repeated),
    )
  return {name: tuple(members.values()) for name, members in clips.items()}


def _split_of_row(named: str, split_of_file: str | None, where: str) -> str:
  """Returns the split that a row names, or else the one of its file."""
  split = listing.split_of(named) or split_of_file
  if split is None:
    raise errors.InputError(
      f'{where}: split {documents.quote(named)} is not train, validate or '
      'test, and the name of the file tells none'
    )
  return split


def _clip(row: Mapping[str, str], split: str, where: str) -> _Clip:
  """Makes the clip of a row, or raises InputError that says where it is."""
  youtube_id = row['youtube_id']
  try:
    start = _whole_seconds(row['time_start'])
    end = _whole_seconds(row['time_end'])
    clip_id = data_set.check_id(f'{youtube_id}_{start:06}_{end:06}')
  except errors.InputError as error:
    raise errors.InputError(f'{where}: {error}') from None
  if start >= end:
    raise errors.InputError(f'{where}: the end is not after the start')
  if not youtube_id or '/' in youtube_id:
    raise errors.InputError(
      f'{where}: {documents.quote(youtube_id)} is no id of a video'
    )
  return _Clip(
    id=clip_id,
    youtube_id=youtube_id,
    label=listing.checked_label(row.get('label', ''), split, where),
    start=start,
    end=end,
  )


@functools.lru_cache(maxsize=10_000)
def _whole_seconds(text: str) -> int:
  """Reads a time such as '12' or '12.0'."""
  return documents.whole_number(text.strip().removesuffix('.0'), 'a time')


def _locate(
  request: data_set.Request, clips: Mapping[str, Sequence[_Clip]]
) -> dict[str, list[data_set.Sample]]:
  """Finds the videos of clips.

  Returns:
    split -> its samples. Those whose videos are missing have the path where
    CVDF's programs put them.
  """
  videos_dir = request.videos_dir
  split_folders = dict(_FOLDERS)
  for name in video_search.look(videos_dir, request.follow_links).folders:
    split = _split_in(name)
    if split is not None:
      split_folders[split] = name
  wanted: dict[str, tuple[str, str | None]] = {}
  for split, members in clips.items():
    for clip in members:
      wanted[clip.youtube_id] = wanted[clip.id] = (
        split_folders[split],
        clip.label,
      )

  def order(video: str, path: str) -> tuple[bool, ...]:
    split_folder, label = wanted[video]
    parts = path.split('/')
    return (
      not any(part.startswith(_REPLACEMENT) for part in parts),
      split_folder not in parts[:-1],
      _class_of(parts[-2] if len(parts) > 1 else '') != label,
    )

  found = video_search.find(videos_dir, wanted, request.follow_links)
  chosen = video_search.choose(videos_dir, found, order)
  return {
    split: [_sample(clip, chosen, split_folders[split]) for clip in members]
    for split, members in clips.items()
  }


def _sample(
  clip: _Clip, chosen: Mapping[str, str], split_folder: str
) -> data_set.Sample:
  """Makes a sample of a clip and the videos that are there."""
  whole = chosen.get(clip.youtube_id)
  path = chosen.get(clip.id)
  is_cut_out = path is None and whole is not None
  return data_set.Sample(
    id=clip.id,
    path=path or whole or f'{split_folder}/{clip.id}.mp4',
    label=clip.label,
    start=clip.start if is_cut_out else None,
    end=clip.end if is_cut_out else None,
  )


def _read_folders(
  request: data_set.Request,
) -> dict[str, list[data_set.Sample]]:
  """Finds the videos in folders of splits and classes."""
  found = folders.scan(request, _class_of)
  if not any(sample.label for members in found.values() for sample in members):
    raise errors.InputError(
      f'{request.videos_dir}: no folders <split>/<class>/ tell the labels of '
      'the videos; see --annotations'
    )
  if own_videos.UNDIVIDED in found:
    raise errors.InputError(
      f'{request.videos_dir}: has no folders train, val or test; see '
      '--annotations, or take --dataset=folders'
    )
  splits = {}
  for split, samples in found.items():
    by_id: dict[str, dict[str, data_set.Sample]] = collections.defaultdict(dict)
    for sample in samples:
      name = sample.path.rpartition('/')[2].rpartition('.')
      by_id[name[0] or name[2]][sample.path] = sample
    chosen = video_search.choose(request.videos_dir, by_id, lambda *_: 0)
    splits[split] = [
      dataclasses.replace(by_id[clip_id][path], id=clip_id)
      for clip_id, path in chosen.items()
    ]
  return splits


def _class_of(folder: str) -> str:
  """Returns the class of a folder. No class of Kinetics has an underscore."""
  return folder.replace('_', ' ')
