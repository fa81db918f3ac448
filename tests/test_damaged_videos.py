"""Whatever is wrong with a video, it is read or refused in one line."""

import damage
import hypothesis
import pool_tasks
import pytest
import small_videos

from two_stream.preprocessing import distinct_frames, worker_pool

pytestmark = pytest.mark.process

CODECS = {'a.webm': 'VP90', 'a.mp4': 'mp4v', 'a.avi': 'MJPG'}


@pytest.fixture(name='read', scope='module')
def start_worker():
  """A function of a path that decodes it in a worker process."""
  with worker_pool.worker_pool(
    pool_tasks.read_video, 1, 60, distinct_frames.use_one_thread
  ) as pool:
    yield lambda path: next(pool.map([path]))


@pytest.mark.parametrize('name', CODECS)
@pytest.mark.parametrize(
  'max_examples', [150, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_a_damaged_video_crashes_no_worker(tmp_path, read, name, max_examples):
  path = small_videos.write_video(
    tmp_path / name, small_videos.textured_frames(4), codec=CODECS[name]
  )
  good = path.read_bytes()

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
