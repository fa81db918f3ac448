"""Which frames belong to a part of a video that is given by start and end.

Seconds count as those of ffmpeg's `-ss` before `-i` do: from the first moment
of the file, which is where the earliest of its streams begins. A frame belongs
to the part if start <= its time < end. This holds up to half a unit of the
file's times, and at most half a millisecond: a file that counts milliseconds
says 3.333 for a frame at 10/3 seconds, and so does an annotation.
"""

from fractions import Fraction

from two_stream import errors, files

# An annotation that ends after its video by no more than this is normal: a
# video of Kinetics of 10 seconds may last 9.97. Nothing public gives the limit.
TOLERATED_SECONDS = Fraction(1, 2)
ENDS_EARLY = 'ends more than half a second before the end that is given for it'

_SECOND = 1_000_000  # Microseconds.
_LARGEST_TOLERANCE = Fraction(1, 2000)
# Times are compared after they were rounded to microseconds.
_SMALLEST_TOLERANCE = Fraction(1, _SECOND)
# About 30 years. FFmpeg's times are 64-bit numbers of microseconds.
_MOST_SECONDS = 1e9


class TimeRange:
  """A part of a video.

  Args:
    path: what it is a part of, for messages.
    start: where it begins, in seconds; None: where the video does.
    end: where it ends, in seconds; None: where the video does.

  Raises:
    InputError: there can be no such part.
  """

  def __init__(
    self, path: files.PathLike, start: float | None, end: float | None
  ):
    first = 0.0 if start is None else start
    last = _MOST_SECONDS if end is None else end
    if not 0 <= first < last <= _MOST_SECONDS:  # NaN is refused, too.
      raise errors.InputError(
        f'{path}: a part from {start} to {end} seconds is asked for; start '
        'must be 0 or more, and end must be later'
      )
    self._path = path
    self.start = Fraction(first)
    self.end = None if end is None else Fraction(end)
    self._zero = Fraction(0)
    self._tolerance = _SMALLEST_TOLERANCE

  def set_clock(self, zero: Fraction, unit: Fraction) -> None:
    """Tells how the file counts time.

    Args:
      zero: the time of its first moment, in seconds.
      unit: the seconds that its times are whole multiples of.
    """
    self._zero = zero
    self._tolerance = max(
      min(unit / 2, _LARGEST_TOLERANCE), _SMALLEST_TOLERANCE
    )

  @property
  def starts_later(self) -> bool:
    """Whether frames at the beginning of the file do not belong to the part."""
    return self.start > 0

  def has_begun(self, time: int) -> bool:
    """Returns whether a frame is not too early.

    Args:
      time: that of the frame in the file, in microseconds.
    """
    return not self.starts_later or self._is_reached(self.start, time)

  def has_ended(self, time: int) -> bool:
    """Returns whether a frame is too late.

    Args:
      time: that of the frame in the file, in microseconds.
    """
    return self.end is not None and self._is_reached(self.end, time)

  def start_in_file(self) -> Fraction:
    """Returns the start as a time of the file, in seconds."""
    return self._zero + self.start

  def seconds_of(self, told_seconds: float) -> float:
    """Computes how long the part of a file is.

    Args:
      told_seconds: how long the file is.
    """
    end = told_seconds if self.end is None else float(self.end)
    return max(0.0, min(end, told_seconds) - float(self.start))

  def ends_early(self, end_of_file: Fraction) -> bool:
    """Returns whether much of the part lies beyond the end of the file.

    Args:
      end_of_file: the time of the file at which its picture ends, in seconds.
    """
    return self.end is not None and (
      self._zero + self.end - end_of_file > TOLERATED_SECONDS
    )

  def has_no_frame(self, end_of_file: Fraction | None) -> errors.InputError:
    """Makes the error of a part without frames, for the caller to raise.

    Args:
      end_of_file: the time of the file at which its picture ends, in seconds;
        None if the file goes on after the part.
    """
    to = '' if self.end is None else f' to {float(self.end):g}'
    message = (
      f'{self._path}: has no frame from {float(self.start):g}{to} seconds'
    )
    if end_of_file is not None:
      length = max(Fraction(0), end_of_file - self._zero)
      message += f'; it is {float(length):.2f} seconds long'
    return errors.InputError(message)

  def _is_reached(self, moment: Fraction, time: int) -> bool:
    distance = self._zero + moment - Fraction(time, _SECOND)
    return distance < self._tolerance
