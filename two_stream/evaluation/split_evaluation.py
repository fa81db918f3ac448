"""The logits of every network for every clip of a split, over many runs.

Each network's logits of a shard are written once they are there, so a run that
was killed is continued by running it again.
"""

import functools
import logging
import pathlib
from typing import NamedTuple

import numpy as np

from two_stream import errors, identity, recipe
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


class Logits(NamedTuple):
  """What the networks say of the clips of a split that all of them could read.

  Attributes:
    ids: str [N].
    labels: int32 [N]; `schema.NO_LABEL` where there is none.
    networks: `data_directory.Network` -> float32 [N, classes].
    damaged: list of `Damage`.
  """

  ids: np.ndarray
  labels: np.ndarray
  networks: dict[data_directory.Network, np.ndarray]
  damaged: list


class Damage(NamedTuple):
  """A record that cannot be read.

  Attributes:
    id: of the clip; None if that cannot be read either.
    shard: name of the file.
    record: its place in the shard, from 0.
    byte: where it begins.
    breaks_off: whether the shard ends in the middle of it. Then nobody knows
      how many more there were.
  """

  id: str | None
  shard: str
  record: int
  byte: int
  breaks_off: bool


def class_names(data_dir, networks, records_dir):
  """Reads the label map, which must fit networks and records.

  Args:
    data_dir: the data directory.
    networks: list of `data_directory.Network`.
    records_dir: folder of the shards.

  Returns:
    A list of str.

  Raises:
    InputError: if it does not fit. Another frame rate is only warned of.
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


def compute(networks, class_names, records_dir, split, parts_dir):
  """Computes the logits that no earlier run has.

  No file may be replaced by another while logits are computed from it: nothing
  is kept then of what was computed.

  Args:
    networks: list of `data_directory.Network`.
    class_names: of the networks, in the order of the logits.
    records_dir: folder of the shards.
    split: which of its splits.
    parts_dir: folder for what is finished.

  Returns:
    The `Logits` of the split.

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
  """The shards of a split, each told from others by its contents.

  A shard is read for that when its turn comes, so that the first logits need
  not wait until all are.

  Attributes:
    index: the `record_index.RecordIndex` of all.
  """

  def __init__(self, index):
    self.index = index
    self._identities = {}

  def identity(self, shard):
    """Gives the `identity.Identity` that a shard had at its first turn.

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


def _parts(network, num_classes, contents, folder, bar):
  """Yields (shard, `logit_parts.Part`) of one network, read or computed."""
  seen = identity.Identity(*checkpoint_files.load(network.checkpoint).files)
  store = logit_parts.Parts(folder, seen.digest, num_classes)
  classify = None
  for shard in contents.index.paths:
    shard_seen = contents.identity(shard)
    index = contents.index.shard(shard)
    part = store.read(shard, shard_seen.digest, len(index))
    if part is not None:
      bar.initial += len(index)  # For the time that is left.
      bar.update(len(index))
    else:
      classify = classify or _load(network, num_classes, seen)
      part = _classify(classify, network.stream, index, num_classes, bar)
      shard_seen.check()
      store.write(shard, shard_seen.digest, part)
    yield shard, part


def _load(network, num_classes, seen):
  """Loads a network, whose checkpoint must not have changed since `seen`."""
  classify = classifier.load(
    network.checkpoint, recipe.STREAMS[network.stream].scope
  )
  # The number of classes was right when the label map was read.
  if checkpoints.describe(network.checkpoint).num_classes != num_classes:
    raise identity.changed(network.checkpoint)
  seen.check()
  return classify


def _classify(classify, stream, index, num_classes, bar):
  """Classifies the readable clips of a shard; returns a `logit_parts.Part`."""
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


def _text(encoded):
  return encoded.decode(errors='replace')


def _combine(contents, networks, parts):
  """Joins the parts, without the clips that some network could not read."""
  index = contents.index
  common, damaged = {network: [] for network in networks}, []
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
    network: logit_parts.Part(*map(np.concatenate, zip(*chosen)))
    for network, chosen in common.items()
  }
  _, ids, true_labels, logits = joined[networks[0]]
  for label in (true_labels.min(), true_labels.max()):
    if label != schema.NO_LABEL and not 0 <= label < logits.shape[-1]:
      raise errors.InputError(
        f'{index.paths[0]}...: has label {label} and the networks '
        f'{logits.shape[-1]} classes; choose records of their data set'
      )
  return Logits(
    ids,
    true_labels,
    {network: part.logits for network, part in joined.items()},
    damaged,
  )


def _damages(contents, shard, readable):
  """Lists what cannot be read of a shard."""
  alone = contents.index.shard(shard)
  name = pathlib.Path(shard).name
  damaged = [
    Damage(_readable_id(alone, record), name, record, int(byte), False)
    for record, byte in enumerate(alone.offsets)
    if record not in readable
  ]
  if damaged:
    contents.identity(shard).check()  # The ids were read just now.
  if shard in contents.index.torn:
    torn = contents.index.torn[shard]
    damaged.append(Damage(None, name, len(alone), torn, True))
  return damaged


def _readable_id(index, record):
  try:
    return data_set.check_id(tfrecords.clip_id(index.read_damaged(record)))
  except errors.InputError:
    return None
