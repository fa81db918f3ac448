"""One video becomes a record: decode, resample, resize, TV-L1, encode.

The steps are DeepMind's (README of google-deepmind/kinetics-i3d). Flow is
computed between the resized frames in grayscale. A clip holds each distinct
frame once, see records/schema.py.
"""

import dataclasses
import os
import pathlib

from two_stream import documents, errors
from two_stream.datasets import data_set
from two_stream.preprocessing import clip_settings, distinct_frames
from two_stream.records import schema

DAMAGED = 'damaged: what can be decoded is used'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
  """A sample to encode, and how.

  Attributes:
    videos_dir: the folder that the sample's path is relative to.
    sample: which video of that folder.
    label_index: the index of its label; None if the sample has no label, or if
      the label map lacks that label.
    data_set_name: the name of the data set.
    settings: how the clip is made.
    keep_truncated: whether what can be decoded of a damaged file is used.
    follow_links: whether a link may lead out of the folder of the videos.
  """

  videos_dir: str
  sample: data_set.Sample
  label_index: int | None
  data_set_name: str
  settings: clip_settings.Settings = clip_settings.Settings()
  keep_truncated: bool = False
  follow_links: bool = False


def encode_video(source: Source) -> schema.Record:
  """Turns a video into a record. This is one task of a worker process.

  Args:
    source: which video, and how.

  Returns:
    The record.

  Raises:
    InputError: why the video cannot be used.
  """
  sample = source.sample
  if sample.label is not None and source.label_index is None:
    raise errors.InputError(f'label {sample.label!r} is not in the label map')
  data_set.check_id(sample.id)
  data_set.check_path(sample.path)
  path = pathlib.Path(source.videos_dir, sample.path)
  inside = None if source.follow_links else source.videos_dir
  clip = distinct_frames.read(
    path, source.settings, inside, sample.start, sample.end
  )
  if clip.damage and not source.keep_truncated:
    raise errors.InputError(
      f'{path}: {clip.damage}; get the file again or use --keep_truncated'
    )
  flows = None
  if 'flow' in source.settings.streams:
    flows = distinct_frames.optical_flows(clip.frames)
  return schema.encode(
    clip.frames,
    flows,
    clip.timestamps,
    clip.frame_index,
    _context(source, clip),
  )


def _context(
  source: Source, clip: distinct_frames.DistinctFrames
) -> dict[str, schema.Values]:
  """Makes the features of the whole clip, but for those of its images."""
  sample, rate = source.sample, source.settings.frames_per_second
  how = {**source.settings.parameters(), **clip_settings.versions()}
  context: dict[str, schema.Values] = {
    schema.ID: [sample.id.encode()],
    schema.DATA_SET: [source.data_set_name.encode()],
    schema.DATA_PATH: [os.fsencode(sample.path)],
    schema.PARAMETERS: [documents.to_json(how).encode()],
  }
  if rate is not None:
    context[schema.FRAME_RATE] = [float(rate)]
  if sample.label is not None and source.label_index is not None:
    context[schema.LABEL_INDEX] = [source.label_index]
    context[schema.LABEL_STRING] = [sample.label.encode()]
    context[schema.LABEL_TEXT] = [sample.label.encode()]
  if clip.damage:
    context[schema.DAMAGE] = [clip.damage.encode()]
  if clip.notes or clip.damage:
    notes = (*clip.notes, *((DAMAGED,) if clip.damage else ()))
    context[schema.NOTES] = [note.encode() for note in notes]
  return context
