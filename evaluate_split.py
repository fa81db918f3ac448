r"""Classifies every clip of a split and prints the accuracies.

    python evaluate_split.py --records_dir=ssv2_records --split=validation

The networks see the centre crop of every clip in full length, or the views that
--num_clips, --clip_frames and --num_crops choose, whose logits are averaged.
The RGB stream, the Flow stream and both together, whose logits are added, are
evaluated for every initialization that --data_dir has checkpoints of. The
script prints a table of top-1 and top-5 accuracies, and a table of mean class
accuracies. Into --output_dir it writes

    {split}.json           these, those of each class, and the damaged records
    {split}_logits.npz     the logits of every clip
    {split}_confusion_....png    a confusion matrix for each cell of the table
    {split}_predictions_....csv  where a clip has no label: the five best
                                 classes of each clip
    {split}_submission_....csv   the same, in the form of Something-Something's
                                 test server

After an interruption, run the same command again to continue: finished logits
are kept in --output_dir/parts and used again unless the checkpoints, the
records or the views have changed. A damaged record is counted and named, and
left out of all figures.
"""

import pathlib

from absl import flags

from two_stream import cli, errors, recipe
from two_stream.datasets import data_set
from two_stream.evaluation import data_directory, output_folder, video_counts
from two_stream.records import shards, view_plan

_DATA_DIR = cli.define_path(
  'data_dir',
  str(pathlib.Path(__file__).parent / 'data'),
  'The folder of the label map and the checkpoints. data/README.md describes '
  'it.',
)
_RECORDS_DIR = cli.define_path(
  'records_dir',
  None,
  'The folder of the shards that preprocessing has written.',
  required=True,
)
_SPLIT = flags.DEFINE_enum(
  'split', 'validation', data_set.SPLITS, 'The split to evaluate.'
)
_EVAL_TYPE = flags.DEFINE_enum(
  'eval_type',
  'joint',
  list(data_directory.EVALUATIONS),
  'The streams to evaluate: rgb, flow, or joint, which means RGB, Flow, and '
  'both together; rgb600 means the Kinetics-600 network. A data directory that '
  'has one stream alone needs rgb or flow here.',
)
_IMAGENET_PRETRAINED = flags.DEFINE_boolean(
  'imagenet_pretrained',
  None,
  'Evaluate only the networks whose training started from ImageNet weights; '
  '--noimagenet_pretrained evaluates only those trained from scratch. Default: '
  'both, or the one that --data_dir has.',
)
_NUM_CLIPS = flags.DEFINE_integer(
  'num_clips',
  1,
  'How many windows of --clip_frames each clip is seen in. They are equally '
  'spaced over the clip; one lies in its middle.',
  lower_bound=1,
  upper_bound=100,
)
_CLIP_FRAMES = flags.DEFINE_integer(
  'clip_frames',
  None,
  'How many frames such a window has. Shorter clips are repeated. Default: all '
  f'frames of the clip, up to {recipe.MAX_TEST_FRAMES}.',
  lower_bound=recipe.MIN_FRAMES,
  upper_bound=recipe.MAX_TEST_FRAMES,
)
_NUM_CROPS = flags.DEFINE_enum(
  'num_crops',
  '1',
  [str(number) for number in view_plan.NUM_CROPS],
  'How many crops of 224 x 224 pixels each window is seen in: 1, the centre; 3 '
  'along the longer side; or 10, which are the corners, the centre, and their '
  'mirror images.',
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
  plan = view_plan.ViewPlan(
    num_clips=_NUM_CLIPS.value,
    clip_frames=_CLIP_FRAMES.value,
    num_crops=int(_NUM_CROPS.value),
  )
  # Missing shards are reported at once, before TensorFlow starts.
  shards.find(_RECORDS_DIR.value, _SPLIT.value)
  videos = video_counts.of_split(_RECORDS_DIR.value, _SPLIT.value)
  lock = output_folder.lock(_OUTPUT_DIR.value, _SPLIT.value)
  cli.start_tensorflow()
  from two_stream.evaluation import (  # noqa: PLC0415
    network_classes,
    split_evaluation,
    split_results,
    split_summary,
  )

  class_names = network_classes.names_for_records(
    _DATA_DIR.value, _EVAL_TYPE.value, networks, _RECORDS_DIR.value
  )
  logits = split_evaluation.compute(
    networks,
    class_names,
    _RECORDS_DIR.value,
    _SPLIT.value,
    pathlib.Path(_OUTPUT_DIR.value, 'parts'),
    plan,
  )
  evaluated = split_summary.Evaluated(
    split=_SPLIT.value, class_names=class_names, videos=videos, plan=plan
  )
  lines = split_results.report(_OUTPUT_DIR.value, evaluated, logits)
  lock.close()
  print('\n'.join(map(errors.printable, lines)))


if __name__ == '__main__':
  cli.run(main)
