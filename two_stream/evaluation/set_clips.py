"""The clip that the FVD takes of a video: its first frames, 224 x 224 pixels.

Worker processes load the clips, so nothing here needs TensorFlow.
"""

import dataclasses
import hashlib
import itertools
import os
import pathlib
from collections.abc import Iterator

import cv2
import numpy as np

from two_stream import errors, identity
from two_stream.datasets import video_search
from two_stream.evaluation import video_array, video_sets
from two_stream.video import (
  frames_folder,
  pixels,
  reader,
  resampling,
  tf1_bilinear,
)

# Images are taken one after the other, so their rate does not matter.
_ANY_RATE = 25


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
  """The clip of one video.

  Attributes:
    frames: float32 [num_frames, 224, 224, 3], values from 0 to 255.
    size: (height, width) of the frames before they were resized.
    digest: what `digest` says after the frames were read.
    notes: what was done to unusual frames, see `clip_buffer.Video`.
  """

  frames: np.ndarray
  size: tuple[int, int]
  digest: str
  notes: tuple[str, ...]


def digest(source: video_sets.Source, settings: video_sets.ClipSettings) -> str:
  """Computes the SHA-256 of what a clip is made from.

  This is the content of a video file, the names and contents of the images of a
  folder, or the clip's part of an array.

  Returns:
    64 hexadecimal digits.

  Raises:
    InputError: a file cannot be read.
  """
  if source.index is not None:
    return _digest_of_array(_array_clip(source, settings))
  if not os.path.isdir(source.path):  # noqa: PTH112
    return identity.digest(source.path)
  names = video_search.look(source.path, follow_links=False).frames
  listed = hashlib.sha256(os.fsencode('\0'.join(names))).hexdigest()
  contents = identity.digest(*(pathlib.Path(source.path, n) for n in names))
  return hashlib.sha256(f'{listed} {contents}'.encode()).hexdigest()


def load(task: tuple[video_sets.Source, video_sets.ClipSettings]) -> Clip:
  """Loads a clip.

  Args:
    task: (the video, what a clip is).

  Raises:
    InputError: the video cannot be read, is damaged, or has too few frames.
  """
  source, settings = task
  if source.index is not None:
    array = _array_clip(source, settings)
    frames = np.stack([_resize(frame) for frame in array])
    height, width = array.shape[1:3]
    return Clip(
      frames=frames,
      size=(height, width),
      digest=_digest_of_array(array),
      notes=(),
    )
  if os.path.isdir(source.path):  # noqa: PTH112
    return _take(
      source,
      frames_folder.FolderFrames(source.path, _ANY_RATE, source.inside),
      dataclasses.replace(settings, frames_per_second=None),
    )
  with reader.open_frames(source.path, source.inside) as video:
    return _take(source, video, settings)


def use_one_thread() -> None:
  """Keeps OpenCV to one thread; each worker process calls this first."""
  cv2.setNumThreads(1)


def _take(
  source: video_sets.Source,
  video: reader.VideoFrames | frames_folder.FolderFrames,
  settings: video_sets.ClipSettings,
) -> Clip:
  """Takes the first frames of an open video."""
  sizes: list[tuple[int, int]] = []
  resized = _resized(video, settings.frames_per_second, sizes)
  frames = list(itertools.islice(resized, settings.num_frames))
  num_frames = len(frames)
  is_cut = num_frames == settings.num_frames
  damage, notes = video.describe(len(sizes), is_cut)
  if damage:
    raise errors.InputError(f'{source.path}: {damage}')
  if not is_cut:
    rate = settings.frames_per_second
    at = '' if rate is None else f' at {rate} a second'
    raise errors.InputError(
      f'{source.path}: has {num_frames} frames{at}, fewer than '
      f'{settings.num_frames}'
    )
  clip = np.stack(frames)
  if isinstance(video, frames_folder.FolderFrames) and 0 < clip.max() <= 1:
    raise errors.InputError(
      f'{source.path}: its frames have no value above 1; scale them to 0 to '
      '255 before they become pictures'
    )
  return Clip(
    frames=clip,
    size=sizes[0],
    digest=digest(source, settings),
    notes=notes,
  )


def _resized(
  video: reader.VideoFrames | frames_folder.FolderFrames,
  rate: int | None,
  sizes: list[tuple[int, int]],
) -> Iterator[np.ndarray]:
  """Yields resized frames, more than a clip has; lists the sizes they had.

  An image is valid until the next one is decoded, so each is resized at once.
  """

  def images() -> Iterator[tuple[np.ndarray, int]]:
    for image, time in video:
      sizes.append((image.shape[0], image.shape[1]))
      yield _resize(image), time

  if rate is None:
    yield from (image for image, _ in images())
    return
  for image, _, count in resampling.resample_stream(images(), rate):
    yield from itertools.repeat(image, count)


def _resize(frame: np.ndarray) -> np.ndarray:
  return tf1_bilinear.resize(frame, pixels.CROP_SIZE)


def _array_clip(
  source: video_sets.Source, settings: video_sets.ClipSettings
) -> np.ndarray:
  """Reads the frames of one clip of an array, uint8 [num_frames, H, W, 3]."""
  assert source.index is not None
  array = video_array.VideoArray(source.path, settings.num_frames)
  return array.clip(source.index)


def _digest_of_array(clip: np.ndarray) -> str:
  """Returns the SHA-256 of the shape and values of a clip."""
  return hashlib.sha256(f'{clip.shape} '.encode() + clip.tobytes()).hexdigest()
