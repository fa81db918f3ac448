"""Features of videos, kept between runs under the digests of the videos.

    CACHE_DIR/<what they were computed with>/<digest of the videos>.npz

A part has the features of some videos. Whatever set a video is in, wherever the
set lies and whatever it is called, its features are found by its content. A
part that is damaged counts as absent.
"""

import hashlib
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from two_stream import files
from two_stream.evaluation import array_files

_MAX_BYTES = 1 << 28
_DIGEST_BYTES = 32
_NAMES = ('digests', 'features', 'sizes')
_REMEDY = 'make room or choose another --cache_dir, then run again'


class Row(NamedTuple):
  """What is known of one video.

  Attributes:
    features: float32 [D].
    size: (height, width) of its frames.
  """

  features: np.ndarray
  size: tuple[int, int]


class FeatureCache:
  """The features that were computed with one network and one kind of clip.

  Args:
    folder: the folder of all features, which is made if it is missing; None
      keeps nothing between runs.
    made_with: a text that tells the network and the kind of clip.
    num_features: how many features a video has.

  Attributes:
    rows: digest of a video -> what is known of it.

  Raises:
    InputError: the folder cannot be made.
  """

  def __init__(
    self, folder: files.PathLike | None, made_with: str, num_features: int
  ) -> None:
    self.rows: dict[str, Row] = {}
    self._num_features = num_features
    self._folder: pathlib.Path | None = None
    if folder is None:
      return
    name = hashlib.sha256(made_with.encode()).hexdigest()[:_DIGEST_BYTES]
    self._folder = pathlib.Path(folder, name)
    with files.errors_of_writing(folder, _REMEDY):
      self._folder.mkdir(parents=True, exist_ok=True)
      parts = sorted(self._folder.glob('*.npz'))
    for path in parts:
      self.rows.update(self._read(path))

  def add(self, rows: Mapping[str, Row]) -> None:
    """Takes rows and writes them as a part, which appears whole or not at all.

    Args:
      rows: digest of a video, 64 hexadecimal digits -> what is known of it.

    Raises:
      InputError: the file cannot be written.
    """
    self.rows.update(rows)
    if self._folder is None or not rows:
      return
    digests = b''.join(map(bytes.fromhex, rows))
    path = self._folder / f'{hashlib.sha256(digests).hexdigest()}.npz'
    with (
      files.errors_of_writing(path, _REMEDY),
      files.atomic_open(path) as stream,
    ):
      np.savez(
        stream,
        digests=np.frombuffer(digests, np.uint8).reshape(-1, _DIGEST_BYTES),
        features=np.stack([row.features for row in rows.values()]),
        sizes=np.array([row.size for row in rows.values()], np.int32),
      )

  def _read(self, path: pathlib.Path) -> dict[str, Row]:
    """Reads a part; returns {} if it cannot be used."""
    try:
      arrays = array_files.read_archive(path, _NAMES, _MAX_BYTES)
      digests, features, sizes = (arrays[name] for name in _NAMES)
    except array_files.UNUSABLE:
      return {}
    number = len(digests) if digests.ndim else 0
    found = [(x.shape, x.dtype.str) for x in (digests, features, sizes)]
    if (
      found
      != [
        ((number, _DIGEST_BYTES), '|u1'),
        ((number, self._num_features), '<f4'),
        ((number, 2), '<i4'),
      ]
      or not np.isfinite(features).all()
    ):
      return {}
    return {
      digest.tobytes().hex(): Row(row, (int(size[0]), int(size[1])))
      for digest, row, size in zip(digests, features, sizes)
    }
