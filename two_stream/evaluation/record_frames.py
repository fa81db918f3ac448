"""The frames and flows of a record, one by one.

They come as those of a video do from preprocessing/shown_frames.py, but with
what the record's compression made of them.
"""

import itertools
from collections.abc import Collection, Iterator

from two_stream import errors
from two_stream.preprocessing import shown_frames
from two_stream.records import schema
from two_stream.video import codecs, pixels


class RecordFrames:
  """The frames of a record.

  Args:
    record: the clip.
    streams: what is wanted; keys of `recipe.STREAMS`.
    is_cropped: whether only the centre crop is wanted.

  Attributes:
    damage: what was wrong with the file of the video.
    notes: what was done to an unusual video.
    length: how long the frames last, in seconds.
  """

  def __init__(
    self, record: schema.Record, streams: Collection[str], is_cropped: bool
  ):
    self._record = record
    self._has_flow = 'flow' in streams
    self._is_cropped = is_cropped
    self.damage = schema.damage(record)
    self.notes = tuple(schema.notes(record))
    times = schema.seconds(record)
    self.length = times[-1] - times[0] if times else 0.0

  def __iter__(self) -> Iterator[shown_frames.ShownFrame]:
    """Yields the frames in the order of time.

    Raises:
      InputError: the record is damaged.
    """
    frames, flows, index = schema.stored_images(
      self._record, 'flow' if self._has_flow else 'rgb'
    )
    times = schema.seconds(self._record)
    if len(times) != len(frames):
      raise errors.InputError('a record has frames without a time')
    crop = pixels.center_crop if self._is_cropped else lambda images: images
    shown = [(n, len([*group])) for n, group in itertools.groupby(index)]
    for position, (number, num_ticks) in enumerate(shown):
      has_flow = self._has_flow and position < len(shown) - 1
      yield shown_frames.ShownFrame(
        rgb=crop(codecs.decode_rgb(frames[number])),
        flow=crop(codecs.decode_flow(flows[number])) if has_flow else None,
        seconds=times[number],
        num_ticks=num_ticks,
      )
