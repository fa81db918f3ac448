"""The progress of extracting features: a bar, and notes in the end.

A video counts by the part of it that is done. So the bar tells the time that is
left for a thousand short videos and for a single long one.
"""

from collections.abc import Iterable

from two_stream.preprocessing import progress_of_videos


class FeatureProgress(progress_of_videos.BarOfVideos):
  """The bar of extracting features: windows/s, and the time that is left.

  Args:
    num_videos: how many videos there are.
  """

  def __init__(self, num_videos: int):
    super().__init__(num_videos, count='{n:.2f}')
    self._bar.miniters = 0  # A part of a video is progress, too.
    self._num_windows = 0
    self._part = 0.0
    self._first_second: float | None = None

  def skip_video(self) -> None:
    """Counts a video that was done before the run as none of its work."""
    self._bar.total -= 1
    self._bar.refresh()

  def go_on(self, num_windows: int, seconds: float, length: float) -> None:
    """Counts windows of the present video.

    Args:
      num_windows: how many.
      seconds: the time of the last one.
      length: how long the video is; 0 if nobody knows.
    """
    self._num_windows += num_windows
    if self._first_second is None:
      self._first_second = seconds
    gone = (seconds - self._first_second) / length if length > 0 else 0.0
    self._advance(min(max(gone, self._part), 0.99))

  def finish_video(self, problem: str, notes: Iterable[str] = ()) -> None:
    """Counts the present video.

    Args:
      problem: 'failed', or ''.
      notes: what was done to an unusual video.
    """
    self._num_failed += bool(problem)
    self._notes.update(notes)
    self._advance(1.0)
    self._part, self._first_second = 0.0, None

  def _advance(self, part: float) -> None:
    elapsed = self._elapsed()
    self._bar.set_postfix_str(
      f'{self._num_windows / elapsed:.2f} windows/s, {self._num_failed} failed',
      refresh=False,
    )
    self._bar.update(part - self._part)
    self._part = part
