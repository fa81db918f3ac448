"""How many records each shard of a folder should have.

    parameters.json            how many videos and shards each split has
    failures/train-....jsonl   the videos that a shard lacks, one a line

A shard that was emptied, or cut where a record ends, is still a valid TFRecord
file. Only these numbers tell that records are missing.
"""

import contextlib
import logging
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from two_stream import documents, errors, files
from two_stream.datasets import data_set
from two_stream.records import framing, shards

PARAMETERS = 'parameters.json'
FAILURES = 'failures'
# The version of what records and parameters.json hold. A folder whose
# parameters.json has no version was made before there were versions, and has
# version 1.
VERSION_KEY = 'schema_version'
SCHEMA_VERSION = 2
_OBJECTS = ('parameters', 'classes', *data_set.SPLITS)


class LackingVideo(NamedTuple):
  """A video that is not in its shard.

  Attributes:
    sample: which video.
    reason: why, in one line.
    is_missing: whether its file is missing. Otherwise the video has failed.
  """

  sample: data_set.Sample
  reason: str
  is_missing: bool = False


class Expected(NamedTuple):
  """How many records a shard should have.

  There may be more records than there are videos without a failure: a run that
  adds a video which had failed writes the record before it forgets the failure.

  Attributes:
    least: the number of its videos, without those that failed.
    most: the number of its videos.
  """

  least: int
  most: int


def read_parameters(folder: files.PathLike) -> dict[str, Any]:
  """Reads what the shards of a folder were made from and with.

  Args:
    folder: the folder of the shards.

  Returns:
    The object in its parameters.json: the version, the objects 'parameters' and
    'classes', and for each split an object of 'videos', 'shards' (numbers) and
    'sha256'. Any of these may be missing. {} if there is no such file.

  Raises:
    InputError: the file cannot be read, or is not as preprocessing writes it.
  """
  path = pathlib.Path(folder, PARAMETERS)
  if not path.exists():
    return {}
  with _remedy('copy it back, or choose another folder and preprocess anew'):
    content = documents.read_json(path, documents.MAX_OWN_BYTES)
    if not isinstance(content, dict):
      raise errors.InputError(f'{path}: not a JSON object')
    version = content.get(VERSION_KEY, 1)
    if type(version) is not int or version < 1:
      raise errors.InputError(f'{path}: {VERSION_KEY!r} is not a version')
    if version > SCHEMA_VERSION:
      raise errors.InputError(
        f'{path}: was written by a newer program, with {VERSION_KEY} {version} '
        f'and not {SCHEMA_VERSION}'
      )
    for topic in _OBJECTS:
      if not isinstance(content.get(topic, {}), dict):
        raise errors.InputError(f'{path}: {topic!r} is not an object')
    for split in data_set.SPLITS:
      for key in ('videos', 'shards'):
        count = content.get(split, {key: 0}).get(key)
        if type(count) is not int or count < 0:
          raise errors.InputError(
            f'{path}: {key!r} of {split!r} is not a number of them'
          )
  if version < SCHEMA_VERSION:
    raise errors.InputError(
      f'{path}: these records were made by an older version of this program, '
      'whose flow other programs read wrongly; make them again, in another '
      'folder'
    )
  return content


def read_failures(path: files.PathLike) -> list[dict[str, Any]]:
  """Reads which videos a shard lacks.

  Args:
    path: a file of failures. Its name without the ending is the shard's.

  Returns:
    An object of 'id', 'label', 'shard' and 'reason' for each video that the
    shard lacks, with 'missing': true if the file of the video is missing. [] if
    there is no such file, because then the shard lacks none.

  Raises:
    InputError: the file cannot be read, or is not as preprocessing writes it.
      The message names the line.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return []
  with _remedy(f'remove it and {path.stem}.tfrecord, and preprocess again'):
    entries = documents.read_json_lines(path)
    for number, entry in enumerate(entries, 1):
      if not (
        isinstance(entry, dict)
        and isinstance(entry.get('id'), str)
        and entry.get('shard') == path.stem
      ):
        raise errors.InputError(
          f'{path}: line {number} names no video of this shard'
        )
  return entries


def expected(
  folder: files.PathLike, names: Iterable[str]
) -> dict[str, Expected]:
  """Tells how many records shards should have.

  Args:
    folder: the folder of the shards.
    names: the names of some of its shards, without their ending.

  Returns:
    Name -> how many records it should have. Shards of a split that
    parameters.json does not list are left out.

  Raises:
    InputError: parameters.json or a file of failures cannot be used, or a name
      does not fit the number of shards in parameters.json.
  """
  made, counts = read_parameters(folder), {}
  for name in names:
    parsed = shards.parse_name(name)
    if parsed is None:
      raise ValueError(f'{name!r} is not the name of a shard')
    split, number, count = parsed
    if split not in made:
      continue
    if count != made[split]['shards']:
      raise errors.InputError(
        f'{pathlib.Path(folder, name)}.tfrecord: {PARAMETERS} tells of '
        f'{made[split]["shards"]} {split} shards; keep the files of one run '
        'together'
      )
    videos = -((number - made[split]['videos']) // count)
    failures = read_failures(pathlib.Path(folder, FAILURES, f'{name}.jsonl'))
    failed = len({entry['id'] for entry in failures})
    counts[name] = Expected(max(videos - failed, 0), videos)
  return counts


def problems(
  expectations: Mapping[str, Expected],
  framings: Mapping[str, framing.Framing],
) -> dict[str, str]:
  """Finds the shards that do not hold what they should.

  Args:
    expectations: name of a shard -> how many records it should have.
    framings: name of a shard -> where its records are. All names of
      `expectations` are among these.

  Returns:
    Name -> what is wrong, in words. Shards that are whole are left out.
  """
  found = {}
  for name, (least, most) in expectations.items():
    offsets, torn = framings[name]
    if len(offsets) < least:
      found[name] = f'has {len(offsets)} records instead of {least}'
    elif len(offsets) > most:
      found[name] = f'has {len(offsets)} records and was made of {most} videos'
    elif torn is not None:
      found[name] = f'breaks off at byte {torn}'
  return found


def check(
  folder: files.PathLike,
  expectations: Mapping[str, Expected],
  framings: Mapping[str, framing.Framing],
) -> None:
  """Refuses shards that do not hold what they should.

  Shards for which nothing is expected are accepted with a line in the log; they
  may come from another program.

  Args:
    folder: the folder of the shards.
    expectations: see `problems`. They must be read before the shards are,
      because another run may add records and forget failures meanwhile.
    framings: see `problems`.

  Raises:
    InputError: a shard does not hold what it should.
  """
  wrong = problems(expectations, framings)
  if wrong:
    name, problem = next(iter(wrong.items()))
    others = len(wrong) - 1
    raise errors.InputError(
      f'{pathlib.Path(folder, name)}.tfrecord: {problem}'
      f'{f", and {others} other shards are not whole" if others else ""}; run '
      'the preprocessing again, it makes such shards again'
    )
  if len(expectations) < len(framings):
    logging.info(
      '%s: no %s tells how many records the shards should have, so nobody can '
      'tell whether all are there',
      folder,
      PARAMETERS,
    )


@contextlib.contextmanager
def _remedy(remedy: str) -> Iterator[None]:
  """Adds to the message of an InputError what the user should do."""
  try:
    yield
  except errors.InputError as error:
    raise errors.InputError(f'{error}; {remedy}') from None
