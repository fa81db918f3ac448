"""Classifies one clip with the RGB stream, the Flow stream or both.

    python evaluate_sample.py                       classify the shipped clip
    python evaluate_sample.py --sample=my_video.mp4        classify a video
    python evaluate_sample.py --report=report.html         write a page, too
    python evaluate_sample.py --data_dir=kinetics-i3d/data
                                                use DeepMind's networks and clip

The logits of both streams are added. The script prints the norm of the logits
and the top classes: for each its probability, its logit and its name.
"""

import logging
import pathlib

from absl import flags

from two_stream import cli
from two_stream.evaluation import (
  data_directory,
  fusion,
  report_page,
  sample_process,
)
from two_stream.video import reader

_EVAL_TYPE = flags.DEFINE_enum(
  'eval_type',
  'joint',
  list(data_directory.EVALUATIONS),
  'The streams to use: rgb, flow, joint, which means both together, or rgb600, '
  'which means the RGB network that was trained on Kinetics-600.',
)
_IMAGENET_PRETRAINED = flags.DEFINE_boolean(
  'imagenet_pretrained',
  True,
  'Use the networks whose training started from ImageNet weights. '
  '--noimagenet_pretrained uses those trained from scratch. rgb600 was trained '
  'from scratch in any case.',
)
_DATA_DIR = cli.define_path(
  'data_dir',
  str(pathlib.Path(__file__).parent / 'data'),
  'The folder of label maps and checkpoints. data/README.md describes it.',
)
_SAMPLE = cli.define_path(
  'sample',
  None,
  'The clip to classify: a video file, or the PREFIX of the two files '
  'PREFIX_rgb.npy [1, frames, 224, 224, 3] and PREFIX_flow.npy '
  '[1, frames, 224, 224, 2], whose values are in [-1, 1]. Default: the sample '
  'in --data_dir.',
)
_MAX_SECONDS = flags.DEFINE_float(
  'max_seconds',
  reader.MAX_SECONDS,
  'A longer video is cut after this many seconds.',
  lower_bound=1,
  upper_bound=3600,
)
_TOP_K = flags.DEFINE_integer(
  'top_k', 20, 'The number of classes to print.', lower_bound=1
)
_PRECISION = flags.DEFINE_enum(
  'precision',
  'float32',
  ['float32', 'bfloat16'],
  'The type of the weights and activations. bfloat16 is faster on processors '
  'that have instructions for it, and slower on others.',
)
_REPORT = cli.define_path(
  'report',
  None,
  'An HTML file to write. It shows the clip, its optical flow, and the top '
  'classes of each stream and of both together.',
)


def main() -> None:
  """Loads the clips, classifies them, and prints the top classes."""
  paths = data_directory.stream_checkpoints(
    _DATA_DIR.value, _EVAL_TYPE.value, _IMAGENET_PRETRAINED.value
  )
  sample = _SAMPLE.value or data_directory.default_sample(_DATA_DIR.value)
  rate = data_directory.frames_per_second(_DATA_DIR.value)
  clips = sample_process.Clips(sample, paths, rate, _MAX_SECONDS.value)
  cli.start_tensorflow()  # This takes seconds, like the flow of the clip.
  from two_stream.evaluation import network_classes, sample_evaluation  # noqa: PLC0415

  class_names = network_classes.names(
    _DATA_DIR.value, _EVAL_TYPE.value, paths.values()
  )
  logits = sample_evaluation.stream_logits(paths, clips, _PRECISION.value)
  for line in sample_evaluation.lines(
    fusion.add(logits), class_names, _TOP_K.value
  ):
    print(line)
  if _REPORT.value:
    report_page.write(_REPORT.value, sample, clips, logits, class_names, rate)
    logging.info('%s is written', _REPORT.value)


if __name__ == '__main__':
  cli.run(main)
