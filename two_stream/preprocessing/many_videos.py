"""Turns splits of videos into shards: one run over one machine's share.

Worker processes decode, compute flow and compress. This process alone loads
TensorFlow: it puts the results in order and writes one shard at a time, so a
shard's bytes do not depend on the number of workers, and a kill costs the one
shard that is being written.
"""

import functools
import heapq
import itertools
import pathlib
import sys
from typing import NamedTuple

from two_stream import cli, errors
from two_stream.datasets import something_something
from two_stream.preprocessing import one_video, worker_pool
from two_stream.records import schema, shard_folder, shards
from two_stream.terminal import progress
from two_stream.video import pixels, resampling

SHARD_SIZE = 64
VIDEO_TIMEOUT = 600.0


class Job(NamedTuple):
  """What to preprocess, and how.

  Attributes:
    videos_dir: the folder of `<id>.webm`.
    labels_dir: the folder of the JSON files, see something_something.py.
    output_dir: the folder of the shards, see shard_folder.py.
    splits: some of `something_something.SPLITS`.
    num_workers: worker processes.
    frames_per_second: the rate of the clips, or None to keep the source's.
    short_side: pixels.
    shard_size: the most videos of a shard.
    task_index: which share of the shards is this run's.
    num_tasks: into how many shares they are divided.
    keep_truncated: whether files that break off are used as far as they go.
    video_timeout: seconds after which a video is given up.
  """

  videos_dir: str
  labels_dir: str
  output_dir: str
  splits: tuple = something_something.SPLITS
  num_workers: int = 1
  frames_per_second: int | None = resampling.FRAMES_PER_SECOND
  short_side: int = pixels.SHORT_SIDE
  shard_size: int = SHARD_SIZE
  task_index: int = 0
  num_tasks: int = 1
  keep_truncated: bool = False
  video_timeout: float = VIDEO_TIMEOUT


class Work(NamedTuple):
  """What there is to do of a shard.

  Attributes:
    shard: the shard.
    samples: those of its videos that it lacks; all if it is written anew.
    extends: whether it is there and keeps the records that it has.
  """

  shard: shards.Shard
  samples: list
  extends: bool


def run(job, encode=one_video.encode_video):
  """Writes the shards of this task that are missing or lack videos.

  A shard that lost records since it was written is written anew.

  Args:
    job: a `Job`.
    encode: `one_video.Source` -> `schema.Record`, run by the workers.

  Returns:
    (summary of the output folder, see `ShardFolder.summarize`; number of videos
    of this task that failed).

  Raises:
    InputError: a file or folder cannot be used, the settings do not go with
      the output folder, or the disk is full.
  """
  class_names = something_something.read_class_names(job.labels_dir)
  plans = {
    split: shards.plan(
      split,
      something_something.read_samples(job.labels_dir, split),
      job.shard_size,
    )
    for split in job.splits
  }
  _check_videos(job.videos_dir)
  folder = shard_folder.ShardFolder(job.output_dir)
  settings = one_video.parameters(job.frames_per_second, job.short_side)
  folder.settle(settings, class_names, plans)
  every_shard = [shard for plan in plans.values() for shard in plan]
  share = every_shard[job.task_index :: job.num_tasks]
  folder.claim(share)
  works = [work for work in _works(folder, share) if work.samples]
  _report(f'{len(share) - len(works)} of {len(share)} shards are complete')
  num_failed = _write_all(job, works, folder, class_names, encode)
  return folder.summarize(one_video.versions()), num_failed


def _works(folder, share):
  """Looks at the shards of this task; returns a `Work` for each."""
  damaged = folder.damaged(share)
  works = []
  for shard in share:
    path = folder.path(shard)
    if shard.name in damaged:
      _report(f'{path}: {damaged[shard.name]}; it is made again')
    extends = path.exists() and shard.name not in damaged
    samples = folder.lacking(shard) if extends else shard.samples
    works.append(Work(shard, samples, extends))
  return works


def _check_videos(videos_dir):
  folder = pathlib.Path(videos_dir)
  if not folder.is_dir():
    raise errors.InputError(f'{folder}: no such folder; see --videos_dir')
  if next(folder.glob('*.webm'), None) is None:
    raise errors.InputError(f'{folder}: has no .webm file; see --videos_dir')


def _write_all(job, works, folder, class_names, encode):
  """Returns the number of videos that failed."""
  num_videos = sum(len(work.samples) for work in works)
  if not num_videos:
    return 0
  cli.start_tensorflow()
  index_of = {name: index for index, name in enumerate(class_names)}
  sources = (
    _source(job, sample, index_of) for work in works for sample in work.samples
  )
  num_failed = 0
  num_workers = min(job.num_workers, num_videos)
  with (
    worker_pool.worker_pool(
      encode, num_workers, job.video_timeout, one_video.start_worker
    ) as pool,
    Progress(num_videos) as bar,
  ):
    results = bar.follow(pool.map(sources))
    for work in works:
      write = _extend if work.extends else _write_new
      num_failed += write(folder, work, results)
  return num_failed


def _source(job, sample, index_of):
  return one_video.Source(
    videos_dir=str(job.videos_dir),
    id=sample.id,
    label=sample.label,
    label_index=index_of.get(sample.label),
    frames_per_second=job.frames_per_second,
    short_side=job.short_side,
    keep_truncated=job.keep_truncated,
  )


def _write_new(folder, work, results):
  """Writes a shard as its records come; returns how many failed."""
  failures = []

  def examples():
    for sample, result in zip(work.samples, results):
      if isinstance(result, worker_pool.Failure):
        failures.append((sample, result.reason))
      else:
        yield schema.serialize(result)
    folder.record_failures(work.shard, failures)  # Before the shard is named.

  schema.write_shard(folder.path(work.shard), examples())
  return len(failures)


def _extend(folder, work, results):
  """Adds to a shard what failed before; returns how many failed again.

  The shard is copied, with the new records in the places they would have had.
  """
  failures, new = [], []
  for sample, result in zip(work.samples, results):
    if isinstance(result, worker_pool.Failure):
      failures.append((sample, result.reason))
    else:
      new.append(schema.serialize(result))
  if new:
    path = folder.path(work.shard)
    place = functools.partial(
      _place, path, [sample.id for sample in work.shard.samples]
    )
    merged = heapq.merge(schema.read_shard(path), new, key=place)
    # A run killed after this statement leaves the record and its failure.
    groups = itertools.groupby(merged, key=place)
    schema.write_shard(path, (next(group) for _, group in groups))
  folder.record_failures(work.shard, failures)
  return len(failures)


def _place(path, ids, serialized):
  """Tells where in a shard a record belongs.

  Args:
    path: of the shard.
    ids: of its videos, in their order.
    serialized: the record.

  Raises:
    InputError: it belongs nowhere.
  """
  try:
    return ids.index(schema.clip_id(serialized))
  except ValueError:
    raise errors.InputError(
      f'{path}: a record in it is no clip of this shard; remove it and run '
      'again, it is made again'
    ) from None


class Progress:
  """A bar on stderr: videos/s, flows/s and the time that is left."""

  def __init__(self, num_videos):
    self._bar = progress.bar(
      total=num_videos,
      unit='video',
      bar_format='{l_bar}{bar}| {n_fmt}/{total_fmt} videos '
      '[{elapsed} gone, {remaining} left{postfix}]',
    )
    self._num_flows = 0
    self._num_failed = 0

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._bar.close()

  def follow(self, results):
    """Yields the results and counts them."""
    for result in results:
      if isinstance(result, worker_pool.Failure):
        self._num_failed += 1
      else:
        self._num_flows += len(result.feature_lists[schema.FLOW_ENCODED])
      self._show()
      yield result

  def _show(self):
    videos = self._bar.n + 1
    seconds = max(self._bar.format_dict['elapsed'], 1e-3)
    self._bar.set_postfix_str(
      f'{videos / seconds:.2f} videos/s, {self._num_flows / seconds:.1f} '
      f'flows/s, {self._num_failed} failed',
      refresh=False,
    )
    self._bar.update()


def _report(message):
  print(message, file=sys.stderr)
