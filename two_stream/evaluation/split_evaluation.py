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
  view_fusion,
)
from two_stream.networks import checkpoint_files, checkpoints, classifier
from two_stream.records import clips, record_index, view_plan
from two_stream.terminal import progress


def compute(
  networks: Sequence[data_directory.Network],
  class_names: Sequence[str],
  records_dir: files.PathLike,
  split: str,
  parts_dir: files.PathLike,
  plan: view_plan.ViewPlan = view_plan.WHOLE_CLIP,
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
    plan: the views of each clip, whose logits are averaged.

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
      run = _Run(network, class_names, plan, bar)
      for shard, part in run.parts(contents, pathlib.Path(parts_dir)):
        parts[network, shard] = part
  return split_logits.combine(contents, networks, parts)


class _Run:
  """Reads the logits of one network, and computes those that are not there.

  Args:
    network: the network.
    class_names: in the order of the logits.
    plan: the views of each clip.
    bar: counts the clips that are done.
  """

  def __init__(
    self,
    network: data_directory.Network,
    class_names: Sequence[str],
    plan: view_plan.ViewPlan,
    bar: tqdm.tqdm,
  ) -> None:
    self._network = network
    self._class_names = class_names
    self._plan = plan
    self._bar = bar

  def parts(
    self, contents: split_logits.SplitShards, parts_dir: pathlib.Path
  ) -> Iterator[tuple[str, logit_parts.Part]]:
    """Gives the part of each shard of the split.

    Args:
      contents: the shards of the split.
      parts_dir: see `compute`.

    Yields:
      (path of a shard, its part).

    Raises:
      InputError: a file cannot be read or written, or changed while it was
        used.
    """
    seen = identity.Identity(
      *checkpoint_files.load(self._network.checkpoint).files
    )
    views = view_fusion.ViewFusion(self._plan, self._class_names).name
    folder = self._network.name
    if views:
      folder += f'_{self._plan.name}'
    store = logit_parts.Parts(
      parts_dir / folder, seen.digest, len(self._class_names), views
    )
    classify = None
    for shard in contents.index.paths:
      shard_seen = contents.identity(shard)
      index = contents.index.shard(shard)
      part = store.read(shard, shard_seen.digest, len(index))
      if part is not None:
        # Clips that take no time, for the estimate.
        self._bar.initial += len(index)
        self._bar.update(len(index))
      else:
        classify = classify or self._load(seen)
        part = self._classify(classify, index)
        shard_seen.check()
        store.write(shard, shard_seen.digest, part)
      yield shard, part

  def _load(self, seen: identity.Identity) -> classifier.Classifier:
    """Loads the network, whose checkpoint must not have changed since."""
    path = self._network.checkpoint
    classify = classifier.load(path, recipe.STREAMS[self._network.stream].scope)
    # The number of classes was right when the label map was read.
    if checkpoints.describe(path).num_classes != len(self._class_names):
      raise identity.changed(path)
    seen.check()
    return classify

  def _classify(
    self, classify: classifier.Classifier, index: record_index.RecordIndex
  ) -> logit_parts.Part:
    """Classifies the clips of a shard all of whose views are readable.

    Args:
      classify: the network.
      index: the index of the shard alone.

    Returns:
      The part of the shard.
    """
    rows: list[tuple[int, str, int, np.ndarray, bool]] = []
    stream = self._network.stream
    fusion = view_fusion.ViewFusion(self._plan, self._class_names)
    views = clips.test_clips(index, stream, self._plan).as_numpy_iterator()
    for batch, logits in clip_batches.of_clips(classify, stream, views):
      num_before = len(rows)
      for view, row in zip(batch, logits):
        record = view['record']
        whole = fusion.add(record, view['view'], row)
        if whole is not None:
          label, is_repeated = view['label'], view['is_repeated']
          rows.append((record, _id(view, index), label, whole, is_repeated))
      self._bar.update(len(rows) - num_before)
    self._bar.update(len(index) - len(rows))
    return logit_parts.Part.of_rows(
      sorted(rows, key=lambda row: row[0]), len(self._class_names)
    )


def _id(element: clip_batches.Element, index: record_index.RecordIndex) -> str:
  """Returns the id of a clip; records of other programs may have none."""
  if element['id']:
    return element['id'].decode(errors='replace')
  return f'{pathlib.Path(index.paths[0]).stem}-{element["record"]}'
