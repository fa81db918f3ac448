"""Gives every frame of a video one time, where the file's own times fail.

Some files hold no times (raw H.264), lack those of the last frames (B-frames in
AVI), or begin again in the middle (two recordings joined into one file). Their
frames are kept and placed at the average rate, and a note says so.
"""

from fractions import Fraction

NO_TIMES = 'frames without a time: placed at the average frame rate'
JUMPS_BACK = 'times jump back: the video goes on after the frame before'
DROPPED = 'frames whose time does not increase: dropped'

_SECOND = 1_000_000  # Microseconds.
# A time that is earlier than the one before by less than this, or by less than
# two frames, is an error of that one time. More is a new beginning. Nothing
# public says where the limit lies, so this is our choice.
_SMALL_STEP = Fraction(_SECOND, 4)


class Timeline:
  """Places the frames of a video one after another.

  Args:
    frames_per_second: the average rate of the video.

  Attributes:
    notes: what was done to times that failed, in the order of its happening;
      some of the constants above.
  """

  def __init__(self, frames_per_second: Fraction):
    self.notes: list[str] = []
    self._period = _SECOND / frames_per_second
    self._last: Fraction | None = None
    self._shift = Fraction(0)

  @property
  def last(self) -> int | None:
    """Microseconds of the frame that was placed last; None if none was."""
    return None if self._last is None else round(self._last)

  def place(self, seconds: Fraction | None) -> int | None:
    """Places the next frame in the order in which frames are shown.

    Args:
      seconds: the time that the file gives for the frame; None if there is
        none.

    Returns:
      Microseconds, larger than for the frame before; or None if the frame is to
      be dropped, which is what MediaPipe's resampler does with frames whose
      time does not increase (packet_resampler_calculator.cc).
    """
    if seconds is None:
      self._note(NO_TIMES)
      time = Fraction(0) if self._last is None else self._last + self._period
    else:
      time = seconds * _SECOND + self._shift
      if self._last is not None and round(time) <= round(self._last):
        if self._last - time < max(_SMALL_STEP, 2 * self._period):
          self._note(DROPPED)
          return None
        self._note(JUMPS_BACK)
        self._shift += self._last + self._period - time
        time = self._last + self._period
    self._last = time
    return round(time)

  def _note(self, note: str) -> None:
    if note not in self.notes:
      self.notes.append(note)
