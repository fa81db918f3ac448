"""Classifies one clip with the RGB stream, the Flow stream or both.

    python evaluate_sample.py                       classify the shipped clip
    python evaluate_sample.py --sample=my_video.mp4        classify a video
    python evaluate_sample.py --report=report.html         write a page, too
    python evaluate_sample.py --sample=long.mp4 --window_frames=64
                                         say what a long video shows when
    python evaluate_sample.py --data_dir=kinetics-i3d/data
                                                use DeepMind's networks and clip

The logits of both streams are added. The script prints the norm of the logits
and the top classes: for each its probability, its logit and its name.

With --window_frames the video may have any length. For each window of time, the
script prints the seconds from its start to its end, and the probability and the
name of the top class.
"""

import logging
import os
import pathlib
from collections.abc import Mapping

from absl import flags

from two_stream import cli, errors, files, recipe
from two_stream.evaluation import (
  data_directory,
  fusion,
  report_page,
  sample_process,
  timeline_page,
  window_answers,
  windows,
)
from two_stream.preprocessing import (
  clip_settings,
  frames_process,
  shown_frames,
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
  'A longer video is cut after this many seconds. With --window_frames it is '
  'cut only if this flag is given.',
  lower_bound=1,
  upper_bound=3600,
)
_WINDOW_FRAMES = flags.DEFINE_integer(
  'window_frames',
  None,
  'Classify windows of this many frames, at least 9, which slide over the '
  'video. By default, the video is classified as a whole.',
  lower_bound=recipe.MIN_FRAMES,
  upper_bound=1024,
)
_STRIDE_FRAMES = flags.DEFINE_integer(
  'stride_frames',
  None,
  'How many frames later the next window begins. By default, that is where the '
  'window before ends.',
  lower_bound=1,
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
  'classes of each stream and of both together. With --window_frames, it shows '
  'the video and which classes it shows when.',
)


def main() -> None:
  """Loads the clips, classifies them, and prints the top classes."""
  paths = data_directory.stream_checkpoints(
    _DATA_DIR.value, _EVAL_TYPE.value, _IMAGENET_PRETRAINED.value
  )
  sample = _SAMPLE.value or data_directory.default_sample(_DATA_DIR.value)
  cli.refuse_overwriting(
    'report',
    _REPORT.value,
    str(sample),
    f'{sample}_rgb.npy',
    f'{sample}_flow.npy',
  )
  rate = data_directory.frames_per_second(_DATA_DIR.value)
  if _WINDOW_FRAMES.value is not None:
    plan = windows.WindowPlan(
      num_frames=_WINDOW_FRAMES.value,
      stride=_STRIDE_FRAMES.value or _WINDOW_FRAMES.value,
      min_frames=recipe.MIN_FRAMES,
      frames_per_second=rate,
    )
    classify_windows(sample, paths, plan)
    return
  if _STRIDE_FRAMES.value is not None:
    raise errors.InputError('--stride_frames: needs --window_frames')
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


def classify_windows(
  sample: files.PathLike,
  paths: Mapping[str, files.PathLike],
  plan: windows.WindowPlan,
) -> None:
  """Prints what each window of a video shows.

  Args:
    sample: the path of the video.
    paths: stream -> the prefix of its checkpoint.
    plan: the windows.

  Raises:
    InputError: the sample is no video that can be used.
  """
  if not pathlib.Path(sample).is_file():
    raise errors.InputError(
      f'{sample}: no such video; --window_frames needs it'
    )
  process = frames_process.FramesProcess()
  process.give(
    shown_frames.Source(
      path=sample,
      settings=clip_settings.Settings(
        frames_per_second=plan.frames_per_second,
        streams=('rgb', 'flow') if 'flow' in paths else ('rgb',),
      ),
      end=_MAX_SECONDS.value if _MAX_SECONDS.present else None,
      num_threads=len(os.sched_getaffinity(0)),
    )
  )
  cli.start_tensorflow()  # This takes seconds, like the first frames.
  from two_stream.evaluation import network_classes  # noqa: PLC0415
  from two_stream.networks import feature_network  # noqa: PLC0415

  class_names = network_classes.names(
    _DATA_DIR.value, _EVAL_TYPE.value, paths.values()
  )
  networks = {
    stream: feature_network.FeatureNetwork(
      path, stream, recipe.LOGITS, _PRECISION.value
    )
    for stream, path in paths.items()
  }
  answers = window_answers.Answers(sample, process.take(), plan, networks)
  kept = []
  print(window_answers.heading())
  for answer in answers:
    print(window_answers.line(answer, class_names), flush=True)
    kept.append(answer)
  process.close()
  if _REPORT.value:
    timeline_page.write(
      _REPORT.value,
      sample,
      kept,
      class_names,
      answers.pictures,
      answers.windows_per_picture,
    )
    logging.info('%s is written', _REPORT.value)


if __name__ == '__main__':
  cli.run(main)
