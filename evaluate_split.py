r"""Classifies every clip of a split and prints top-1 and top-5 accuracies.

    python evaluate_split.py --records_dir=ssv2_records --split=validation

The networks see the centre crop of every clip in full length. The RGB stream,
the Flow stream and both together, whose logits are added, are evaluated for
every initialization that --data_dir has checkpoints of. The script prints a
table of accuracies. Into --output_dir it writes

    {split}.json           the same accuracies, and the damaged records
    {split}_logits.npz     the logits of every clip
    {split}_confusion_....png    a confusion matrix for each cell of the table

After an interruption, run the same command again to continue: finished logits
are kept in --output_dir/parts and used again unless the checkpoints or the
records have changed. A damaged record is counted and named, and left out of all
figures.
"""

import pathlib

from absl import flags

from two_stream import cli, errors
from two_stream.datasets import data_set
from two_stream.evaluation import data_directory
from two_stream.records import shards

_DATA_DIR = cli.define_path(
  'data_dir',
  str(pathlib.Path(__file__).parent / 'data'),
  'The folder of the label map and the checkpoints. data/README.md describes '
  'it.',
)
_RECORDS_DIR = cli.define_path(
  'records_dir',
  None,
  'The folder of the shards that preprocess_ssv2.py has written.',
  required=True,
)
_SPLIT = flags.DEFINE_enum(
  'split', 'validation', data_set.SPLITS, 'The split to evaluate.'
)
_EVAL_TYPE = flags.DEFINE_enum(
  'eval_type',
  'joint',
  ['rgb', 'flow', 'joint'],
  'The streams to evaluate: rgb, flow, or joint, which means RGB, Flow, and '
  'both together.',
)
_IMAGENET_PRETRAINED = flags.DEFINE_boolean(
  'imagenet_pretrained',
  None,
  'Evaluate only the networks whose training started from ImageNet weights; '
  '--noimagenet_pretrained evaluates only those trained from scratch. Default: '
  'both, or the one that --data_dir has.',
)
_OUTPUT_DIR = cli.define_path(
  'output_dir',
  'evaluation',
  'The folder for the results. It is made if it is missing.',
)


def main() -> None:
  """Checks what is there, classifies the split, and prints the table."""
  networks = data_directory.networks(
    _DATA_DIR.value, _EVAL_TYPE.value, _IMAGENET_PRETRAINED.value
  )
  # Missing shards are reported at once, before TensorFlow starts.
  shards.find(_RECORDS_DIR.value, _SPLIT.value)
  cli.start_tensorflow()
  from two_stream.evaluation import (  # noqa: PLC0415
    network_classes,
    split_evaluation,
    split_results,
  )

  class_names = network_classes.names_for_records(
    _DATA_DIR.value, networks, _RECORDS_DIR.value
  )
  logits = split_evaluation.compute(
    networks,
    class_names,
    _RECORDS_DIR.value,
    _SPLIT.value,
    pathlib.Path(_OUTPUT_DIR.value, 'parts'),
  )
  lines = split_results.report(
    _OUTPUT_DIR.value, _SPLIT.value, class_names, logits
  )
  print('\n'.join(map(errors.printable, lines)))


if __name__ == '__main__':
  cli.run(main)
