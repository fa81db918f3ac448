"""The class names of networks: one label map, which fits every checkpoint."""

from collections.abc import Iterable

from two_stream import files
from two_stream.evaluation import data_directory
from two_stream.networks import checkpoints as checkpoint_layout


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
