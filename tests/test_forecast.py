"""The estimate is near what the whole work takes."""

import pathlib

import pytest
import small_videos

from two_stream.datasets import data_set
from two_stream.preprocessing import (
  clip_settings,
  forecast,
  many_videos,
  one_video,
  task_share,
)
from two_stream.records import schema

NUM_FRAMES = 60


@pytest.fixture(name='job', scope='module')
def make_job(tmp_path_factory):
  folder = tmp_path_factory.mktemp('videos')
  small_videos.write_video(
    folder / 'whole.webm', small_videos.textured_frames(NUM_FRAMES)
  )
  (folder / 'broken.webm').write_bytes(b'')
  return many_videos.PreprocessingJob(
    data_set=data_set.DataSet(name='set', class_names=['a'], splits={}),
    videos_dir=folder,
    output_dir=folder,
    num_workers=2,
    settings=clip_settings.Settings(short_side=48),
  )


def sample(name):
  return data_set.Sample(id=name, path=f'{name}.webm', label='a')


def num_bytes(record):
  images = (
    image
    for key in (schema.RGB_ENCODED, schema.FLOW_ENCODED)
    for image in record.feature_lists[key]
  )
  return sum(map(len, images))


def test_the_size_of_a_record_is_foreseen(job):
  source = many_videos.source(job, sample('whole'), 0)
  cost = forecast.cost_of(source)
  assert cost.num_bytes == pytest.approx(
    num_bytes(one_video.encode_video(source)), rel=0.1
  )
  assert cost.seconds > 0


def test_a_slow_video_has_a_cost_too(job):
  """Its first second has one frame only."""
  path = pathlib.Path(job.videos_dir, 'slow.webm')
  small_videos.write_video(path, small_videos.textured_frames(3), fps=0.5)
  source = many_videos.source(job, sample('slow'), 0)
  assert forecast.cost_of(source).num_bytes > 0


@pytest.mark.process
def test_videos_that_cannot_be_used_are_passed_over(job):
  found = forecast.measure(job, [sample('broken'), sample('whole')])
  assert len(found.costs) == 1
  found = forecast.measure(job, [sample('broken')])
  assert not found.costs
  assert 'not a video (0 bytes)' in found.reason
  (line,) = forecast.describe(found, job, 1)
  assert 'not a video (0 bytes)' in line
  (line,) = forecast.describe(forecast.measure(job, []), job, 0)
  assert 'no video is there' in line


def test_the_costs_of_few_videos_stand_for_all(job):
  costs = forecast.Measured([forecast.Cost(10, 1e6), forecast.Cost(20, 3e6)])
  assert forecast.describe(costs, job, 2400) == [
    'estimate, from 2 videos: 4.8 GB of records; 10.0 hours of one core, '
    '5.0 hours with 2 workers'
  ]
  assert forecast.describe(costs, job, 100) == [
    'estimate, from 2 videos: 200 MB of records; 25.0 minutes of one core, '
    '12.5 minutes with 2 workers'
  ]
  shared = many_videos.PreprocessingJob(
    **{**vars(job), 'share': task_share.TaskShare(1, 5)}
  )
  (line,) = forecast.describe(costs, shared, 2400)
  assert line.endswith('1.0 hours with 2 workers in each of 5 tasks')
