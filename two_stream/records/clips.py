"""From records to the clips that the network is trained and tested on.

    number of the clip -> record -> view (window of time, crop, flip) -> pixels

Every clip of a training run has a number. All that is random about a clip is a
function of the seed and that number: the record and the view. Replicas take
turns at the numbers. So a run continues where it stopped, and two streams that
are trained with the same seed see the same windows, crops and flips.

Clips stay uint8 until they are in the network's graph; `scale` maps them to
[-1, 1] there.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from two_stream.datasets import mirroring
from two_stream.records import (
  record_index,
  schema,
  tfrecords,
  view_plan,
  views,
)
from two_stream.video import pixels

# How many records are tried for one clip if records are damaged. If all of
# these are damaged, most of the data is, and the error is raised.
_ATTEMPTS = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
  """What a training run reads, and how.

  Attributes:
    records: where the records are.
    stream: a key of `recipe.STREAMS`.
    num_frames: the length of a clip.
    flipped_labels: class -> the class of a clip once it is flipped, see
      `mirroring.flipped_labels`.
    seed: what decides all random choices.
  """

  records: record_index.RecordIndex
  stream: str
  num_frames: int
  flipped_labels: Sequence[int]
  seed: int


class Turn(NamedTuple):
  """Which clips are a replica's: those with number % replicas == replica."""

  replica: int = 0
  replicas: int = 1


class Share(NamedTuple):
  """Which minibatches of a step are a replica's.

  The minibatches of a job are numbered, and each has the clips that follow
  those of the one before. So a step has the same minibatches, however many
  replicas there are.

  Attributes:
    replica: the number of the replica.
    replicas: the number of replicas. The replica has the minibatches of the
      step with number % replicas == replica.
    per_step: the number of minibatches in a step.
  """

  replica: int = 0
  replicas: int = 1
  per_step: int = 1

  @property
  def size(self) -> int:
    """How many minibatches of a step are the replica's."""
    return len(range(self.replica, self.per_step, self.replicas))


def training_clips(
  reading: Reading, batch_size: int, turn: Turn, first_batch: tf.Tensor
) -> tf.data.Dataset:
  """Makes an endless dataset of a replica's batches.

  Args:
    reading: what to read, and how.
    batch_size: the number of clips in a batch.
    turn: which clips are the replica's.
    first_batch: int64 [], how many of the replica's batches came before.

  Returns:
    A dataset of dicts:
      clip: uint8 [batch_size, num_frames, 224, 224, channels].
      label: int32 [batch_size].
      number: int64 [batch_size], the numbers of the clips.
      record: int64 [batch_size], the record that each clip was to come from.
      attempts: int64 [batch_size]; more than 0 if that record is damaged and
        the clip comes from another one.
  """
  first = first_batch * batch_size * turn.replicas + turn.replica
  numbers = tf.data.Dataset.range(first, tf.int64.max, turn.replicas)
  return _batches(reading, batch_size, numbers)


def shared_clips(
  reading: Reading, batch_size: int, share: Share, first_step: int
) -> tf.data.Dataset:
  """Makes an endless dataset of a replica's minibatches.

  Args:
    reading: what to read, and how.
    batch_size: the number of clips in a minibatch.
    share: which minibatches are the replica's.
    first_step: how many steps came before.

  Returns:
    A dataset like that of `training_clips`.
  """

  def of_step(step: tf.Tensor) -> tf.data.Dataset:
    first = step * share.per_step
    return tf.data.Dataset.range(
      first + share.replica, first + share.per_step, share.replicas
    )

  last_step = tf.int64.max // (share.per_step * batch_size) - 1
  numbers = (
    tf.data.Dataset.range(first_step, last_step)
    .flat_map(of_step)
    .flat_map(
      lambda batch: tf.data.Dataset.range(
        batch * batch_size, (batch + 1) * batch_size
      )
    )
  )
  return _batches(reading, batch_size, numbers)


def _batches(
  reading: Reading, batch_size: int, numbers: tf.data.Dataset
) -> tf.data.Dataset:
  """Makes the dataset of the minibatches of these clips, in this order."""
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
    .with_options(_without_autotuning())
  )


def test_clips(
  index: record_index.RecordIndex,
  stream: str,
  plan: view_plan.ViewPlan = view_plan.WHOLE_CLIP,
) -> tf.data.Dataset:
  """Makes a dataset of a whole split, each clip at its full length.

  Args:
    index: where the records are.
    stream: a key of `recipe.STREAMS`.
    plan: which views of each clip to show instead.

  Returns:
    A dataset of dicts, one for each view of each clip, without views that
    cannot be decoded:
      clip: uint8 [T, 224, 224, channels], see `views.planned`.
      label: int32 []; `schema.NO_LABEL` if the clip has no label.
      id: string [].
      record: int64 [].
      view: int64 [], the number of the view.
      is_repeated: bool [], whether the clip is shorter than the T frames.
  """

  def clip(record: tf.Tensor) -> tf.data.Dataset:
    return (
      index.read(record)
      .map(tfrecords.parse)
      .flat_map(
        lambda parsed: tf.data.Dataset.range(plan.num_views).map(
          functools.partial(_test_clip, stream, plan, record, parsed)
        )
      )
    )

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
    .with_options(_without_autotuning())
  )


def _without_autotuning() -> tf.data.Options:
  """Switches off tf.data's autotuning, which has nothing to tune here.

  Its thread sleeps longer and longer, up to a minute, and can miss the request
  to end. Closing a session then waits for that thread.
  """
  options = tf.data.Options()
  options.autotune.enabled = False
  return options


def scale(clip: tf.Tensor, stream: str) -> tf.Tensor:
  """Maps uint8 clips to the network's float32 in [-1, 1]."""
  return pixels.unit_range(tf.cast(clip, tf.float32), stream)


def _training_clip(reading: Reading, number: tf.Tensor) -> tf.data.Dataset:
  """Makes a dataset of one clip.

  The records of an epoch are in a random order of their own. If the record of
  this clip is damaged, the clip is taken from another one.
  """
  length = len(reading.records)
  epoch, position = number // length, number % length

  def record_of(attempt: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.index_shuffle(
      position, [reading.seed + attempt, epoch], length - 1
    )

  def clip(attempt: tf.Tensor) -> tf.data.Dataset:
    return (
      reading.records.read(record_of(attempt))
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


def _random_clip(
  reading: Reading, number: tf.Tensor, parsed: views.Parsed
) -> dict[str, tf.Tensor]:
  """Shows a random view of a record, with the label that the view has."""
  view = views.random(parsed, reading.num_frames, reading.seed, number)
  label = _label(parsed)
  flipped_label = tf.gather(reading.flipped_labels, label)
  flips = view.is_flipped & (flipped_label != mirroring.CANNOT_FLIP)
  view = view._replace(is_flipped=flips)
  return {
    'clip': views.decode(parsed, reading.stream, view),
    'label': tf.where(flips, flipped_label, label),
  }


def _test_clip(
  stream: str,
  plan: view_plan.ViewPlan,
  record: tf.Tensor,
  parsed: views.Parsed,
  number: tf.Tensor,
) -> dict[str, tf.Tensor]:
  """Shows one view of a record, see `test_clips`."""
  view = views.planned(parsed, plan, number)
  return {
    'clip': views.decode(parsed, stream, view),
    'label': _label(parsed),
    'id': parsed[schema.ID],
    'record': record,
    'view': number,
    'is_repeated': views.num_steps(parsed) < tf.size(view.steps),
  }


def _label(parsed: views.Parsed) -> tf.Tensor:
  """Returns the label, int32 [].

  A number that does not fit becomes the nearest one that does, and not the
  label of another class.
  """
  return tf.saturate_cast(parsed[schema.LABEL_INDEX], tf.int32)
