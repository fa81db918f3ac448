"""What a data set will cost in disk and time, measured on a few videos of it.

RGB is made of each of these videos as a whole, and flow of its first frames
alone, because flow takes most of the time.
"""

import dataclasses
import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from two_stream.datasets import data_set
from two_stream.preprocessing import (
  distinct_frames,
  many_videos,
  one_video,
  worker_pool,
)
from two_stream.records import schema

NUM_VIDEOS = 4
NUM_FLOWS = 20
_ATTEMPTS = 12
_HOUR = 3600
_GIGABYTE = 1e9


class Cost(NamedTuple):
  """What one video takes.

  Attributes:
    seconds: seconds of one processor.
    num_bytes: bytes of its record.
  """

  seconds: float
  num_bytes: float


class Measured(NamedTuple):
  """What was found when a few videos were tried.

  Attributes:
    costs: those of the videos that can be used.
    reason: why one of the others cannot; '' if all can.
  """

  costs: Sequence[Cost]
  reason: str = ''


def measure(
  job: many_videos.PreprocessingJob, present: Sequence[data_set.Sample]
) -> Measured:
  """Measures a few videos, drawn at random but each time the same.

  Args:
    job: how the videos are preprocessed.
    present: the samples whose files are there.

  Returns:
    At most `NUM_VIDEOS` costs.
  """
  count = min(_ATTEMPTS, len(present))
  samples = random.Random(0).sample(present, count)  # noqa: S311 (no secret)
  sources = [many_videos.source(job, sample, 0) for sample in samples]
  costs: list[Cost] = []
  reason = ''
  if not sources:
    return Measured(costs)
  with worker_pool.worker_pool(
    cost_of,
    min(job.num_workers, NUM_VIDEOS, count),
    job.video_timeout,
    distinct_frames.use_one_thread,
  ) as pool:
    for first in range(0, count, NUM_VIDEOS):
      for result in pool.map(sources[first : first + NUM_VIDEOS]):
        if isinstance(result, Cost):
          costs.append(result)
        else:
          reason = result.reason
      if costs:
        break
  return Measured(costs, reason)


def cost_of(source: one_video.Source) -> Cost:
  """Measures one video. This is one task of a worker process."""
  how = source.settings
  begin = time.process_time()
  whole = one_video.encode_video(_with(source, streams=('rgb',)))
  seconds = time.process_time() - begin
  num_bytes = float(_size(whole, schema.RGB_ENCODED))
  if 'flow' in how.streams:
    times = whole.feature_lists[schema.RGB_TIMESTAMP]
    last = min(NUM_FLOWS, len(times) - 1)
    # A little more than the time of that frame, so that the cut is behind it.
    part_seconds = (int(times[last]) - int(times[0])) / 1e6 + 1e-3
    begin = time.process_time()
    part = one_video.encode_video(_with(source, max_seconds=part_seconds))
    num_flows = len(part.feature_lists[schema.FLOW_ENCODED])
    share = (len(whole.feature_lists[schema.RGB_ENCODED]) - 1) / num_flows
    seconds += share * (time.process_time() - begin)
    num_bytes += share * _size(part, schema.FLOW_ENCODED)
  return Cost(seconds, num_bytes)


def describe(
  measured: Measured, job: many_videos.PreprocessingJob, num_present: int
) -> list[str]:
  """Returns lines about a whole data set.

  Args:
    measured: what was found for a few of its videos.
    job: how the videos are preprocessed.
    num_present: how many videos the data set has.
  """
  costs = measured.costs
  if not num_present:
    return ['estimate: none, because no video is there']
  if not costs:
    return [
      'estimate: none, because the videos that were tried cannot be used; one '
      f'of them: {measured.reason}'
    ]
  seconds = num_present * sum(cost.seconds for cost in costs) / len(costs)
  size = num_present * sum(cost.num_bytes for cost in costs) / len(costs)
  processes = job.num_workers * job.share.num_tasks
  tasks = f' in each of {job.share.num_tasks} tasks' * (job.share.num_tasks > 1)
  lines = [
    f'estimate, from {_count(len(costs), "video")}: {_format_size(size)} of '
    f'records; {_format_time(seconds)} of one core, '
    f'{_format_time(seconds / processes)} with '
    f'{_count(job.num_workers, "worker")}{tasks}'
  ]
  if measured.reason:
    lines.append(f'a video that was tried cannot be used: {measured.reason}')
  return lines


def _with(
  source: one_video.Source,
  streams: tuple[str, ...] | None = None,
  max_seconds: float | None = None,
) -> one_video.Source:
  """Returns a source with other settings, of whose video all is used."""
  how = source.settings
  return dataclasses.replace(
    source,
    keep_truncated=True,
    settings=dataclasses.replace(
      how,
      streams=streams or how.streams,
      max_seconds=max_seconds or how.max_seconds,
    ),
  )


def _size(record: schema.Record, key: str) -> int:
  """Returns the number of bytes of the images of a stream."""
  images = record.feature_lists[key]
  return sum(len(image) for image in images if isinstance(image, bytes))


def _count(number: int, what: str) -> str:
  return f'{number} {what}{"" if number == 1 else "s"}'


def _format_time(seconds: float) -> str:
  if seconds < _HOUR:
    return f'{max(seconds / 60, 0.1):.1f} minutes'
  return f'{seconds / _HOUR:.1f} hours'


def _format_size(num_bytes: float) -> str:
  if num_bytes < _GIGABYTE:
    return f'{num_bytes / 1e6:.0f} MB'
  return f'{num_bytes / _GIGABYTE:.1f} GB'
