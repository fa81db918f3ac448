"""The file of a video's features.

    rgb, flow       float32 [windows, ...], of the streams that were asked for
    start_frame     int64 [windows], see `windows.Window.start`
    start_seconds   float64 [windows], see `windows.Window.seconds`
    how             str []: JSON that tells how the features were made

`numpy.load` reads the file. Its bytes are decided by what it holds. Features
wait in a file on disk until their number is known, so a video may have any
number of windows.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np

from two_stream import documents, files
from two_stream.evaluation import array_files

_MAX_HOW = 1 << 20  # Bytes.
_REMEDY = (
  'make room or choose another --output_dir, then run again: it continues'
)


class FeatureWriter:
  """Collects the features of one video, and writes the file at the end.

  Args:
    path: the file. Its folder is made if it is missing.

  Raises:
    InputError: the folder cannot be made or written.
  """

  def __init__(self, path: files.PathLike):
    self._path = pathlib.Path(path)
    self._waiting: dict[str, IO[bytes]] = {}
    self._shapes: dict[str, tuple[int, ...]] = {}
    self._frames: list[int] = []
    self._seconds: list[float] = []
    with files.errors_of_writing(path, _REMEDY):
      self._path.parent.mkdir(parents=True, exist_ok=True)

  def add(
    self,
    frames: Sequence[int],
    seconds: Sequence[float],
    features: Mapping[str, np.ndarray],
  ) -> None:
    """Adds the features of some windows.

    Args:
      frames: for each window, its `start`.
      seconds: for each window, its `seconds`.
      features: stream -> float32 [windows, ...].

    Raises:
      InputError: the disk is full.
    """
    self._frames += frames
    self._seconds += seconds
    with files.errors_of_writing(self._path, _REMEDY):
      for stream, values in features.items():
        if stream not in self._waiting:
          # It has no name, so nothing is left of it after a kill.
          self._waiting[stream] = tempfile.TemporaryFile(  # noqa: SIM115
            dir=self._path.parent
          )
        self._shapes[stream] = values.shape[1:]
        self._waiting[stream].write(np.ascontiguousarray(values, '<f4').data)

  def write(self, how: Mapping[str, Any]) -> None:
    """Writes the file, which appears whole or not at all.

    Args:
      how: what tells how the features were made, as values of JSON.

    Raises:
      InputError: the file cannot be written.
    """
    with (
      files.errors_of_writing(self._path, _REMEDY),
      files.atomic_open(self._path) as stream,
      zipfile.ZipFile(stream, 'w') as archive,
    ):
      for name, waiting in self._waiting.items():
        shape = (len(self._frames), *self._shapes[name])
        with _member(archive, name) as member:
          np.lib.format.write_array_header_1_0(
            member, {'descr': '<f4', 'fortran_order': False, 'shape': shape}
          )
          waiting.seek(0)
          shutil.copyfileobj(waiting, member)
      for name, values in (
        ('start_frame', np.array(self._frames, np.int64)),
        ('start_seconds', np.array(self._seconds, np.float64)),
        ('how', np.array(documents.to_json(how))),
      ):
        with _member(archive, name) as member:
          np.lib.format.write_array(member, values, allow_pickle=False)

  def close(self) -> None:
    """Drops what was not written."""
    for waiting in self._waiting.values():
      waiting.close()


def read_how(path: files.PathLike) -> Any:
  """Reads how the features of a file were made; None if it is not such a file.

  Args:
    path: the file. It may be missing.

  Returns:
    Values of JSON.
  """
  with contextlib.suppress(*array_files.UNUSABLE):
    how = array_files.read_member(path, 'how', _MAX_HOW)
    return documents.parse_json(str(how), os.fspath(path))
  return None


@contextlib.contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
  """Opens an array of the archive; its date is always 1980-01-01."""
  info = zipfile.ZipInfo(f'{name}.npy')
  with archive.open(info, 'w', force_zip64=True) as member:
    yield member
