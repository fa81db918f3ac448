r"""Classifies every clip of a split and prints top-1 and top-5 accuracies.

    python evaluate_split.py --records_dir=ssv2_records --split=validation

Each clip is taken in full length, its centre crop, by the RGB stream, the Flow
stream and both, whose logits are added; for every initialization that
--data_dir has checkpoints of. The table is printed. --output_dir gets the same
as {split}.json, the logits of every clip as {split}_logits.npz and, for each
figure, a picture of the confusion matrix.

Run the same command again to continue after an interruption: what is finished
is in --output_dir/parts, and is used as long as checkpoints and records stay
the same. A damaged record is counted and named, and left out of all figures.
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
  'Folder of label map and checkpoints, laid out as in data/README.md.',
)
_RECORDS_DIR = cli.define_path(
  'records_dir',
  None,
  'Folder of the shards that preprocess_ssv2.py wrote.',
  required=True,
)
_SPLIT = flags.DEFINE_enum(
  'split', 'validation', data_set.SPLITS, 'Split to evaluate.'
)
_EVAL_TYPE = flags.DEFINE_enum(
  'eval_type',
  'joint',
  ['rgb', 'flow', 'joint'],
  'Streams to use; joint is RGB, Flow, and both together.',
)
_IMAGENET_PRETRAINED = flags.DEFINE_boolean(
  'imagenet_pretrained',
  None,
  'Evaluate the checkpoints that started from ImageNet weights alone, or '
  '(--noimagenet_pretrained) those from scratch alone. Default: both, or what '
  'there is.',
)
_OUTPUT_DIR = cli.define_path(
  'output_dir', 'evaluation', 'Folder of the results, made if missing.'
)


def main():
  """Checks, classifies, prints."""
  networks = data_directory.networks(
    _DATA_DIR.value, _EVAL_TYPE.value, _IMAGENET_PRETRAINED.value
  )
  shards.find(_RECORDS_DIR.value, _SPLIT.value)  # Says at once what is missing.
  cli.start_tensorflow()
  from two_stream.evaluation import split_evaluation, split_results  # noqa: PLC0415

  class_names = split_evaluation.class_names(
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
