"""VP9 in WebM, the same bytes every time."""

import contextlib
import os
import pathlib
import re
import tempfile

import cv2

from two_stream import errors, files

# The muxer gives its track a random identifier of eight bytes, in the elements
# TrackUID and TagTrackUID (Matroska specification, RFC 9559). Zero is reserved.
TRACK_UID = re.compile(rb'(\x73\xc5\x88|\x63\xc5\x88).{8}', re.DOTALL)
FIRST_CLUSTER = b'\x1f\x43\xb6\x75'


def write(path, frames, fps):
  """Encodes frames into a file that appears whole or not at all.

  Args:
    path: a pathlib.Path that ends in .webm.
    frames: iterable of uint8 RGB [height, width, 3], both sides even.
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


def encode(path, frames, fps):
  """Encodes with OpenCV, whose FFmpeg marks the track at random."""
  writer, count = None, 0
  for count, frame in enumerate(frames, 1):  # noqa: B007
    if writer is None:
      size = frame.shape[1::-1]
      with without_stderr():
        writer = cv2.VideoWriter(
          str(path), cv2.VideoWriter_fourcc(*'VP90'), fps, size
        )
      if not writer.isOpened():
        raise errors.InputError(
          'OpenCV: has no VP9 encoder; install the opencv-python wheel'
        )
    writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
  writer.release()
  if count_frames(path) != count:  # FFmpeg does not tell of a full disk.
    raise errors.InputError(
      f'{path.parent}: a clip could not be written whole; is the disk full?'
    )


def count_frames(path):
  """The number of frames that can be decoded."""
  capture = cv2.VideoCapture(str(path))
  count = 0
  while capture.grab():
    count += 1
  capture.release()
  return count


@contextlib.contextmanager
def without_stderr():
  """Silences C code: OpenCV complains that WebM knows no FourCC, every time."""
  saved = os.dup(2)
  with pathlib.Path(os.devnull).open('wb') as nowhere:
    os.dup2(nowhere.fileno(), 2)
  try:
    yield
  finally:
    os.dup2(saved, 2)
    os.close(saved)
