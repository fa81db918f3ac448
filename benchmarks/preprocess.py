r"""Measures the videos per second of the preprocessing, by number of workers.

    python demo/synthetic_ssv2.py --output_dir=/tmp/ssv2
    python -m benchmarks.preprocess --videos_dir=VIDEOS

VIDEOS is a folder of .webm files, of the demo or of Something-Something. The
numbers of workers take turns, so that a slow period of the machine affects all
of them. The second table shows the share of a worker's time that each step
takes.
"""

import collections
import contextlib
import functools
import pathlib
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import tqdm
from absl import flags

from two_stream import cli, errors
from two_stream.datasets import data_set
from two_stream.preprocessing import distinct_frames, one_video, worker_pool
from two_stream.records import schema
from two_stream.video import codecs, pixels, tvl1

FLAGS = flags.FLAGS

cli.define_path(
  'videos_dir', None, 'The folder of the .webm files.', required=True
)
flags.DEFINE_integer(
  'num_videos', 8, 'Number of videos in a round.', lower_bound=1
)
flags.DEFINE_integer(
  'rounds', 2, 'Number of rounds for each number of workers.', lower_bound=1
)
flags.DEFINE_list(
  'workers', ['1', '2'], 'Numbers of worker processes, separated by commas.'
)

TIMEOUT = 600  # Seconds for one video.
# Step -> the modules and functions that do it.
STEPS: dict[str, list[tuple[types.ModuleType, str]]] = {
  'resize': [(pixels, 'resize_into')],
  'flow': [(tvl1, 'optical_flow')],
  'encode': [(codecs, 'encode_rgb'), (codecs, 'encode_flow')],
}


def main() -> None:
  """Prints both tables."""
  counts = [int(count) for count in FLAGS.workers]
  sources = find_videos(FLAGS.videos_dir)
  seconds: dict[int, list[float]] = {count: [] for count in counts}
  turns = [count for _ in range(FLAGS.rounds) for count in counts]
  for count in tqdm.tqdm(turns, desc='rounds'):
    elapsed, num_flows = time_workers(count, sources)
    seconds[count].append(elapsed)
  shares = time_steps(sources[::2])
  print('workers  videos/s  flows/s  times the first')
  first = sum(seconds[counts[0]])
  for count in counts:
    total = sum(seconds[count])
    print(
      f'{count:7d}  {FLAGS.rounds * len(sources) / total:8.3f}  '
      f'{FLAGS.rounds * num_flows / total:7.1f}  {first / total:6.2f}'
    )
  print('\nstep     share of a worker')
  for step, share in shares.items():
    print(f'{step:7}  {share:6.1%}')


def find_videos(folder: str) -> list[one_video.Source]:
  """Returns the videos of a folder, the largest first.

  In this order all workers end at about the same time, like in a whole split.

  Raises:
    InputError: if the folder has no .webm file.
  """
  paths = sorted(pathlib.Path(folder).glob('*.webm'))[: FLAGS.num_videos]
  if not paths:
    raise errors.InputError(f'{folder}: has no .webm file; see --videos_dir')
  paths.sort(key=lambda path: path.stat().st_size, reverse=True)
  return [
    one_video.Source(
      videos_dir=folder,
      sample=data_set.Sample(id=path.stem, path=path.name, label=None),
      label_index=None,
      data_set_name='benchmark',
    )
    for path in paths
  ]


def time_workers(
  num_workers: int, sources: list[one_video.Source]
) -> tuple[float, int]:
  """Returns (seconds for all videos, number of flow fields).

  The workers have encoded a video each before the time starts.
  """
  with worker_pool.worker_pool(
    one_video.encode_video, num_workers, TIMEOUT, distinct_frames.use_one_thread
  ) as pool:
    list(pool.map(sources[:1] * num_workers))
    start = time.perf_counter()
    results = list(pool.map(sources))
    elapsed = time.perf_counter() - start
  for result in results:
    if isinstance(result, worker_pool.Failure):
      raise errors.InputError(result.reason)
  num_flows = sum(
    len(result.feature_lists.get(schema.FLOW_ENCODED, [])) for result in results
  )
  return elapsed, num_flows


def time_steps(sources: list[one_video.Source]) -> dict[str, float]:
  """Returns {step: share of the time of one process}.

  What belongs to no other step counts as decoding.
  """
  distinct_frames.use_one_thread()
  one_video.encode_video(sources[0])
  with step_timers() as seconds:
    start = time.perf_counter()
    for each in sources:
      one_video.encode_video(each)
    total = time.perf_counter() - start
  decode = total - sum(seconds.values())
  spent = {'decode': decode, **{step: seconds[step] for step in STEPS}}
  return {step: value / total for step, value in spent.items()}


@contextlib.contextmanager
def step_timers() -> Iterator[dict[str, float]]:
  """Yields {step: seconds spent in its functions}, during the block."""
  seconds: dict[str, float] = collections.defaultdict(float)
  with contextlib.ExitStack() as stack:
    for step, functions in STEPS.items():
      for module, name in functions:
        function = getattr(module, name)
        stack.callback(setattr, module, name, function)
        setattr(module, name, timed(function, seconds, step))
    yield seconds


def timed(
  function: Callable[..., Any], seconds: dict[str, float], step: str
) -> Callable[..., Any]:
  """Returns the function, changed so that it adds its time to a step."""

  @functools.wraps(function)
  def wrapper(*arguments: Any) -> Any:
    start = time.perf_counter()
    try:
      return function(*arguments)
    finally:
      seconds[step] += time.perf_counter() - start

  return wrapper


if __name__ == '__main__':
  cli.run(main)
