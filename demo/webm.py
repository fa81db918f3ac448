"""Writes VP9 videos in WebM files; the same frames give the same bytes."""

import contextlib
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from two_stream import errors, files

# FFmpeg's muxer gives each track a random identifier of eight bytes, in the
# elements TrackUID and TagTrackUID (Matroska specification, RFC 9559). Here all
# tracks get the identifier 1; 0 is reserved.
TRACK_UID = re.compile(rb'(\x73\xc5\x88|\x63\xc5\x88).{8}', re.DOTALL)
FIRST_CLUSTER = b'\x1f\x43\xb6\x75'


def write(path: pathlib.Path, frames: Iterable[np.ndarray], fps: float) -> None:
  """Encodes frames into a file, which appears whole or not at all.

  Args:
    path: of the file; it ends in .webm.
    frames: uint8 RGB [height, width, 3]; height and width are even.
    fps: frames per second.

  Raises:
    InputError: if OpenCV has no VP9 encoder, or no space for its file.
  """
  with tempfile.TemporaryDirectory() as folder:
    draft = pathlib.Path(folder, path.name)
    encode(draft, frames, fps)
    head, cluster, clusters = draft.read_bytes().partition(FIRST_CLUSTER)
  head = TRACK_UID.sub(lambda found: found[1] + bytes(7) + b'\x01', head)
  with files.atomic_open(path) as stream:
    stream.write(head + cluster + clusters)


def encode(
  path: pathlib.Path, frames: Iterable[np.ndarray], fps: float
) -> None:
  """Encodes frames with OpenCV; the file has a random track identifier.

  Args:
    path: of the file.
    frames: as for `write`.
    fps: frames per second.

  Raises:
    InputError: as `write`.
  """
  writer, count = None, 0
  for count, frame in enumerate(frames, 1):  # noqa: B007
    if writer is None:
      size = frame.shape[1::-1]
      with without_stderr():
        writer = cv2.VideoWriter(
          str(path), cv2.VideoWriter.fourcc(*'VP90'), fps, size
        )
      if not writer.isOpened():
        raise errors.InputError(
          'OpenCV: has no VP9 encoder; install the opencv-python wheel'
        )
    writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
  if writer is not None:
    writer.release()
  if count_frames(path) != count:  # FFmpeg does not report a full disk.
    raise errors.InputError(
      f'{path.parent}: a clip could not be written whole; is the disk full?'
    )


def count_frames(path: pathlib.Path) -> int:
  """Returns the number of frames that can be decoded."""
  capture = cv2.VideoCapture(str(path))
  count = 0
  while capture.grab():
    count += 1
  capture.release()
  return count


@contextlib.contextmanager
def without_stderr() -> Iterator[None]:
  """Hides what C code writes to standard error during the block.

  OpenCV would print for every file that WebM has no FourCC.
  """
  saved = os.dup(2)
  with pathlib.Path(os.devnull).open('wb') as nowhere:
    os.dup2(nowhere.fileno(), 2)
  try:
    yield
  finally:
    os.dup2(saved, 2)
    os.close(saved)
