"""The minibatches of the replicas of one process, step by step."""

from collections.abc import Iterator

import tensorflow as tf

from two_stream.records import clips
from two_stream.training import all_reduce_replicas, reporting


class LocalClips:
  """Reads the share of each local replica, see `clips.Share`."""

  def __init__(
    self,
    reading: clips.Reading,
    batch_size: int,
    per_step: int,
    first_step: int,
    replicas: all_reduce_replicas.Replicas,
    damage: reporting.DamageReport,
  ):
    """Begins to read when the first minibatch is asked for.

    Args:
      reading: what to read, and how.
      batch_size: the number of clips in a minibatch.
      per_step: the number of minibatches in a step, those of all replicas.
      first_step: how many steps have been done.
      replicas: the replicas of this process.
      damage: where damaged records are counted.
    """
    self._reading = reading
    self._batch_size = batch_size
    self._per_step = per_step
    self._first_step = first_step
    self._replicas = replicas
    self._damage = damage
    # Number of a replica -> its minibatches to come, and its latest one.
    self._iterators: dict[int, Iterator[all_reduce_replicas.Batch]] = {}
    self._latest: dict[int, all_reduce_replicas.Batch] = {}

  @property
  def rounds(self) -> int:
    """How many minibatches of a step a replica has at most."""
    return self._share(0).size

  def next(self, turn: int = 0) -> all_reduce_replicas.PerReplica:
    """Reads a minibatch for each local replica.

    Args:
      turn: how many rounds of the step have been before. In the last round,
        some replicas may have no minibatch left. They get their latest one
        again, which does not count.

    Returns:
      What `Replicas.contribute` takes.

    Raises:
      InputError: too many records are damaged.
    """
    return self._replicas.of_each(lambda replica: self._next_of(replica, turn))

  def _next_of(self, replica: int, turn: int) -> all_reduce_replicas.Batch:
    counts = turn < self._share(replica).size
    if counts:
      batch = next(self._iterator(replica))
      self._damage.add(batch['record'].numpy(), batch['attempts'].numpy())
      self._latest[replica] = batch
    return {**self._latest[replica], 'counts': tf.constant(float(counts))}

  def _iterator(self, replica: int) -> Iterator[all_reduce_replicas.Batch]:
    if replica not in self._iterators:
      with tf.device('/cpu:0'):
        dataset = clips.shared_clips(
          self._reading,
          self._batch_size,
          self._share(replica),
          self._first_step,
        )
        self._iterators[replica] = iter(dataset)
    return self._iterators[replica]

  def _share(self, replica: int) -> clips.Share:
    number = self._replicas.strategy.num_replicas_in_sync
    return clips.Share(replica, number, self._per_step)
