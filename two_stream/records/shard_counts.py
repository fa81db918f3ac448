"""What a folder knows of its shards: how many records each should have.

    parameters.json            how many videos and shards each split has
    failures/train-....jsonl   which of its videos a shard lacks, one a line

A shard that was emptied, or cut where a record ends, is a whole TFRecord file.
These numbers alone tell that it is not all there.
"""

import contextlib
import logging
import pathlib
from typing import NamedTuple

from two_stream import documents, errors
from two_stream.datasets import data_set
from two_stream.records import shards

PARAMETERS = 'parameters.json'
FAILURES = 'failures'
# The version of what records and parameters.json hold. A folder whose
# parameters.json has no version was made before there were versions, and has
# version 1.
VERSION_KEY = 'schema_version'
SCHEMA_VERSION = 1
_OBJECTS = ('parameters', 'classes', *data_set.SPLITS)


class Expected(NamedTuple):
  """How many records a shard should have.

  While a video that had failed is added, the shard has its record before the
  failure is forgotten. So there may be more than the failures leave.

  Attributes:
    least: its videos without those that failed.
    most: its videos.
  """

  least: int
  most: int


def read_parameters(folder):
  """Reads what the shards of a folder were made from and with.

  Args:
    folder: of the shards.

  Returns:
    The object in its parameters.json: 'parameters' and 'classes', which are
    objects, and for each split an object of the numbers 'videos' and 'shards'
    and of 'sha256'. All of them may be missing. {} if there is no such file.

  Raises:
    InputError: the file cannot be read, or is not as preprocessing writes it.
  """
  path = pathlib.Path(folder, PARAMETERS)
  if not path.exists():
    return {}
  with _remedy('copy it back, or choose another folder and preprocess anew'):
    content = documents.read_json(path)
    if not isinstance(content, dict):
      raise errors.InputError(f'{path}: not a JSON object')
    version = content.get(VERSION_KEY, SCHEMA_VERSION)
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
  return content


def read_failures(path):
  """Reads which videos a shard lacks.

  Args:
    path: a file of failures; its name without ending is that of the shard.

  Returns:
    A list of objects: 'id', 'shard', 'reason' and more. [] if there is no such
    file: the shard lacks none.

  Raises:
    InputError: the file cannot be read, or is not as preprocessing writes it;
      names the line.
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


def expected(folder, names):
  """Tells how many records shards should have.

  Args:
    folder: of the shards.
    names: of some of its shards, without ending.

  Returns:
    name -> `Expected`, for those that parameters.json tells of.

  Raises:
    InputError: parameters.json or a file of failures cannot be used, or a name
      does not go with parameters.json.
  """
  made, counts = read_parameters(folder), {}
  for name in names:
    split, number, count = shards.parse_name(name)
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


def problems(expectations, framings):
  """Finds the shards that do not hold what they should.

  Args:
    expectations: name of a shard -> its `Expected`.
    framings: name of a shard -> its `framing.Framing`; the same names and more.

  Returns:
    name -> what is wrong, in words; of the shards that are not whole.
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


def check(folder, expectations, framings):
  """Refuses shards that do not hold what they should.

  Those that the folder does not know, such as another program's, are let pass
  with a line in the log.

  Args:
    folder: of the shards.
    expectations: as in `problems`, from before the shards were read: failures
      are forgotten at any time.
    framings: as in `problems`.

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
def _remedy(remedy):
  """Adds what to do to the message of an InputError."""
  try:
    yield
  except errors.InputError as error:
    raise errors.InputError(f'{error}; {remedy}') from None
