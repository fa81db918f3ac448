"""The logits of every network for every clip of a split, over many runs.

The logits of a network for a shard are written as soon as they are computed. So
a run that was killed continues where it stopped when it is started again.
"""

import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import tqdm

from two_stream import files, identity, recipe
from two_stream.evaluation import (
  clip_batches,
  data_directory,
  logit_parts,
  split_logits,
)
from two_stream.networks import checkpoint_files, checkpoints, classifier
from two_stream.records import clips, record_index
from two_stream.terminal import progress


def compute(
  networks: Sequence[data_directory.Network],
  class_names: Sequence[str],
  records_dir: files.PathLike,
  split: str,
  parts_dir: files.PathLike,
) -> split_logits.Logits:
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
  streams = {network.stream for network in networks}
  contents = split_logits.SplitShards(
    record_index.of_split(records_dir, split, streams)
  )
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
  return split_logits.combine(contents, networks, parts)


def _parts(
  network: data_directory.Network,
  num_classes: int,
  contents: split_logits.SplitShards,
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
  rows: list[tuple[int, str, int, np.ndarray]] = []
  elements = clips.test_clips(index, stream).as_numpy_iterator()
  for batch, logits in clip_batches.of_clips(classify, stream, elements):
    rows.extend(
      (element['record'], _id(element, index), element['label'], row)
      for element, row in zip(batch, logits)
    )
    bar.update(len(batch))
  bar.update(len(index) - len(rows))
  return logit_parts.Part.of_rows(
    sorted(rows, key=lambda row: row[0]), num_classes
  )


def _id(element: clip_batches.Element, index: record_index.RecordIndex) -> str:
  """Returns the id of a clip; records of other programs may have none."""
  if element['id']:
    return element['id'].decode(errors='replace')
  return f'{pathlib.Path(index.paths[0]).stem}-{element["record"]}'
