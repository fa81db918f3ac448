"""One .npy file of many videos, uint8 [N, T, H, W, 3], read clip by clip.

The file is not mapped into memory, where a file that gets shorter would end the
process. So a set may be larger than memory.
"""

import math
import pathlib

import numpy as np

from two_stream import errors, files, identity
from two_stream.evaluation import array_files
from two_stream.video import pixels


class VideoArray:
  """The clips of a file, which are the first frames of its videos.

  Args:
    path: the file.
    num_frames: how many frames a clip has.

  Attributes:
    shape: that of the whole array, [N, T, H, W, 3].

  Raises:
    InputError: the file is missing, damaged, or no such array, or its videos
      have fewer frames.
  """

  def __init__(self, path: files.PathLike, num_frames: int) -> None:
    self._path = path
    self._num_frames = num_frames
    if pathlib.Path(path).suffix != '.npy':
      files.open_to_read(path).close()  # It may be missing.
      raise errors.InputError(
        f'{path}: a set is a folder of videos, or a .npy file [videos, frames, '
        'height, width, 3] of uint8'
      )
    with files.open_to_read(path) as stream:
      shape, is_fortran, dtype = array_files.read_header(stream, path)
      self._check_kind(shape, is_fortran, dtype)
      array_files.check_length(stream, path, shape, dtype)
      self.shape = shape
      self._start = stream.tell()

  def clip(self, index: int) -> np.ndarray:
    """Reads a clip, uint8 [num_frames, H, W, 3].

    Raises:
      InputError: the file got shorter.
    """
    size = self._num_frames * math.prod(self.shape[2:])
    with files.open_to_read(self._path) as stream:
      stream.seek(self._start + index * math.prod(self.shape[1:]))
      content = stream.read(size)
    if len(content) < size:
      raise identity.changed(self._path)
    return np.frombuffer(content, np.uint8).reshape(-1, *self.shape[2:])

  def _check_kind(
    self, shape: list[int], is_fortran: bool, dtype: np.dtype
  ) -> None:
    """Raises InputError if the array is no set of videos."""
    path = self._path
    if len(shape) != 5 or shape[4] != 3 or not math.prod(shape):
      raise errors.InputError(
        f'{path} has shape {shape[:6]}; a set is [videos, frames, height, '
        'width, 3]'
      )
    if dtype != np.uint8:
      raise errors.InputError(
        f'{path} holds {dtype.name}; a set holds uint8 from 0 to 255. Floats '
        'in [0, 1] become that by np.rint(255 * x).astype(np.uint8)'
      )
    if is_fortran:
      raise errors.InputError(
        f"{path} is in Fortran's order; save np.ascontiguousarray(x)"
      )
    if shape[1] < self._num_frames:
      raise errors.InputError(
        f'{path} has videos of {shape[1]} frames; a clip is to have '
        f'{self._num_frames}, see --num_frames'
      )
    if math.prod(shape[2:]) * self._num_frames > pixels.MAX_CLIP_BYTES:
      raise errors.InputError(
        f'{path}: {self._num_frames} frames of {shape[3]} x {shape[2]} pixels '
        'are too large for a clip'
      )
