r"""Measures what decoding costs beside OpenCV's reader, in one thread each.

    python -m benchmarks.decoding --videos_dir=VIDEOS

Both read the same files and resize the frames in the same way, in turns. Only
processor time counts. The reader of this project puts times in order, finds
damage and deinterlaces, which OpenCV's does not.
"""

import pathlib
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from absl import flags

from two_stream import cli, errors, files
from two_stream.video import pixels, reader

FLAGS = flags.FLAGS

cli.define_path(
  'videos_dir', None, 'The folder of the video files.', required=True
)
flags.DEFINE_integer('rounds', 5, 'Number of rounds.', lower_bound=1)


def main() -> None:
  """Prints a line for each file."""
  paths = sorted(
    path for path in pathlib.Path(FLAGS.videos_dir).iterdir() if path.is_file()
  )
  if not paths:
    raise errors.InputError(f'{FLAGS.videos_dir}: has no files')
  cv2.setNumThreads(1)
  print('frames  ms a frame  times OpenCV  largest difference  file')
  for path in paths:
    ours, theirs = read(path), read_by_opencv(path)
    ratios, seconds = [], []
    for _ in range(FLAGS.rounds):
      by_opencv = processor_time(read_by_opencv, path)
      seconds.append(processor_time(read, path))
      ratios.append(seconds[-1] / by_opencv)
    same = min(len(ours), len(theirs))
    difference = np.abs(ours[:same].astype(int) - theirs[:same]).max()
    print(
      f'{len(ours):6d}  {1000 * statistics.median(seconds) / len(ours):10.2f}  '
      f'{statistics.median(ratios):12.2f}  {difference:18d}  {path.name}'
    )


def read(path: files.PathLike) -> np.ndarray:
  """Returns the resized frames, uint8 [N, H, W, 3], RGB."""
  return reader.read_video(path).frames


def read_by_opencv(path: files.PathLike) -> np.ndarray:
  """Does the same by the reader of OpenCV."""
  capture = cv2.VideoCapture(
    str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]
  )
  frames = []
  while True:
    decoded, frame = capture.read()
    if not decoded:
      break
    height, width = pixels.resized(
      frame.shape[0], frame.shape[1], pixels.SHORT_SIDE
    )
    frames.append(cv2.resize(frame, (width, height))[..., ::-1])
  if not frames:
    raise errors.InputError(f'{path}: OpenCV decodes no frame')
  return np.stack(frames)


def processor_time(
  function: Callable[[files.PathLike], np.ndarray], path: files.PathLike
) -> float:
  """Returns the seconds of processor time that a call takes."""
  start = time.process_time()
  function(path)
  return time.process_time() - start


if __name__ == '__main__':
  cli.run(main)
