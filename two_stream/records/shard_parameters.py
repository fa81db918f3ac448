"""What the shards of a folder are made from and with, and whether it changed.

A folder goes on only with the same settings, class names and samples. Samples
and class names are told by a digest, because there may be half a million. A
sample is told by its id and its label. So the ids of the parts of a video must
hold the times of the parts.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from two_stream import errors
from two_stream.datasets import data_set
from two_stream.records import shards


def fingerprint(plan: Sequence[shards.Shard]) -> dict[str, Any]:
  """Describes what a split must keep for its shards to stay the same.

  Args:
    plan: all shards of the split.

  Returns:
    'videos' and 'shards', which are counts, and 'sha256'.
  """
  samples = [_identity(sample) for shard in plan for sample in shard.samples]
  return {
    'videos': len(samples),
    'shards': len(plan),
    'sha256': digest(samples),
  }


def _identity(sample: data_set.Sample) -> list[Any]:
  """Lists what tells a sample from others, for the fingerprint of its split.

  Folders are recognized by this list, so it must stay as it is. It comes from
  the list of the data set alone, and does not depend on the files that are
  there. So the path is no part of it, because a file may be moved. Start and
  end are no part of it either, because a whole video may take the place of a
  file that holds the part alone. The ids tell the parts of a video apart.
  """
  return [sample.id, sample.label]


def refuse_change(
  path: pathlib.Path, topic: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
  """Raises InputError if a topic of parameters.json is another than before.

  Args:
    path: the file, for the message.
    topic: the key of the topic in the file.
    old: what stands there.
    new: what this run would write.
  """
  changes = [
    f'{key} was {old.get(key)!r} and is {new.get(key)!r} now'
    for key in {**old, **new}
    if old.get(key) != new.get(key) and key != 'sha256'
  ]
  if not changes and old.get('sha256') != new.get('sha256'):
    changes = ['other names, labels or another order (sha256)']
  if changes:
    flag = ', see --shard_size' if 'shards' in old and 'shards' in new else ''
    raise errors.InputError(
      f'{path}: the shards were made otherwise ({topic}: '
      f'{", ".join(changes)}{flag}); choose another --output_dir, or the '
      'settings and files from before'
    )


def digest(values: Sequence[Any]) -> str:
  """Returns the digest of class names or samples, 64 hexadecimal digits."""
  return hashlib.sha256(json.dumps(values).encode()).hexdigest()
