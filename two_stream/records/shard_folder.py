"""A folder of shards, and what it remembers between runs.

    train-00000-of-02640.tfrecord   a shard; it has this name once it is whole
    label_map.txt
    parameters.json                 what the shards were made from and with
    failures/train-....jsonl        the videos that a shard lacks, and why
    failures.jsonl                  those files in one
    summary.json                    counts of each split
    .lock                           tells which shards a live run writes

Nothing else is remembered: a run that was killed is continued by looking at
these files. A file of failures is written before its shard takes its name, and
shortened after the shard is extended. So at any moment it names at least the
videos that the shard lacks. If a shard has fewer records than that leaves, it
has lost some; see shard_counts.py.
"""

import contextlib
import errno
import fcntl
import logging
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from two_stream import documents, errors, files
from two_stream.datasets import data_set, label_map
from two_stream.records import (
  framing,
  shard_counts,
  shard_parameters,
  shards,
)

FAILURES = 'failures.jsonl'
LABEL_MAP = 'label_map.txt'
PARAMETERS = shard_counts.PARAMETERS


class ShardFolder:
  """The folder of shards, as one run sees it.

  Args:
    folder: its path. The folder is made if it is missing.

  Raises:
    InputError: the folder cannot be written.
  """

  def __init__(self, folder: files.PathLike):
    self.folder = pathlib.Path(folder)
    with files.errors_of_writing(folder, shards.REMEDY_OF_WRITING):
      self._failures_folder.mkdir(parents=True, exist_ok=True)
      self._lock_file = files.open_lock(self.folder / '.lock')

  def path(self, shard: shards.Shard) -> pathlib.Path:
    """Returns where a shard is or will be."""
    return self.folder / f'{shard.name}.tfrecord'

  def damaged(self, plan: Sequence[shards.Shard]) -> dict[str, str]:
    """Finds shards that are there and do not hold what they should.

    Args:
      plan: the shards to look at.

    Returns:
      Name of a shard -> what is wrong with it, in words.

    Raises:
      InputError: a file of the folder cannot be read.
    """
    paths = [self.path(shard) for shard in plan if self.path(shard).exists()]
    return self._look(paths)[1]

  def lacking(self, shard: shards.Shard) -> list[data_set.Sample]:
    """Lists the samples that are missing in a shard that is not damaged.

    Raises:
      InputError: the shard's file of failures cannot be read.
    """
    failures = shard_counts.read_failures(self._failures(shard))
    ids = {failure['id'] for failure in failures}
    return [
      sample
      for sample in shard.samples
      if documents.without_surrogates(sample.id) in ids
    ]

  def claim(self, plan: Sequence[shards.Shard]) -> None:
    """Reserves shards for this process until it ends.

    Each shard has its own byte in the lock file. So two runs cannot write the
    same shard, however they divide the work.

    Args:
      plan: the shards.

    Raises:
      InputError: a live run writes one of them.
    """
    for shard in plan:
      split = data_set.SPLITS.index(shard.split)
      byte = 1 + split + len(data_set.SPLITS) * shard.number
      try:
        self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB, byte)
      except (BlockingIOError, PermissionError):
        raise errors.InputError(
          f'{self.path(shard)}: another run is writing it; wait for that run, '
          'or divide the work by --task_index and --num_tasks'
        ) from None
    files.remove_leftovers(*map(self.path, plan), *map(self._failures, plan))

  def remember_parameters(
    self,
    parameters: Mapping[str, Any],
    class_names: Sequence[str],
    plans: Mapping[str, Sequence[shards.Shard]],
  ) -> None:
    """Writes what the shards are made from and with, or checks it.

    Args:
      parameters: values of JSON that decide what a record holds.
      class_names: the label map.
      plans: split -> all its shards. Later runs may add more splits.

    Raises:
      InputError: the folder was made with other parameters, class names or
        samples, or cannot be read.
    """
    now = {
      'parameters': parameters,
      'classes': {
        'number': len(class_names),
        'sha256': shard_parameters.digest(list(class_names)),
      },
      **{
        split: shard_parameters.fingerprint(plan)
        for split, plan in plans.items()
      },
    }
    path = self.folder / PARAMETERS
    with self._alone():
      old = shard_counts.read_parameters(self.folder)
      if not old and next(self.folder.glob('*.tfrecord'), None):
        raise errors.InputError(f'{path}: is missing; copy it back')
      for topic in now.keys() & old.keys():
        shard_parameters.refuse_change(path, topic, old[topic], now[topic])
      version = {shard_counts.VERSION_KEY: shard_counts.SCHEMA_VERSION}
      self._write(path, documents.to_json({**version, **old, **now}, 2) + '\n')
      self._write(self.folder / LABEL_MAP, label_map.to_text(class_names))

  def record_failures(
    self, shard: shards.Shard, lacking: Iterable[shard_counts.LackingVideo]
  ) -> None:
    """Remembers which videos a shard lacks.

    Args:
      shard: the shard.
      lacking: those videos.
    """
    path = self._failures(shard)
    entries = [
      {
        'id': sample.id,
        'label': sample.label,
        'shard': shard.name,
        'reason': reason,
        **({'missing': True} if is_missing else {}),
      }
      for sample, reason, is_missing in lacking
    ]
    if not entries:
      path.unlink(missing_ok=True)
      return
    lines = (f'{documents.to_json(entry)}\n' for entry in entries)
    self._write(path, ''.join(lines))

  def summarize(self, versions: Mapping[str, str]) -> dict[str, Any]:
    """Writes failures.jsonl and summary.json; returns the latter's content.

    If a shard lost records since it was written, a warning is logged.

    Args:
      versions: name of a library -> the version that this run uses.

    Returns:
      'parameters', 'versions', and 'splits', an object of the counts of each
      split. Among the counts, 'clips' is the number of records that are there.

    Raises:
      InputError: a file of the folder cannot be read or written.
    """
    with self._alone():
      made = shard_counts.read_parameters(self.folder)
      paths = sorted(self._failures_folder.glob('*.jsonl'))
      failures = {path.stem: shard_counts.read_failures(path) for path in paths}
      self._write(
        self.folder / FAILURES, ''.join(map(documents.read_text, paths))
      )
      summary = {
        'parameters': made['parameters'],
        'versions': versions,
        'splits': {
          split: self._count(split, made[split], failures)
          for split in data_set.SPLITS
          if split in made
        },
      }
      self._write(
        self.folder / 'summary.json', documents.to_json(summary, 2) + '\n'
      )
    return summary

  def _count(
    self,
    split: str,
    fingerprint: Mapping[str, Any],
    failures: Mapping[str, Sequence[Any]],
  ) -> dict[str, int]:
    """Counts the videos and records of one split, over all runs so far."""
    num_shards = fingerprint['shards']
    framings, damaged = self._look(
      path
      for path in sorted(self.folder.glob(f'{split}-*-of-*.tfrecord'))
      if (shards.parse_name(path.stem) or (None,))[-1] == num_shards
    )
    for name, problem in damaged.items():
      logging.warning(
        '%s: %s; run its task again, it makes the shard again',
        self.folder / f'{name}.tfrecord',
        problem,
      )
    lacking = [entry for name in framings for entry in failures.get(name, ())]
    missing = sum('missing' in entry for entry in lacking)
    return {
      'videos': fingerprint['videos'],
      'clips': sum(len(found.offsets) for found in framings.values()),
      'missing': missing,
      'failed': len(lacking) - missing,
      'shards': num_shards,
      'shards_written': len(framings),
    }

  def _look(
    self, shard_paths: Iterable[pathlib.Path]
  ) -> tuple[dict[str, framing.Framing], dict[str, str]]:
    """Finds the records of shards, and what is wrong with the shards.

    Returns:
      (name of each shard -> where its records are; name of each damaged shard
      -> what is wrong with it, in words).
    """
    paths = list(shard_paths)
    names = [path.stem for path in paths]
    expectations = shard_counts.expected(self.folder, names)
    framings = dict(zip(names, framing.scan_all(paths)))
    return framings, shard_counts.problems(expectations, framings)

  def _failures(self, shard: shards.Shard) -> pathlib.Path:
    return self._failures_folder / f'{shard.name}.jsonl'

  @property
  def _failures_folder(self) -> pathlib.Path:
    return self.folder / shard_counts.FAILURES

  def _write(self, path: pathlib.Path, text: str) -> None:
    """Replaces a small file, unless it has this content already."""
    with files.errors_of_writing(path, shards.REMEDY_OF_WRITING):
      data = text.encode()
      is_as_long = path.is_file() and path.stat().st_size == len(data)
      if is_as_long and path.read_bytes() == data:
        files.remove_leftovers(path)
        return
      with files.atomic_open(path, 'w') as stream:
        stream.write(text)

  @contextlib.contextmanager
  def _alone(self) -> Iterator[None]:
    """Keeps other runs from writing the files that all runs write."""
    self._lock(fcntl.LOCK_EX, 0)
    try:
      yield
    finally:
      self._lock(fcntl.LOCK_UN, 0)

  def _lock(self, operation: int, byte: int) -> None:
    try:
      fcntl.lockf(self._lock_file, operation, 1, byte)
    except OSError as error:
      # Some network file systems have no locks. There only --task_index keeps
      # runs apart, which is enough if each task is started once.
      if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
        raise


def read_class_names(folder: files.PathLike) -> list[str]:
  """Reads the label map of a folder of shards.

  Args:
    folder: the folder.

  Returns:
    The class names, in the order of the labels in the records.

  Raises:
    InputError: the label map cannot be read, or is not the one that the shards
      were made with, as far as parameters.json tells.
  """
  path = pathlib.Path(folder, LABEL_MAP)
  names = label_map.read(path)
  found = shard_parameters.digest(names)
  made_with = shard_counts.read_parameters(folder).get('classes', {})
  if made_with.get('sha256', found) != found:
    raise errors.InputError(
      f'{path}: not the label map that the shards were made with; run the '
      'preprocessing again, it writes the file again'
    )
  return names
