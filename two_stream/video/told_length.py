"""What a file tells about its own length, and how much of that is missing."""

from fractions import Fraction
from typing import NamedTuple

import av
import av.container

# Formats whose files tell how long the picture itself lasts, ...
_TELL_LENGTH_OF_PICTURE = ('mov', 'avi', 'mxf')
# ... and those that tell only when the last of sound and picture ends. Of all
# other formats, FFmpeg computes the duration from what is there.
_TELL_END_OF_ALL = ('matroska', 'flv', 'asf', 'rm')
# That end is rounded, and the last packet of sound may not tell its length.
_ROUNDING = Fraction(1, 10)  # Seconds.


class Times(NamedTuple):
  """What was there of a file that was read to its end, in seconds.

  Attributes:
    begin: when the picture begins.
    end: when it ends.
    end_of_all: when the last of its streams ends.
  """

  begin: Fraction
  end: Fraction
  end_of_all: Fraction


def missing_seconds(
  container: av.container.InputContainer,
  picture: av.VideoStream,
  there: Times,
  frames_per_second: Fraction,
) -> Fraction:
  """Returns how much of the picture is missing at the end of the file.

  Args:
    container: the file.
    picture: its picture.
    there: what was there.
    frames_per_second: the average rate of the picture.

  Returns:
    Seconds; 0 or less if nothing is missing or the file does not tell.
  """
  format_name = container.format.name
  if format_name.startswith(_TELL_LENGTH_OF_PICTURE):
    told = _length_of_picture(container, picture, frames_per_second)
    return told - (there.end - there.begin)
  if format_name.startswith(_TELL_END_OF_ALL):
    # Programs of FFmpeg and MKVToolNix write the end of each stream.
    tag = picture.metadata.get('DURATION')
    if tag is not None:
      return parse_clock(tag) - there.end
    if container.duration is not None:
      end = Fraction(container.duration, av.time_base)
      return end - max(there.end, there.end_of_all) - _ROUNDING
  return Fraction(0)


def seconds(
  ticks: int | None, of: av.VideoFrame | av.Packet | av.VideoStream
) -> Fraction | None:
  """Converts a time in units of the stream's time base to seconds."""
  if ticks is None or of.time_base is None:
    return None
  return ticks * of.time_base


def parse_clock(text: str) -> Fraction:
  """Parses 'HH:MM:SS.fraction'; returns seconds, 0 if it is something else."""
  try:
    hours, minutes, rest = text.split(':')
    return Fraction(rest) + 60 * int(minutes) + 3600 * int(hours)
  except (ValueError, ZeroDivisionError):
    return Fraction(0)


def _length_of_picture(
  container: av.container.InputContainer,
  picture: av.VideoStream,
  frames_per_second: Fraction,
) -> Fraction:
  """Returns how many seconds the file says that the picture lasts, or 0."""
  length = seconds(picture.duration, picture) or Fraction(0)
  if container.format.name == 'avi':
    # If the index is missing, FFmpeg takes the duration of what is there.
    told = picture.frames / frames_per_second
    length = max(length, told)
  return length
