"""The logits of every network for every clip of a split, over many runs.

Each network's logits of a shard are written once they are there, so a run that
was killed is continued by running it again.
"""

import functools
import itertools
import logging
import pathlib
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from two_stream import (
  checkpoints,
  clips,
  data_directory,
  errors,
  inference,
  labels,
  logit_parts,
  progress,
  recipe,
  record_index,
  records,
  shard_folder,
  split_logits,
  video,
)


class Network(NamedTuple):
  """One network to evaluate."""

  initialization: str
  stream: str


class Logits(NamedTuple):
  """What the networks say of the clips of a split that all of them could read.

  Attributes:
    ids: str [N].
    labels: int32 [N]; `records.NO_LABEL` where there is none.
    networks: `Network` -> float32 [N, classes].
    damaged: list of `Damage`.
  """

  ids: np.ndarray
  labels: np.ndarray
  networks: dict
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
    networks: as `data_directory.networks` gives them.
    records_dir: folder of the shards.

  Returns:
    A list of str.

  Raises:
    InputError: if it does not fit. Another frame rate is only warned of.
  """
  for streams in networks.values():
    for path in streams.values():
      names = data_directory.class_names(
        data_dir, 'joint', checkpoints.describe(path).num_classes
      )
  of_records = pathlib.Path(records_dir, shard_folder.LABEL_MAP)
  if of_records.exists() and labels.read_label_map(of_records) != names:
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
      *(rate or video.NATIVE for rate in rates[::-1]),
    )
  return names


def compute(networks, shards, parts_dir):
  """Computes the logits that no earlier run has.

  Args:
    networks: as `data_directory.networks` gives them.
    shards: paths of the split's shards.
    parts_dir: folder for what is finished.

  Returns:
    The `Logits` of the split.

  Raises:
    InputError: a file cannot be read or written.
  """
  index = record_index.build(shards)
  checkpoint = {
    Network(initialization, stream): path
    for initialization, streams in networks.items()
    for stream, path in streams.items()
  }
  stores = {
    network: logit_parts.Parts(
      pathlib.Path(parts_dir, f'{network.stream}_{network.initialization}'),
      path,
    )
    for network, path in checkpoint.items()
  }
  parts = {
    (network, shard): stores[network].read(shard)
    for network in checkpoint
    for shard in index.paths
  }
  missing = [place for place, part in parts.items() if part is None]
  with _progress(index, parts) as bar:
    for network, places in itertools.groupby(missing, key=lambda p: p[0]):
      bar.set_description(f'{network.stream}_{network.initialization}')
      classify = inference.classifier(
        checkpoint[network], recipe.STREAMS[network.stream].scope
      )
      for _, shard in places:
        part = _classify(classify, network.stream, index.shard(shard), bar)
        stores[network].write(shard, part)
        parts[network, shard] = part
  return _combine(index, list(checkpoint), parts)


def _progress(index, parts):
  """A bar on stderr that counts each clip once for each network."""
  length = {shard: len(index.shard(shard)) for shard in index.paths}
  return progress.bar(
    total=sum(length[shard] for _, shard in parts),
    initial=sum(length[shard] for (_, shard), part in parts.items() if part),
    unit='clip',
  )


def _classify(classify, stream, index, bar):
  """Classifies the readable clips of a shard; returns a `logit_parts.Part`."""
  rows = []
  elements = clips.test_clips(index, stream).as_numpy_iterator()
  for batch, logits in split_logits.of_clips(classify, stream, elements):
    rows.extend(
      (element['record'], _text(element['id']), element['label'], row)
      for element, row in zip(batch, logits)
    )
    bar.update(len(batch))
  bar.update(len(index) - len(rows))
  rows.sort(key=lambda row: row[0])
  columns = zip(*rows) if rows else ([],) * len(logit_parts.Part._fields)
  return logit_parts.Part(*map(np.array, columns))


def _text(encoded):
  return encoded.decode(errors='replace')


def _combine(index, networks, parts):
  """Joins the parts, without the clips that some network could not read."""
  common, damaged = {network: [] for network in networks}, []
  for shard in index.paths:
    of_shard = [parts[network, shard] for network in networks]
    readable = functools.reduce(
      np.intersect1d, [part.records for part in of_shard]
    )
    damaged.extend(_damages(index, shard, readable))
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
  if true_labels.max() >= logits.shape[-1]:
    raise errors.InputError(
      f'{index.paths[0]}...: has label {true_labels.max()} and the networks '
      f'{logits.shape[-1]} classes; choose records of their data set'
    )
  return Logits(
    ids,
    true_labels,
    {network: part.logits for network, part in joined.items()},
    damaged,
  )


def _damages(index, shard, readable):
  """Lists what cannot be read of a shard."""
  alone, name = index.shard(shard), pathlib.Path(shard).name
  damaged = [
    Damage(_readable_id(alone, record), name, record, int(byte), False)
    for record, byte in enumerate(alone.offsets)
    if record not in readable
  ]
  if shard in index.torn:
    damaged.append(Damage(None, name, len(alone), index.torn[shard], True))
  return damaged


def _readable_id(index, record):
  try:
    context = records.deserialize(index.read_damaged(record)).context
    return labels.check_id(context[records.ID][0].decode())
  except (DecodeError, ValueError, LookupError, TypeError, AttributeError):
    return None
