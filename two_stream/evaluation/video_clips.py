"""From a video file to the clips that the networks take.

The steps are those of preprocessing, without the compression of records.
"""

import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from two_stream import errors, files, recipe
from two_stream.preprocessing import clip_settings, distinct_frames
from two_stream.records import schema
from two_stream.video import pixels


class VideoClips(NamedTuple):
  """The inputs of the networks, made from one video.

  Attributes:
    clips: ('rgb', float32 [1, T, 224, 224, 3]) and then ('flow', float32
      [1, T, 224, 224, 2]), or one of these, each made when it is asked for.
      Values are in [-1, 1]. A clip is the centre crop, without the last frame,
      which has no flow.
    damage: what is wrong with the file, see `clip_buffer.Video`.
    notes: what was done to unusual frames, see `clip_buffer.Video`.
  """

  clips: Iterator[tuple[str, np.ndarray]]
  damage: str
  notes: tuple[str, ...]


def read(
  path: files.PathLike,
  how: clip_settings.Settings,
  streams: Collection[str] = clip_settings.STREAMS,
  num_threads: int | None = None,
) -> VideoClips:
  """Prepares the inputs of the networks from a video file.

  Args:
    path: a file of one of the `video_file.FORMATS`.
    how: the rate, the size and the longest duration of the clip.
    streams: which inputs to make. Flow takes most of the time.
    num_threads: how many threads compute the flow; None: one for each core. The
      flow does not depend on this number.

  Returns:
    The clips of the streams, equally long.

  Raises:
    InputError: the file cannot be used, or the clip would have fewer frames
      than the network needs, or more than `pixels.MAX_FRAMES`.
  """
  source = distinct_frames.read(path, how)
  index = source.frame_index
  _check_length(path, source, how)
  if len(index) > pixels.MAX_FRAMES:
    raise errors.InputError(
      f'{path}: {len(index)} frames at {how.frames_per_second} a second; a '
      f'clip has at most {pixels.MAX_FRAMES}, cut it into clips first'
    )
  clips = _clips(source, streams, num_threads)
  return VideoClips(clips, source.damage, source.notes)


def _clips(
  source: distinct_frames.DistinctFrames,
  streams: Collection[str],
  num_threads: int | None,
) -> Iterator[tuple[str, np.ndarray]]:
  """Yields `VideoClips.clips`."""
  index = source.frame_index
  if 'rgb' in streams:
    rgb = pixels.center_crop(source.frames)[index[:-1]]
    yield 'rgb', pixels.scale_rgb(rgb)[np.newaxis]
  if 'flow' in streams:
    num_threads = num_threads or len(os.sched_getaffinity(0))
    if num_threads > 1:
      distinct_frames.use_one_thread()
    flows = [
      pixels.scale_flow(pixels.center_crop(flow))
      for flow in distinct_frames.optical_flows(source.frames, num_threads)
    ]
    size = flows[0].shape[:2]
    yield 'flow', schema.expand_flow(flows, index, size)[np.newaxis]


def _check_length(
  path: files.PathLike,
  source: distinct_frames.DistinctFrames,
  how: clip_settings.Settings,
) -> None:
  """Raises InputError if the clip is too short for the network."""
  num_frames = len(source.frame_index) - 1  # The last one has no flow.
  if num_frames >= recipe.MIN_FRAMES:
    return
  rate = how.frames_per_second
  seconds = (source.timestamps[-1] - source.timestamps[0]) / 1e6
  why = (
    f'has {num_frames + 1} frames, and the last one has no flow'
    if rate is None
    else f'its frames span {seconds:.2f} seconds, which at {rate} frames a '
    f'second are {num_frames} frames besides the last, which has no flow'
  )
  raise errors.InputError(
    f'{path}: {why}; the network needs at least {recipe.MIN_FRAMES}'
  )
