"""The logits of each shard in a file of its own, which outlives a kill.

    rgb_imagenet/validation-00003-of-00388.npz    a network's logits of a shard

A part contains digests of the checkpoint and of the shard that it was computed
from, and the views of the clips if these were not the usual ones. `Parts.read`
ignores a part if one of them is another now, or if the file is not what
`Parts.write` writes. Sizes that a file claims are compared
with the file before memory is taken, and no pickle is loaded.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from two_stream import files
from two_stream.evaluation import array_files

# A part of a shard of 64 clips has about 100 kB.
_MAX_BYTES = 1 << 30
_REMEDY = (
  'make room or choose another --output_dir, then run again: it continues'
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Part:
  """A network's logits of the readable clips of a shard, in their order.

  Attributes:
    records: int64 [N]; the positions of the records in the shard, from 0,
      rising.
    ids: str [N]; the ids of the clips.
    labels: int32 [N]; `schema.NO_LABEL` for a clip without a label.
    logits: float32 [N, classes].
    repeated: bool [N]; whether the clip was repeated because it is shorter than
      its views.
  """

  records: np.ndarray
  ids: np.ndarray
  labels: np.ndarray
  logits: np.ndarray
  repeated: np.ndarray

  @classmethod
  def of_rows(
    cls,
    rows: Sequence[tuple[int, str, int, np.ndarray, bool]],
    num_classes: int,
  ) -> 'Part':
    """Makes a part of what is known of each clip.

    Args:
      rows: (record, id, label, logits float32 [classes], whether repeated) of
        each clip, in the order of the records. There may be none.
      num_classes: number of classes of the network.
    """
    records, ids, labels, logits, repeated = zip(*rows) if rows else [()] * 5
    return cls(
      records=np.array(records, np.int64),
      ids=np.array(ids, str),
      labels=np.array(labels, np.int32),
      logits=np.array(logits, np.float32).reshape(len(rows), num_classes),
      repeated=np.array(repeated, bool),
    )

  @classmethod
  def joined(cls, parts: Sequence['Part']) -> 'Part':
    """Returns the rows of some parts, one part after the other."""
    return cls(
      **{
        name: np.concatenate([part.arrays()[name] for part in parts])
        for name in ARRAYS
      }
    )

  def arrays(self) -> dict[str, np.ndarray]:
    """Returns the arrays by their names, in the order of `ARRAYS`."""
    return {name: getattr(self, name) for name in ARRAYS}

  def select(self, wanted: np.ndarray) -> 'Part':
    """Returns the part that has only those records that are in `wanted`."""
    chosen = np.isin(self.records, wanted)
    return Part(
      **{name: values[chosen] for name, values in self.arrays().items()}
    )


# The names of a part's arrays, in the order in which a file has them.
ARRAYS = tuple(field.name for field in dataclasses.fields(Part))


class Parts:
  """The parts of one network.

  Args:
    folder: the folder of the parts, which is made if it is missing.
    checkpoint_digest: digest of the files of the network's checkpoint.
    num_classes: number of classes of the network.
    views: what tells views of the clips from others; '' for the usual ones.

  Raises:
    InputError: the folder cannot be made.
  """

  def __init__(
    self,
    folder: files.PathLike,
    checkpoint_digest: str,
    num_classes: int,
    views: str = '',
  ) -> None:
    self._folder = pathlib.Path(folder)
    self._checkpoint_digest = checkpoint_digest
    self._num_classes = num_classes
    self._views = views
    with files.errors_of_writing(folder, _REMEDY):
      self._folder.mkdir(parents=True, exist_ok=True)

  def read(
    self, shard: files.PathLike, shard_digest: str, num_records: int
  ) -> Part | None:
    """Returns the part of a shard; None if there is none that can be used.

    Args:
      shard: path of the shard.
      shard_digest: digest of the contents of the shard.
      num_records: how many records the shard has.
    """
    try:
      made_from, *arrays = _read_arrays(self._path(shard))
      if not np.array_equal(made_from, np.array(self._source(shard_digest))):
        return None
      part = Part(**dict(zip(ARRAYS, arrays)))
      _check(part, num_records, self._num_classes)
      return part
    except array_files.UNUSABLE:
      return None

  def write(self, shard: files.PathLike, shard_digest: str, part: Part) -> None:
    """Writes the part of a shard. The file appears complete or not at all.

    Args:
      shard: path of the shard.
      shard_digest: digest of the contents of the shard.
      part: the part.

    Raises:
      InputError: the file cannot be written.
    """
    path = self._path(shard)
    with (
      files.errors_of_writing(path, _REMEDY),
      files.atomic_open(path) as stream,
    ):
      arrays = {'made_from': self._source(shard_digest), **part.arrays()}
      np.savez(stream, **arrays)  # type: ignore[arg-type]

  def _path(self, shard: files.PathLike) -> pathlib.Path:
    return self._folder / f'{pathlib.Path(shard).stem}.npz'

  def _source(self, shard_digest: str) -> str:
    """Returns a text that changes when what a part is made from changes."""
    source = f'{self._checkpoint_digest} {shard_digest}'
    return f'{source} {self._views}' if self._views else source


def _read_arrays(path: pathlib.Path) -> list[np.ndarray]:
  """Reads the arrays of a part; raises one of `UNUSABLE` if it cannot.

  Returns:
    The text of `Parts._source` as an array str [], then the arrays of a part.
  """
  names = ['made_from', *ARRAYS]
  arrays = array_files.read_archive(path, names, _MAX_BYTES)
  if list(arrays) == names[:-1]:
    # Older versions showed every clip whole, and wrote no `repeated`.
    arrays[names[-1]] = np.zeros(len(arrays['ids']), bool)
  return [arrays[name] for name in names]


def _check(part: Part, num_records: int, num_classes: int) -> None:
  """Raises ValueError unless the arrays are what the docstring of `Part` says.

  Args:
    part: what was read.
    num_records: how many records the shard has.
    num_classes: number of classes of the network.
  """
  found = part.records
  length = found.size
  form = [(values.shape, values.dtype.str) for values in part.arrays().values()]
  expected = [
    ((length,), '<i8'),
    ((length,), part.ids.dtype.str),
    ((length,), '<i4'),
    ((length, num_classes), '<f4'),
    ((length,), '|b1'),
  ]
  if form != expected or part.ids.dtype.kind != 'U':
    raise ValueError('the arrays have other shapes or types')
  if length and np.max(part.ids.view(np.uint32)) > sys.maxunicode:
    raise ValueError('an id is not text')
  in_order = (np.diff(found) > 0).all()
  if length and not (in_order and found[0] >= 0 and found[-1] < num_records):
    raise ValueError('not the records of the shard')
