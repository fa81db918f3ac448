"""The settings that decide what a record holds.

A folder of shards keeps them in its parameters.json and refuses to go on with
others, because then records of one data set would not be alike.
"""

import dataclasses
import importlib.metadata
from typing import Any

from two_stream import errors, files
from two_stream.video import (
  codecs,
  pixels,
  reader,
  resampling,
  tvl1,
  tvl1_kernels,
)

STREAMS = ('rgb', 'flow')

_LIBRARIES = ('av', 'numba', 'numpy', 'opencv-python')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
  """How videos are turned into clips.

  Attributes:
    frames_per_second: the rate of the clip, or None to keep the source's.
    short_side: pixels of the frames' smaller side.
    streams: ('rgb',) or ('rgb', 'flow').
    max_seconds: where a longer video is cut.
    frames_per_second_of_frames: the rate of samples that are folders of
      numbered frames; None if there are none.
  """

  frames_per_second: int | None = resampling.FRAMES_PER_SECOND
  short_side: int = pixels.SHORT_SIDE
  streams: tuple[str, ...] = STREAMS
  max_seconds: float = reader.MAX_SECONDS
  frames_per_second_of_frames: float | None = None

  def parameters(self) -> dict[str, Any]:
    """Lists everything that decides what a record holds, as values of JSON.

    A key must be added only together with a change of what records hold, and
    `shard_counts.SCHEMA_VERSION` must then be raised. The rate of folders of
    frames stands among them only if there is one, so that it changes nothing
    for videos.
    """
    rate = self.frames_per_second_of_frames
    of_frames = (
      {} if rate is None else {'frames_per_second_of_frames': float(rate)}
    )
    return {
      **of_frames,
      'frames_per_second': self.frames_per_second or resampling.NATIVE,
      'short_side': self.short_side,
      'streams': list(self.streams),
      'max_seconds': float(self.max_seconds),
      'interpolation': 'bilinear',
      'jpeg_quality': codecs.JPEG_QUALITY,
      'flow_bound': pixels.FLOW_BOUND,
      'flow_code': f'{pixels.FLOW_ZERO} + round({pixels.FLOW_STEPS} v / bound)',
      'tvl1': {
        'tau': tvl1_kernels.TAU,
        'lambda': tvl1_kernels.LAMBDA,
        'theta': tvl1_kernels.THETA,
        'num_scales': tvl1.NUM_SCALES,
        'scale_step': tvl1.SCALE_STEP,
        'num_warps': tvl1.NUM_WARPS,
        'outer_iterations': tvl1.OUTER_ITERATIONS,
        'inner_iterations': tvl1_kernels.INNER_ITERATIONS,
        'epsilon': tvl1.EPSILON,
        'median_size': tvl1.MEDIAN_SIZE,
      },
    }


def versions() -> dict[str, str]:
  """Gives the versions of the libraries whose code decides what records hold.

  Returns:
    Name of a library -> its version.
  """
  return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def rate_is_missing(folder: files.PathLike) -> errors.InputError:
  """Makes the error of a folder of frames without a rate, for the caller."""
  return errors.InputError(
    f'{folder}: is a folder of frames; say how many of them a second has with '
    '--frames_per_second_of_frames'
  )
