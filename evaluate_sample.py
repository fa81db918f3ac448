"""Classifies one clip with the RGB stream, the Flow stream or both.

    python evaluate_sample.py                          the shipped demo
    python evaluate_sample.py --sample=my_video.mp4    your own video
    python evaluate_sample.py --data_dir=../kinetics-i3d/data    DeepMind's
    python evaluate_sample.py --report=report.html     a page to look at

Two-stream logits are the sum of both streams' logits. Prints the norm of the
logits and the top classes: probability, logit, label.
"""

import pathlib

import numpy as np
from absl import flags

from two_stream import cli, recipe
from two_stream.evaluation import (
  data_directory,
  fusion,
  ranking,
  report_page,
  sample_clips,
)

_EVAL_TYPE = flags.DEFINE_enum(
  'eval_type',
  'joint',
  list(data_directory.EVALUATIONS),
  'Streams to use; joint is RGB and Flow, rgb600 the Kinetics-600 network.',
)
_IMAGENET_PRETRAINED = flags.DEFINE_boolean(
  'imagenet_pretrained',
  True,
  'Use the checkpoints that started from ImageNet weights; '
  '--noimagenet_pretrained those from scratch. rgb600 is from scratch anyway.',
)
_DATA_DIR = cli.define_path(
  'data_dir',
  str(pathlib.Path(__file__).parent / 'data'),
  'Folder of label maps and checkpoints, laid out as in data/README.md.',
)
_SAMPLE = cli.define_path(
  'sample',
  None,
  'A video, or the PREFIX of PREFIX_rgb.npy and PREFIX_flow.npy '
  '[1, frames, 224, 224, 3 and 2], values in [-1, 1]. Default: the one in '
  '--data_dir.',
)
_TOP_K = flags.DEFINE_integer(
  'top_k', 20, 'How many classes to print.', lower_bound=1
)
_PRECISION = flags.DEFINE_enum(
  'precision',
  'float32',
  ['float32', 'bfloat16'],
  'Of weights and activations. bfloat16 pays where the processor has '
  'instructions for it.',
)
_REPORT = cli.define_path(
  'report',
  None,
  'An HTML file to write: the clip, its flow, and the top classes of each '
  'stream and of both.',
)


def main():
  """Loads, checks, classifies, prints."""
  evaluation = data_directory.EVALUATIONS[_EVAL_TYPE.value]
  paths = {
    stream: data_directory.checkpoint(
      _DATA_DIR.value, _EVAL_TYPE.value, stream, _IMAGENET_PRETRAINED.value
    )
    for stream in evaluation.streams
  }
  sample = _SAMPLE.value or data_directory.default_sample(_DATA_DIR.value)
  rate = data_directory.frames_per_second(_DATA_DIR.value)
  clips = sample_clips.load(sample, evaluation.streams, rate)
  cli.start_tensorflow()
  from two_stream.evaluation import network_classes  # noqa: PLC0415

  names = network_classes.names(
    _DATA_DIR.value, _EVAL_TYPE.value, paths.values()
  )
  logits = stream_logits(paths, clips)
  print_top_classes(fusion.add(logits), names)
  if _REPORT.value:
    report_page.write(_REPORT.value, sample, clips, logits, names, rate)


def stream_logits(paths, clips):
  """Classifies.

  Args:
    paths: stream -> checkpoint prefix.
    clips: stream -> [1, T, 224, 224, C].

  Returns:
    stream -> float32 [classes].
  """
  from two_stream.networks import classifier  # noqa: PLC0415

  logits = {}
  for stream, path in paths.items():
    scope = recipe.STREAMS[stream].scope
    classify = classifier.load(path, scope, _PRECISION.value)
    logits[stream] = classify(clips[stream])[0]
  return logits


def print_top_classes(logits, names):
  """Prints in the format of DeepMind's script."""
  print(f'Norm of logits: {np.linalg.norm(logits):f}')
  print('\nTop classes and probabilities')
  for row in ranking.top_classes(logits, names, _TOP_K.value):
    print(*row)


if __name__ == '__main__':
  cli.run(main)
