"""The logits of every network for every clip of a split, over many runs.

The logits of a network for a shard are written as soon as they are computed. So
a run that was killed continues where it stopped when it is started again.
"""

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tqdm

from two_stream import errors, files, identity, recipe
from two_stream.datasets import data_set
from two_stream.evaluation import (
  clip_batches,
  data_directory,
  logit_parts,
  network_classes,
)
from two_stream.networks import checkpoint_files, checkpoints, classifier
from two_stream.records import (
  clips,
  framing,
  record_index,
  schema,
  shard_folder,
  tfrecords,
)
from two_stream.terminal import progress
from two_stream.video import resampling


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
  """

  ids: np.ndarray
  labels: np.ndarray
  networks: dict[data_directory.Network, np.ndarray]
  damaged: list[Damage]


def class_names(
  data_dir: files.PathLike,
  networks: Sequence[data_directory.Network],
  records_dir: files.PathLike,
) -> list[str]:
  """Reads the label map and compares it with networks and records.

  A warning is logged if the records have another frame rate than the clips that
  the networks were trained on.

  Args:
    data_dir: the data directory.
    networks: the networks to evaluate.
    records_dir: folder of the shards.

  Returns:
    The class names in the order of the logits.

  Raises:
    InputError: the label map does not fit a network or the records.
  """
  names = network_classes.names(
    data_dir,
    'joint',
    [network.checkpoint for network in networks],
  )
  of_records = pathlib.Path(records_dir, shard_folder.LABEL_MAP)
  if (
    of_records.exists() and shard_folder.read_class_names(records_dir) != names
  ):
    raise errors.InputError(
      f'{of_records} is not the label map of {data_dir}; choose the '
      '--records_dir of the data set that the networks were trained on'
    )
  rates = [
    data_directory.frames_per_second(folder)
    for folder in (data_dir, records_dir)
  ]
  if rates[0] != rates[1]:
    logging.warning(
      '%s: has %s frames a second and the networks were trained on %s',
      records_dir,
      *(rate or resampling.NATIVE for rate in rates[::-1]),
    )
  return names


def compute(
  networks: Sequence[data_directory.Network],
  class_names: Sequence[str],
  records_dir: files.PathLike,
  split: str,
  parts_dir: files.PathLike,
) -> Logits:
  """Computes the logits that no earlier run has computed.

  If a checkpoint or a shard is replaced while logits are computed from it, the
  logits are not kept.

  Args:
    networks: the networks to evaluate.
    class_names: in the order of the logits.
    records_dir: folder of the shards.
    split: one of the splits in that folder.
    parts_dir: folder for finished logits, see `logit_parts`.

  Returns:
    The logits of the split.

  Raises:
    InputError: a file cannot be read or written, or changed while it was used.
  """
  contents = _Shards(record_index.of_split(records_dir, split))
  parts = {}
  with progress.bar(
    total=len(contents.index) * len(networks), unit='clip'
  ) as bar:
    for network in networks:
      bar.set_description(network.name)
      folder = pathlib.Path(parts_dir, network.name)
      for shard, part in _parts(
        network, len(class_names), contents, folder, bar
      ):
        parts[network, shard] = part
  return _combine(contents, networks, parts)


class _Shards:
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


def _parts(
  network: data_directory.Network,
  num_classes: int,
  contents: _Shards,
  folder: pathlib.Path,
  bar: tqdm.tqdm,
) -> Iterator[tuple[str, logit_parts.Part]]:
  """Reads the parts of one network, and computes those that are not there.

  Args:
    network: the network.
    num_classes: number of classes of the network.
    contents: the shards of the split.
    folder: the folder of the network's parts.
    bar: counts the clips that are done.

  Yields:
    (path of a shard, its part), for each shard of the split.

  Raises:
    InputError: a file cannot be read or written, or changed while it was used.
  """
  seen = identity.Identity(*checkpoint_files.load(network.checkpoint).files)
  store = logit_parts.Parts(folder, seen.digest, num_classes)
  classify = None
  for shard in contents.index.paths:
    shard_seen = contents.identity(shard)
    index = contents.index.shard(shard)
    part = store.read(shard, shard_seen.digest, len(index))
    if part is not None:
      bar.initial += len(index)  # Clips that take no time, for the estimate.
      bar.update(len(index))
    else:
      classify = classify or _load(network, num_classes, seen)
      part = _classify(classify, network.stream, index, num_classes, bar)
      shard_seen.check()
      store.write(shard, shard_seen.digest, part)
    yield shard, part


def _load(
  network: data_directory.Network, num_classes: int, seen: identity.Identity
) -> classifier.Classifier:
  """Loads a network, whose checkpoint must not have changed since `seen`."""
  classify = classifier.load(
    network.checkpoint, recipe.STREAMS[network.stream].scope
  )
  # The number of classes was right when the label map was read.
  if checkpoints.describe(network.checkpoint).num_classes != num_classes:
    raise identity.changed(network.checkpoint)
  seen.check()
  return classify


def _classify(
  classify: classifier.Classifier,
  stream: str,
  index: record_index.RecordIndex,
  num_classes: int,
  bar: tqdm.tqdm,
) -> logit_parts.Part:
  """Classifies the readable clips of a shard.

  Args:
    classify: the network.
    stream: a key of `recipe.STREAMS`, the network's.
    index: the index of the shard alone.
    num_classes: number of classes of the network.
    bar: counts the clips that are done.

  Returns:
    The part of the shard.
  """
  rows = []
  elements = clips.test_clips(index, stream).as_numpy_iterator()
  for batch, logits in clip_batches.of_clips(classify, stream, elements):
    rows.extend(
      (element['record'], _text(element['id']), element['label'], row)
      for element, row in zip(batch, logits)
    )
    bar.update(len(batch))
  bar.update(len(index) - len(rows))
  return logit_parts.Part.of_rows(
    sorted(rows, key=lambda row: row[0]), num_classes
  )


def _text(encoded: bytes) -> str:
  return encoded.decode(errors='replace')


def _combine(
  contents: _Shards,
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
  contents: _Shards, shard: str, readable: np.ndarray
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
