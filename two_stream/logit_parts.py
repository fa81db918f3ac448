"""The logits of each shard in a file of its own, which outlives a kill.

    rgb_imagenet/validation-00003-of-00388.npz    a network's logits of a shard

A part tells the checkpoint and the shard it was made from. Where either is
another now, the part is no more used.
"""

import hashlib
import pathlib
import zipfile
from typing import NamedTuple

import numpy as np

from two_stream import errors, files


class Part(NamedTuple):
  """A network's logits of the readable clips of a shard, in their order.

  Attributes:
    records: int64 [N]; which records of the shard they are.
    ids: str [N].
    labels: int32 [N]; `records.NO_LABEL` where there is none.
    logits: float32 [N, classes].
  """

  records: np.ndarray
  ids: np.ndarray
  labels: np.ndarray
  logits: np.ndarray

  def select(self, wanted):
    """The part of the records in `wanted` alone."""
    chosen = np.isin(self.records, wanted)
    return Part(*(values[chosen] for values in self))


class Parts:
  """The parts of one network.

  Args:
    folder: where they are; made if missing.
    checkpoint: the network's prefix.

  Raises:
    InputError: the folder cannot be made.
  """

  def __init__(self, folder, checkpoint):
    self._folder = pathlib.Path(folder)
    self.checkpoint_digest = _digest(checkpoint)
    try:
      self._folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
      raise _unwritable(folder, error) from error

  def read(self, shard):
    """Gives the part of a shard, None if there is none that can be used.

    Args:
      shard: path of the shard.
    """
    try:
      with np.load(self._path(shard), allow_pickle=False) as content:
        if str(content['made_from']) != self._source(shard):
          return None
        return Part(*(content[field] for field in Part._fields))
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile):
      return None

  def write(self, shard, part):
    """Writes the part of a shard, whole or not at all.

    Raises:
      InputError: it cannot be written.
    """
    path = self._path(shard)
    files.remove_leftovers(path)
    try:
      with files.atomic_open(path) as stream:
        np.savez(stream, made_from=self._source(shard), **part._asdict())
    except OSError as error:
      raise _unwritable(path, error) from error

  def _path(self, shard):
    return self._folder / f'{pathlib.Path(shard).stem}.npz'

  def _source(self, shard):
    """Tells one checkpoint and shard from others and from changed ones."""
    path = pathlib.Path(shard).resolve()
    status = path.stat()
    return (
      f'{self.checkpoint_digest} {path} {status.st_size} {status.st_mtime_ns}'
    )


def _digest(checkpoint):
  """SHA-256 of a checkpoint's two files."""
  digest = hashlib.sha256()
  for suffix in ('.index', '.data-00000-of-00001'):
    try:
      digest.update(pathlib.Path(f'{checkpoint}{suffix}').read_bytes())
    except OSError as error:
      raise errors.InputError(
        f'{checkpoint}{suffix}: cannot be read: {error}; copy it again'
      ) from error
  return digest.hexdigest()


def _unwritable(path, error):
  return errors.InputError(
    f'{path}: cannot be written: {error}; make room or choose another '
    '--output_dir, then run again: it continues'
  )
