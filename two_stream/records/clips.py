"""From records to the clips that the network trains and is tested on.

    number of the clip -> record -> window of time -> crop -> flip

Every clip of a training run has a number, and all that is random about it (the
record, the window, the crop, the flip) is a function of the seed and that
number. Replicas take turns at the numbers, so a run continues where it stopped,
and two streams trained with one seed see the same windows, crops and flips.

Only the images that a clip shows are decoded, each once: at 25 frames a second
of a 12 frames a second video, that is half of them. Clips stay uint8 until they
are in the network's graph, see `scale`.
"""

import functools
import os
from typing import NamedTuple

import tensorflow as tf

import i3d
from two_stream import recipe
from two_stream.datasets import mirroring
from two_stream.records import schema, tfrecords
from two_stream.video import pixels

# How many records in place of a damaged one are tried. If all are damaged,
# so is most of the data, and the error is raised.
_ATTEMPTS = 10
_SIZE = pixels.CROP_SIZE


class Reading(NamedTuple):
  """What to read, and how.

  Attributes:
    index: a `record_index.RecordIndex`.
    stream: a key of `recipe.STREAMS`.
    num_frames: length of a training clip.
    flipped_labels: a table, see `mirroring.flipped_labels`.
    seed: integer.
  """

  index: tuple
  stream: str
  num_frames: int
  flipped_labels: list
  seed: int


class Turn(NamedTuple):
  """Which clips are a replica's: those with number % replicas == replica."""

  replica: int = 0
  replicas: int = 1


def training_clips(reading, batch_size, turn, first_batch):
  """An endless dataset of a replica's batches.

  Args:
    reading: a `Reading`.
    batch_size: clips in a batch.
    turn: a `Turn`.
    first_batch: int64 tensor []; how many of the replica's batches came before.

  Returns:
    A tf.data.Dataset of dicts:
      clip: uint8 [batch_size, num_frames, 224, 224, channels].
      label: int32 [batch_size].
      number: int64 [batch_size]; of the clips.
      record: int64 [batch_size]; which the clip was to come from.
      attempts: int64 [batch_size]; more than 0 if that record is damaged and
        the clip comes from another.
  """
  first = first_batch * batch_size * turn.replicas + turn.replica
  numbers = tf.data.Dataset.range(first, tf.int64.max, turn.replicas)
  parallel = 2 * (os.cpu_count() or 1)
  return (
    numbers.interleave(
      functools.partial(_training_clip, reading),
      cycle_length=parallel,
      num_parallel_calls=parallel,
      deterministic=True,
    )
    .batch(batch_size, drop_remainder=True)
    .prefetch(2)
    .with_options(_as_written())
  )


def test_clips(index, stream):
  """A dataset of a whole split, each clip at its full length.

  Args:
    index: a `record_index.RecordIndex`.
    stream: a key of `recipe.STREAMS`.

  Returns:
    A tf.data.Dataset of dicts: clip uint8 [T, 224, 224, channels], the centre
    crop of all frames, T from 9 (looped if need be) to 250; label int32 [],
    `schema.NO_LABEL` where there is none; id string []; record int64 [].
    Damaged records are left out.
  """

  def clip(record):
    return index.read(record).map(functools.partial(_test_clip, stream, record))

  parallel = 2 * (os.cpu_count() or 1)
  return (
    tf.data.Dataset.range(len(index))
    .interleave(
      lambda record: clip(record).ignore_errors(),
      cycle_length=parallel,
      num_parallel_calls=parallel,
      deterministic=True,
    )
    .prefetch(2)
    .with_options(_as_written())
  )


def _as_written():
  """Without tuning: the numbers are given, and closing a session waits for it.

  Its thread sleeps ever longer, up to a minute, and can miss that it is to end.
  """
  options = tf.data.Options()
  options.autotune.enabled = False
  return options


def scale(clip, stream):
  """Maps uint8 clips to the network's float32 in [-1, 1]."""
  return pixels.unit_range(tf.cast(clip, tf.float32), stream)


def _training_clip(reading, number):
  """A dataset of one clip: of its record, or of the next that is whole."""
  length = len(reading.index)
  epoch, place = number // length, number % length

  def record_of(attempt):
    return tf.random.experimental.index_shuffle(
      place, [reading.seed + attempt, epoch], length - 1
    )

  def clip(attempt):
    return (
      reading.index.read(record_of(attempt))
      .map(tfrecords.parse)
      .map(functools.partial(_random_clip, reading, number))
      .map(
        lambda element: {
          **element,
          'number': number,
          'record': record_of(tf.constant(0, tf.int64)),
          'attempts': attempt,
        }
      )
    )

  return (
    tf.data.Dataset.range(_ATTEMPTS - 1)
    .flat_map(lambda attempt: clip(attempt).ignore_errors())
    .concatenate(clip(tf.constant(_ATTEMPTS - 1, tf.int64)))
    .take(1)
  )


def _random_clip(reading, number, parsed):
  """A window, a crop and a flip, the same for every frame."""
  draws = tf.random.stateless_uniform([4], [reading.seed, number])

  def draw(which, count):
    """An integer, 0 <= integer < count."""
    return tf.cast(draws[which] * tf.cast(count, tf.float32), tf.int32)

  length = tf.size(parsed[schema.FRAME_INDEX]) - 1
  # Among the starts that leave a whole clip; a shorter video is looped.
  start = draw(0, tf.maximum(length - reading.num_frames, 0) + 1)
  height, width = _frame_size(parsed)
  corner = draw(1, height - _SIZE + 1), draw(2, width - _SIZE + 1)
  clip = _decode(
    parsed,
    reading.stream,
    (start + tf.range(reading.num_frames)) % length,
    corner,
  )
  clip.set_shape([reading.num_frames, *clip.shape[1:]])
  label = _label(parsed)
  flipped_label = tf.gather(reading.flipped_labels, label)
  flips = (draws[3] < 0.5) & (flipped_label != mirroring.CANNOT_FLIP)  # noqa: PLR2004
  return {
    'clip': tf.cond(flips, lambda: _flip(clip, reading.stream), lambda: clip),
    'label': tf.where(flips, flipped_label, label),
  }


def _test_clip(stream, record, serialized):
  parsed = tfrecords.parse(serialized)
  length = tf.size(parsed[schema.FRAME_INDEX]) - 1
  num_frames = tf.clip_by_value(length, i3d.MIN_FRAMES, recipe.MAX_TEST_FRAMES)
  height, width = _frame_size(parsed)
  corner = (height - _SIZE) // 2, (width - _SIZE) // 2
  return {
    'clip': _decode(parsed, stream, tf.range(num_frames) % length, corner),
    'label': _label(parsed),
    'id': parsed[schema.ID],
    'record': record,
  }


def _label(parsed):
  """int32 []; what does not fit does not become another class's label."""
  return tf.saturate_cast(parsed[schema.LABEL_INDEX], tf.int32)


def _frame_size(parsed):
  """(height, width) of a record's frames, from the first one's header."""
  shape = tf.image.extract_jpeg_shape(parsed[schema.RGB_ENCODED][0])
  return shape[0], shape[1]


def _decode(parsed, stream, steps, corner):
  """Decodes the frames or flows of some time steps.

  Args:
    parsed: what `tfrecords.parse` returns.
    stream: a key of `recipe.STREAMS`.
    steps: int32 [T], time steps of the clip.
    corner: (top, left) of the crop.

  Returns:
    uint8 [T, 224, 224, channels].
  """
  frame_index = parsed[schema.FRAME_INDEX]
  shown = tf.gather(frame_index, steps)
  if stream == 'rgb':
    images = parsed[schema.RGB_ENCODED]
    decode = functools.partial(_decode_rgb, corner=corner)
  else:
    # Where a frame repeats, the flow is an image that decodes to zero.
    moved = tf.gather(frame_index, steps + 1) > shown
    shown = tf.where(moved, shown + 1, 0)
    images = tf.concat([[''], parsed[schema.FLOW_ENCODED]], 0)
    decode = functools.partial(_decode_flow, corner=corner)
  distinct, place = tf.unique(shown)
  decoded = tf.map_fn(
    decode, tf.gather(images, distinct), fn_output_signature=tf.uint8
  )
  decoded.set_shape([None, _SIZE, _SIZE, recipe.STREAMS[stream].channels])
  return tf.gather(decoded, place)


def _decode_rgb(encoded, corner):
  return tf.image.decode_and_crop_jpeg(
    encoded,
    [*corner, _SIZE, _SIZE],
    channels=3,
    dct_method='INTEGER_ACCURATE',  # as OpenCV
  )


def _decode_flow(encoded, corner):
  """Decodes x above y, or nothing for zero, to the crop [224, 224, 2]."""

  def decode():
    top, left = corner
    both = tf.image.decode_png(encoded, channels=1)
    x, y = tf.split(both, 2)
    flow = tf.concat([x, y], -1)
    return flow[top : top + _SIZE, left : left + _SIZE]

  def zero():
    return tf.fill([_SIZE, _SIZE, 2], tf.constant(pixels.FLOW_ZERO, tf.uint8))

  return tf.cond(tf.strings.length(encoded) > 0, decode, zero)


def _flip(clip, stream):
  """Mirrors left and right; motion to the right becomes motion to the left."""
  clip = tf.reverse(clip, [2])
  if stream == 'rgb':
    return clip
  x, y = tf.split(clip, 2, axis=-1)
  # Codes are 1 to 255, 128 is zero: -x in uint8 arithmetic.
  return tf.concat([tf.constant(0, tf.uint8) - x, y], -1)
