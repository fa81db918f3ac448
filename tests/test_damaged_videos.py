"""Whatever is wrong with a video, it is read or refused in one line."""

import contextlib

import damage
import hypothesis
import made_videos
import pool_tasks
import pytest
import small_videos

from two_stream.preprocessing import distinct_frames, worker_pool

pytestmark = pytest.mark.process

CODECS = {'a.webm': 'VP90', 'a.mp4': 'mp4v', 'a.avi': 'MJPG'}


@contextlib.contextmanager
def worker(task):
  """Gives a function that runs the task of a path in a worker process."""
  with worker_pool.worker_pool(
    task, 1, 60, distinct_frames.use_one_thread
  ) as pool:
    yield lambda path: next(pool.map([path]))


@pytest.fixture(name='read', scope='module')
def start_worker():
  with worker(pool_tasks.read_video) as read:
    yield read


@pytest.fixture(name='read_part', scope='module')
def start_worker_of_parts():
  with worker(pool_tasks.read_part) as read_part:
    yield read_part


def refuse_or_read(path, good, read, max_examples):
  """Decodes damaged copies of a video."""

  @hypothesis.settings(
    max_examples=max_examples, deadline=None, derandomize=max_examples < 1000
  )
  @hypothesis.given(damage.damaged(good))
  def check(content):
    path.write_bytes(content)
    result = read(path)
    if isinstance(result, worker_pool.Failure):
      assert result.reason.startswith(f'{path}: ')
    else:
      assert result >= 1

  check()


@pytest.mark.parametrize('name', CODECS)
@pytest.mark.parametrize(
  'max_examples', [150, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_a_damaged_video_crashes_no_worker(tmp_path, read, name, max_examples):
  path = small_videos.write_video(
    tmp_path / name, small_videos.textured_frames(4), codec=CODECS[name]
  )
  refuse_or_read(path, path.read_bytes(), read, max_examples)


# Formats that are sought in, and one that is read from its beginning.
@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.ts'])
@pytest.mark.parametrize(
  'max_examples', [60, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_a_part_of_a_damaged_video_crashes_no_worker(
  tmp_path, read_part, name, max_examples
):
  path = made_videos.write(
    tmp_path / name,
    small_videos.textured_frames(12),
    options={'g': '4', 'bf': '2'},
  )
  refuse_or_read(path, path.read_bytes(), read_part, max_examples)
