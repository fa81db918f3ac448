"""Turns a data set's videos into shards: one run over one task's share.

Worker processes decode the videos, compute the flow and compress both. This
process alone loads TensorFlow. It puts the results in order and writes one
shard at a time, so a shard's bytes do not depend on the number of workers, and
a kill costs only the shard that is being written.
"""

import dataclasses
import glob
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from two_stream import cli, errors, files
from two_stream.datasets import data_set
from two_stream.preprocessing import (
  clip_settings,
  distinct_frames,
  one_video,
  progress_of_videos,
  task_share,
  worker_pool,
)
from two_stream.records import schema, shard_counts, shard_folder, shards

SHARD_SIZE = 64
VIDEO_TIMEOUT = 600.0

Encode = Callable[[one_video.Source], schema.Record]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreprocessingJob:
  """What to preprocess, and how.

  Attributes:
    data_set: the class names, and the samples of the splits to preprocess.
    videos_dir: the folder that the samples' paths are relative to.
    output_dir: the folder of the shards, see shard_folder.py.
    num_workers: the number of worker processes.
    settings: how the clips are made.
    shard_size: the most videos of a shard.
    share: which of the shards are this run's.
    keep_truncated: whether what can be decoded of a damaged file is used.
    follow_links: whether a link may lead out of the folder of the videos.
    video_timeout: seconds after which a video counts as failed.
  """

  data_set: data_set.DataSet
  videos_dir: files.PathLike
  output_dir: files.PathLike
  num_workers: int = 1
  settings: clip_settings.Settings = clip_settings.Settings()
  shard_size: int = SHARD_SIZE
  share: task_share.TaskShare = task_share.TaskShare()
  keep_truncated: bool = False
  follow_links: bool = False
  video_timeout: float = VIDEO_TIMEOUT


@dataclasses.dataclass(frozen=True, kw_only=True)
class _UnfinishedShard:
  """A shard that is to be written, or that lacks videos.

  Attributes:
    shard: which shard.
    samples: those that it lacks; all of them if it is to be written anew.
    is_extended: whether it is there and keeps the records that it has.
  """

  shard: shards.Shard
  samples: Sequence[data_set.Sample]
  is_extended: bool


def run(
  job: PreprocessingJob, encode: Encode = one_video.encode_video
) -> tuple[dict[str, Any], int]:
  """Writes the shards of this task that are missing or lack videos.

  A shard that lost records since it was written is written anew.

  Args:
    job: what to do.
    encode: makes a record of a video. The worker processes call it.

  Returns:
    (the summary of the output folder, see `ShardFolder.summarize`; how many
    videos of this task failed, without those that are missing if that is
    normal for the data set).

  Raises:
    InputError: a file or folder cannot be used, the output folder was made
      with other settings, or the disk is full.
  """
  _check_videos(job.videos_dir, job.data_set)
  plans = {
    split: shards.plan(split, samples, job.shard_size)
    for split, samples in job.data_set.splits.items()
  }
  folder = shard_folder.ShardFolder(job.output_dir)
  folder.remember_parameters(
    job.settings.parameters(),
    job.data_set.class_names,
    plans,
  )
  all_shards = [shard for plan in plans.values() for shard in plan]
  of_this_task = all_shards[job.share.task_index :: job.share.num_tasks]
  folder.claim(of_this_task)
  unfinished = _find_unfinished(folder, of_this_task)
  num_complete = len(of_this_task) - len(unfinished)
  _report(f'{num_complete} of {len(of_this_task)} shards are complete')
  num_failed = _finish(job, unfinished, folder, encode)
  return folder.summarize(clip_settings.versions()), num_failed


def _check_videos(videos_dir: files.PathLike, videos: data_set.DataSet) -> None:
  """Raises InputError if the folder cannot be that of the samples' videos."""
  folder = pathlib.Path(videos_dir)
  try:
    next(folder.iterdir(), None)
  except OSError as error:  # pathlib's patterns find nothing and say nothing.
    raise errors.InputError(
      f'{folder}: {error.strerror}; see --videos_dir'
    ) from None
  paths = [
    pathlib.PurePath(sample.path)
    for samples in videos.splits.values()
    for sample in samples
  ]
  # A sample's path a/b.webm becomes the pattern */*.webm.
  patterns = {
    (len(path.parts) - 1) * '*/' + f'*{glob.escape(path.suffix)}'
    for path in paths
  }
  if paths and not any(
    next(folder.glob(pattern), None) is not None for pattern in patterns
  ):
    endings = ' or '.join(sorted({path.suffix for path in paths}))
    raise errors.InputError(
      f'{folder}: has no {endings} file; see --videos_dir'
    )


def _find_unfinished(
  folder: shard_folder.ShardFolder, of_this_task: Sequence[shards.Shard]
) -> list[_UnfinishedShard]:
  """Lists those of this task's shards that are not complete."""
  damaged = folder.damaged(of_this_task)
  unfinished = []
  for shard in of_this_task:
    path = folder.path(shard)
    if shard.name in damaged:
      _report(f'{path}: {damaged[shard.name]}; it is made again')
    is_there = path.exists() and shard.name not in damaged
    samples = folder.lacking(shard) if is_there else shard.samples
    if samples:
      unfinished.append(
        _UnfinishedShard(shard=shard, samples=samples, is_extended=is_there)
      )
  return unfinished


def _finish(
  job: PreprocessingJob,
  unfinished: Sequence[_UnfinishedShard],
  folder: shard_folder.ShardFolder,
  encode: Encode,
) -> int:
  """Encodes what the shards lack; returns the number of videos that failed."""
  samples = [sample for each in unfinished for sample in each.samples]
  if not samples:
    return 0
  cli.start_tensorflow()
  # The worker processes import this module and are to stay without TensorFlow.
  from two_stream.preprocessing import shard_writing  # noqa: PLC0415

  index_of = {name: i for i, name in enumerate(job.data_set.class_names)}
  sources = (
    source(job, sample, index_of.get(sample.label or '')) for sample in samples
  )
  lacking: list[shard_counts.LackingVideo] = []
  with (
    worker_pool.worker_pool(
      encode,
      min(job.num_workers, len(samples)),
      job.video_timeout,
      distinct_frames.use_one_thread,
    ) as pool,
    progress_of_videos.ProgressOfVideos(len(samples)) as bar,
  ):
    results = bar.follow(pool.map(sources))
    for each in unfinished:
      if each.is_extended:
        lacking += shard_writing.extend(
          folder, each.shard, each.samples, results
        )
      else:
        lacking += shard_writing.write_new(folder, each.shard, results)
  return sum(
    not (video.is_missing and job.data_set.lacks_videos) for video in lacking
  )


def source(
  job: PreprocessingJob, sample: data_set.Sample, label_index: int | None
) -> one_video.Source:
  """Describes one sample for a worker process.

  Args:
    job: the job.
    sample: the sample.
    label_index: the index of its label; None if there is none.
  """
  return one_video.Source(
    videos_dir=str(job.videos_dir),
    sample=sample,
    label_index=label_index,
    data_set_name=job.data_set.name,
    settings=job.settings,
    keep_truncated=job.keep_truncated,
    follow_links=job.follow_links,
  )


def _report(message: str) -> None:
  print(message, file=sys.stderr)
