"""The logits of a split, put together from the parts of its shards.

Networks are compared on the same clips: if one of them could not read a record,
the record counts as damaged and is left out for all of them.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from two_stream import errors, identity
from two_stream.datasets import data_set
from two_stream.evaluation import data_directory, logit_parts
from two_stream.records import framing, record_index, schema, tfrecords


@dataclasses.dataclass(frozen=True, kw_only=True)
class Damage:
  """A record that cannot be read.

  Attributes:
    id: id of the clip; None if the id cannot be read either.
    shard: file name of the shard.
    record: position of the record in the shard, from 0.
    byte: position in the file where the record begins.
    breaks_off: whether the file ends in the middle of the record. Then nobody
      knows how many records should have followed.
  """

  id: str | None
  shard: str
  record: int
  byte: int
  breaks_off: bool


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Logits:
  """The logits for those clips of a split that every network could read.

  Attributes:
    ids: str [N]; the ids of the clips.
    labels: int32 [N]; `schema.NO_LABEL` for a clip without a label.
    networks: `data_directory.Network` -> float32 [N, classes].
    damaged: the records that could not be read.
    repeated: bool [N]; whether the clip was repeated because it is shorter than
      its views.
  """

  ids: np.ndarray
  labels: np.ndarray
  networks: dict[data_directory.Network, np.ndarray]
  damaged: list[Damage]
  repeated: np.ndarray


class SplitShards:
  """The shards of a split, and what their files contained at first.

  The digest of a shard is computed when the shard is first needed. So the first
  logits need not wait until every shard has been read.

  Attributes:
    index: the index of the records of all shards.
  """

  def __init__(self, index: record_index.RecordIndex) -> None:
    self.index = index
    self._identities: dict[str, identity.Identity] = {}

  def identity(self, shard: str) -> identity.Identity:
    """Returns the identity that a shard had when it was first needed.

    Raises:
      InputError: its records were not where the index has them.
    """
    if shard not in self._identities:
      seen = identity.Identity(shard)
      indexed = self.index.shard(shard).offsets.tolist()
      if framing.scan(shard) != (indexed, self.index.torn.get(shard)):
        raise identity.changed(shard)
      self._identities[shard] = seen
    return self._identities[shard]


def combine(
  contents: SplitShards,
  networks: Sequence[data_directory.Network],
  parts: Mapping[tuple[data_directory.Network, str], logit_parts.Part],
) -> Logits:
  """Puts the parts of a split together.

  Args:
    contents: the shards of the split.
    networks: the networks.
    parts: (network, path of a shard) -> the part.

  Returns:
    The logits for the clips that every network could read.

  Raises:
    InputError: no record can be read, or a label is not that of a class.
  """
  index = contents.index
  common: dict[data_directory.Network, list[logit_parts.Part]] = {
    network: [] for network in networks
  }
  damaged: list[Damage] = []
  for shard in index.paths:
    of_shard = [parts[network, shard] for network in networks]
    readable = functools.reduce(
      np.intersect1d, [part.records for part in of_shard]
    )
    damaged.extend(_damages(contents, shard, readable))
    for network, part in zip(networks, of_shard):
      if len(readable):
        common[network].append(part.select(readable))
  if not any(common.values()):
    raise errors.InputError(
      f'{index.paths[0]}...: no record can be read; make the shards again'
    )
  joined = {
    network: logit_parts.Part.joined(chosen)
    for network, chosen in common.items()
  }
  first = joined[networks[0]]
  _check_labels(index.paths[0], first)
  return Logits(
    ids=first.ids,
    labels=first.labels,
    networks={network: part.logits for network, part in joined.items()},
    damaged=damaged,
    repeated=first.repeated,
  )


def _check_labels(first_path: str, part: logit_parts.Part) -> None:
  """Raises InputError if a label is not that of one of the classes."""
  num_classes = part.logits.shape[-1]
  for label in (part.labels.min(), part.labels.max()):
    if label != schema.NO_LABEL and not 0 <= label < num_classes:
      raise errors.InputError(
        f'{first_path}...: has label {label} and the networks {num_classes} '
        'classes; choose records of their data set'
      )


def _damages(
  contents: SplitShards, shard: str, readable: np.ndarray
) -> list[Damage]:
  """Describes the records of a shard that cannot be read.

  Args:
    contents: the shards of the split.
    shard: path of the shard.
    readable: int [M], the positions in the shard of the other records.

  Returns:
    The descriptions, in the order of the records.

  Raises:
    InputError: the shard changed while it was used.
  """
  alone = contents.index.shard(shard)
  name = pathlib.Path(shard).name
  damaged = [
    Damage(
      id=_readable_id(alone, record),
      shard=name,
      record=record,
      byte=int(byte),
      breaks_off=False,
    )
    for record, byte in enumerate(alone.offsets)
    if record not in readable
  ]
  if damaged:
    # The ids were read just now, perhaps from a shard that has been replaced.
    contents.identity(shard).check()
  if shard in contents.index.torn:
    damaged.append(
      Damage(
        id=None,
        shard=name,
        record=len(alone),
        byte=contents.index.torn[shard],
        breaks_off=True,
      )
    )
  return damaged


def _readable_id(index: record_index.RecordIndex, record: int) -> str | None:
  """Returns the id of a damaged record, or None if there is none to read."""
  try:
    return data_set.check_id(tfrecords.clip_id(index.read_damaged(record)))
  except errors.InputError:
    return None
