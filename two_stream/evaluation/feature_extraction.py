"""Videos or records become files of features."""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from two_stream import errors
from two_stream.evaluation import (
  feature_file,
  feature_folder,
  feature_progress,
  feature_settings,
  feature_videos,
  record_frames,
  windows,
)
from two_stream.preprocessing import (
  clip_settings,
  frames_process,
  shown_frames,
)
from two_stream.records import record_index, tfrecords
from two_stream.video import pixels

SHORT = 'shorter than a window: one window of all frames'
_DAMAGED = 'get the file again or use --keep_truncated'

Network = Callable[[np.ndarray], np.ndarray]


class Frames(Protocol):
  """The frames of a video, see `shown_frames.ShownFrames`."""

  damage: str
  notes: tuple[str, ...]
  length: float

  def __iter__(self) -> Iterator[shown_frames.ShownFrame]:
    """Yields the frames in the order of time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extraction:
  """What is to be done.

  Attributes:
    folder: where the files are.
    settings: how the features are made.
    networks: stream -> a function of clips, float32 [B, T, 224, 224, channels]
      -> float32 [B, ...].
    batch_windows: how many windows go through a network at a time.
    keep_truncated: whether what can be decoded of a damaged file is used.
  """

  folder: feature_folder.FeatureFolder
  settings: feature_settings.FeatureSettings
  networks: Mapping[str, Network]
  batch_windows: int = 1
  keep_truncated: bool = False


class Batch(NamedTuple):
  """The features of some windows.

  Attributes:
    windows: the windows.
    features: stream -> float32 [windows, ...].
  """

  windows: Sequence[windows.Window]
  features: dict[str, np.ndarray]


def of_videos(
  extraction: Extraction,
  videos: Sequence[feature_videos.WantedVideo],
  num_threads: int,
  frames_per_second_of_frames: float | None = None,
) -> None:
  """Writes the features of videos that are not there yet.

  Videos that cannot be used are noted in the folder.

  Args:
    extraction: what is to be done.
    videos: the videos of this task.
    num_threads: how many flows are computed at a time.
    frames_per_second_of_frames: the rate of videos that are folders of frames.

  Raises:
    InputError: a file cannot be written, or there is one that was made with
      other settings.
  """
  settings = clip_settings.Settings(
    frames_per_second=extraction.settings.frames_per_second,
    streams=('rgb', 'flow') if 'flow' in extraction.networks else ('rgb',),
    frames_per_second_of_frames=frames_per_second_of_frames,
  )
  process = frames_process.FramesProcess()
  try:
    with feature_progress.FeatureProgress(len(videos)) as bar:
      todo = _unfinished(extraction.folder, videos, bar)
      # While a video is at work, the process begins with the next one.
      ahead = itertools.chain(todo, [None])
      for number, (this, following) in enumerate(itertools.pairwise(ahead)):
        for each in (this if not number else None, following):
          if each is not None:
            video = each[0]
            process.give(
              shown_frames.Source(
                path=video.path,
                settings=settings,
                inside=video.inside,
                start=video.start,
                end=video.end,
                is_cropped=extraction.settings.num_crops == 1,
                num_threads=num_threads,
              )
            )
        assert this is not None
        video, content = this
        extract(
          extraction, video.id, str(video.path), content, process.take(), bar
        )
  finally:
    process.close()


def of_records(
  extraction: Extraction,
  split: str,
  index: record_index.RecordIndex,
  records: Sequence[int],
) -> None:
  """Writes the features of records that are not there yet.

  Records that cannot be read are noted in the folder.

  Args:
    extraction: what is to be done.
    split: the name of the split, which ids begin with.
    index: where the records are.
    records: the numbers of those of this task.

  Raises:
    InputError: a file cannot be written, or there is one that was made with
      other settings, or two records have the same id.
  """
  # Damage was accepted when the record was made.
  extraction = dataclasses.replace(extraction, keep_truncated=True)
  seen: dict[str, str] = {}
  with feature_progress.FeatureProgress(len(records)) as bar:
    for number in records:
      name = index.name(number)
      video_id = name
      try:
        serialized = _read(index, number)
        video_id = f'{split}/{tfrecords.clip_id(serialized)}'
        record = tfrecords.deserialize(serialized)
        frames = record_frames.RecordFrames(
          record, [*extraction.networks], extraction.settings.num_crops == 1
        )
      except errors.InputError as error:
        extraction.folder.fail(video_id, errors.InputError(f'{name}: {error}'))
        bar.finish_video('failed')
        continue
      if video_id in seen:
        raise errors.InputError(
          f'{name}: has the id of {seen[video_id]}; make the shards again'
        )
      seen[video_id] = name
      digest = hashlib.sha256(serialized).hexdigest()
      content = {'id': video_id, 'sha256': digest}
      if extraction.folder.is_done(video_id, content):
        bar.skip_video()
      else:
        extract(extraction, video_id, name, content, frames, bar)


def extract(
  extraction: Extraction,
  video_id: str,
  name: str,
  content: Mapping[str, Any],
  frames: Frames,
  bar: feature_progress.FeatureProgress,
) -> None:
  """Writes the features of one video, or notes why it cannot be used."""
  path = extraction.folder.path(video_id)
  writer = feature_file.FeatureWriter(path)
  batches = features(extraction, frames, name)
  notes: tuple[str, ...] = ()
  try:
    while True:
      try:
        batch = next(batches, None)
        if batch is None and frames.damage and not extraction.keep_truncated:
          raise errors.InputError(f'{name}: {frames.damage}; {_DAMAGED}')
      except errors.InputError as error:
        extraction.folder.fail(video_id, error)
        bar.finish_video('failed')
        return
      if batch is None:
        break
      seconds = [window.seconds for window in batch.windows]
      starts = [window.start for window in batch.windows]
      writer.add(starts, seconds, batch.features)
      if len(batch.windows[0].rgb) < extraction.settings.window_frames:
        notes = (f'{SHORT} ({len(batch.windows[0].rgb)})',)
      bar.go_on(len(seconds), seconds[-1], frames.length)
    writer.write(
      extraction.folder.how(
        source=dict(content),
        damage=frames.damage,
        notes=[*frames.notes, *notes],
        versions=versions(),
      )
    )
    bar.finish_video('', (*frames.notes, *(SHORT for _ in notes)))
  finally:
    writer.close()


def features(
  extraction: Extraction, frames: Frames, name: str
) -> Iterator[Batch]:
  """Yields the features of a video, batch by batch.

  Args:
    extraction: how they are made.
    frames: of the video.
    name: what messages call the video.

  Raises:
    InputError: the video cannot be used.
  """
  found = windows.slide(
    frames, extraction.settings.plan, 'flow' in extraction.networks, name
  )
  while batch := list(itertools.islice(found, extraction.batch_windows)):
    yield Batch(
      batch,
      {
        stream: _of_crops(network, stream, batch, extraction.settings.num_crops)
        for stream, network in extraction.networks.items()
      },
    )


def _of_crops(
  network: Network,
  stream: str,
  batch: Sequence[windows.Window],
  num_crops: int,
) -> np.ndarray:
  """Computes the features of a stream.

  Returns:
    float32 [windows, ...]; with more than one crop [windows, crops, ...].
  """
  images = [
    window.rgb if stream == 'rgb' else _flow(window) for window in batch
  ]
  if num_crops == 1:
    return network(_clip(np.stack(images), stream))
  by_crop = [
    network(_clip(np.stack([crop(each) for each in images]), stream))
    for crop in _ten_crops(images[0].shape, stream)
  ]
  return np.stack(by_crop, axis=1)


def _flow(window: windows.Window) -> np.ndarray:
  assert window.flow is not None
  return window.flow


def _clip(images: np.ndarray, stream: str) -> np.ndarray:
  """Returns images [..., channels] as the network takes them."""
  return pixels.scale_rgb(images) if stream == 'rgb' else images


def _ten_crops(
  shape: tuple[int, ...], stream: str
) -> Iterator[Callable[[np.ndarray], np.ndarray]]:
  """Yields functions that cut crops out of images of a shape [T, H, W, C].

  They come in the order of view_plan.py.
  """
  _, height, width, _ = shape
  size = pixels.CROP_SIZE
  bottom, right = height - size, width - size
  corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
  corners.append(pixels.center_corner(height, width))
  mirror = np.array([-1, 1] if stream == 'flow' else [1] * 3)
  for is_mirrored in (False, True):
    for top, left in corners:

      def crop(
        images: np.ndarray,
        top: int = top,
        left: int = left,
        is_mirrored: bool = is_mirrored,
      ) -> np.ndarray:
        cut = images[:, top : top + size, left : left + size]
        if not is_mirrored:
          return cut
        # Motion to the right becomes motion to the left.
        return cut[:, :, ::-1] * mirror.astype(images.dtype)

      yield crop


def versions() -> dict[str, str]:
  """Gives the versions of the libraries that decide the features."""
  return {**clip_settings.versions(), 'tensorflow': tf.__version__}


def _unfinished(
  folder: feature_folder.FeatureFolder,
  videos: Iterable[feature_videos.WantedVideo],
  bar: feature_progress.FeatureProgress,
) -> Iterator[tuple[feature_videos.WantedVideo, dict[str, Any]]]:
  """Yields the videos that have no features yet, and their contents."""
  for video in videos:
    try:
      content = video.content()
    except errors.InputError as error:
      folder.fail(video.id, error)
      bar.finish_video('failed')
      continue
    if folder.is_done(video.id, content):
      bar.skip_video()
    else:
      yield video, content


def _read(index: record_index.RecordIndex, number: int) -> bytes:
  """Reads a record; raises InputError if its checksum is wrong."""
  numbers = tf.data.Dataset.from_tensors(tf.constant(number, tf.int64))
  try:
    (serialized,) = numbers.flat_map(index.read).as_numpy_iterator()
  except (tf.errors.DataLossError, tf.errors.NotFoundError, ValueError):
    raise errors.InputError('the record is damaged') from None
  return serialized
