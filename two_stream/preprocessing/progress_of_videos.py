"""The progress of preprocessing: a bar, and in the end the notes on videos."""

import collections
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TypeVar

from two_stream.preprocessing import worker_pool
from two_stream.records import schema
from two_stream.terminal import progress

_Bar = TypeVar('_Bar', bound='BarOfVideos')


class BarOfVideos:
  """A bar on stderr that counts videos, and prints notes when it is left.

  Args:
    num_videos: how many videos there are.
    count: how the bar shows how many are done, a format of tqdm.
  """

  def __init__(self, num_videos: int, count: str = '{n_fmt}'):
    self._bar = progress.bar(
      total=num_videos,
      unit='video',
      bar_format=f'{{l_bar}}{{bar}}| {count}/{{total_fmt}} videos '
      '[{elapsed} elapsed, {remaining} left{postfix}]',
    )
    self._num_failed = 0
    self._notes: collections.Counter[str] = collections.Counter()

  def __enter__(self: '_Bar') -> '_Bar':
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
  ) -> None:
    self._bar.close()
    for note, count in self._notes.most_common():
      print(
        f'{count} video{"" if count == 1 else "s"}: {note}', file=sys.stderr
      )

  def _elapsed(self) -> float:
    """Returns how many seconds the bar is there, never 0."""
    return max(self._bar.format_dict['elapsed'], 1e-3)


class ProgressOfVideos(BarOfVideos):
  """The bar of preprocessing: videos/s, flows/s, and the time that is left."""

  def __init__(self, num_videos: int):
    super().__init__(num_videos)
    self._num_flows = 0
    self._num_missing = 0

  def follow(
    self, results: Iterator[schema.Record | worker_pool.Failure]
  ) -> Iterator[schema.Record | worker_pool.Failure]:
    """Yields the results and counts them."""
    for result in results:
      if isinstance(result, worker_pool.Failure):
        self._num_missing += result.is_missing
        self._num_failed += not result.is_missing
      else:
        flows = result.feature_lists.get(schema.FLOW_ENCODED, [])
        self._num_flows += len(flows)
        self._notes.update(schema.notes(result))
      self._show()
      yield result

  def _show(self) -> None:
    videos = self._bar.n + 1
    seconds = self._elapsed()
    self._bar.set_postfix_str(
      f'{videos / seconds:.2f} videos/s, {self._num_flows / seconds:.1f} '
      f'flows/s, {self._num_failed} failed'
      + f', {self._num_missing} missing'
      * bool(self._num_missing),
      refresh=False,
    )
    self._bar.update()
