"""The class names of networks: one label map, which fits every checkpoint."""

import pathlib
from collections.abc import Iterable, Sequence

from two_stream import errors, files
from two_stream.evaluation import data_directory
from two_stream.networks import checkpoints as checkpoint_layout
from two_stream.records import shard_counts, shard_folder, shard_parameters


def names(
  data_dir: files.PathLike,
  eval_type: str,
  checkpoints: Iterable[files.PathLike],
) -> list[str]:
  """Reads the label map of an evaluation and compares it with its networks.

  Args:
    data_dir: the data directory.
    eval_type: a key of `data_directory.EVALUATIONS`.
    checkpoints: the prefixes of the networks' checkpoints, at least one.

  Returns:
    The class names in the order of the logits.

  Raises:
    InputError: the label map or a checkpoint cannot be read, or a checkpoint
      has another number of classes than the label map.
  """
  for path in checkpoints:
    class_names = data_directory.class_names(
      data_dir, eval_type, checkpoint_layout.describe(path).num_classes
    )
  return class_names


def names_for_records(
  data_dir: files.PathLike,
  eval_type: str,
  networks: Sequence[data_directory.Network],
  records_dir: files.PathLike,
) -> list[str]:
  """Reads the label map and compares it with networks and records.

  A warning is logged if the records have another frame rate than the clips that
  the networks were trained on.

  Args:
    data_dir: the data directory.
    eval_type: a key of `data_directory.EVALUATIONS`.
    networks: the networks to evaluate.
    records_dir: folder of the shards.

  Returns:
    The class names in the order of the logits.

  Raises:
    InputError: the label map does not fit a network or the records.
  """
  of_networks = names(
    data_dir, eval_type, [network.checkpoint for network in networks]
  )
  of_records = pathlib.Path(records_dir, shard_folder.LABEL_MAP)
  label_map = data_directory.EVALUATIONS[eval_type].label_map
  if not _are_those_of_records(of_networks, records_dir):
    raise errors.InputError(
      f'{of_records} is not the {label_map} of {data_dir}; choose the '
      '--records_dir of the data set that the networks were trained on'
    )
  data_directory.warn_of_other_rate(data_dir, records_dir)
  return of_networks


def _are_those_of_records(
  class_names: Sequence[str], records_dir: files.PathLike
) -> bool:
  """Returns whether records are of these classes, or do not tell.

  Without a label map, parameters.json tells the digest of the right one.
  """
  if pathlib.Path(records_dir, shard_folder.LABEL_MAP).exists():
    return shard_folder.read_class_names(records_dir) == class_names
  made_with = shard_counts.read_parameters(records_dir).get('classes', {})
  digest = shard_parameters.digest(class_names)
  return made_with.get('sha256', digest) == digest
