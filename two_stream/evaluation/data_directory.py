"""A data directory: label maps, checkpoints and samples, as DeepMind laid it.

label_map.txt  [label_map_600.txt]
checkpoints/{rgb,flow}_{imagenet,scratch}/model.ckpt.*
checkpoints/rgb_scratch_kin600/model.ckpt.*
*_rgb.npy with *_flow.npy, or sample.webm
[parameters.json]
"""

import collections
import logging
import os
import pathlib

from two_stream import documents, errors
from two_stream.datasets import label_map
from two_stream.records import shard_folder
from two_stream.video import resampling

Evaluation = collections.namedtuple('Evaluation', 'streams label_map suffix')
Evaluation.__doc__ = """What one --eval_type stands for.

streams: keys of `recipe.STREAMS`, whose logits are added.
label_map: file name in the data directory.
suffix: end of the checkpoint's name instead of _imagenet or _scratch, or ''.
"""

EVALUATIONS = {
  'rgb': Evaluation(('rgb',), 'label_map.txt', ''),
  'flow': Evaluation(('flow',), 'label_map.txt', ''),
  'joint': Evaluation(('rgb', 'flow'), 'label_map.txt', ''),
  # Kinetics-600, which DeepMind trained from scratch alone.
  'rgb600': Evaluation(('rgb',), 'label_map_600.txt', 'scratch_kin600'),
}

INITIALIZATIONS = ('imagenet', 'scratch')

_KINETICS = (
  'the Kinetics checkpoints come with `git clone '
  'https://github.com/google-deepmind/kinetics-i3d` and '
  '--data_dir=kinetics-i3d/data'
)


def checkpoint(data_dir, eval_type, stream, imagenet_pretrained):
  """Gives the prefix of a stream's checkpoint.

  Args:
    data_dir: the data directory.
    eval_type: a key of `EVALUATIONS`.
    stream: one of its streams.
    imagenet_pretrained: which of the two initializations, where there are two.

  Returns:
    A pathlib.Path, such as data/checkpoints/rgb_imagenet/model.ckpt.

  Raises:
    InputError: if there is no such checkpoint; says which there are.
  """
  initialization = 'imagenet' if imagenet_pretrained else 'scratch'
  suffix = EVALUATIONS[eval_type].suffix or initialization
  folder = pathlib.Path(data_dir, 'checkpoints')
  path = folder / f'{stream}_{suffix}' / 'model.ckpt'
  if not path.with_name('model.ckpt.index').is_file():
    present = sorted(
      index.parent.name for index in folder.glob('*/model.ckpt.index')
    )
    raise errors.InputError(
      f'checkpoint {path}.index not found; {folder} has '
      f'{", ".join(present) or "no checkpoints"}; {_KINETICS}'
    )
  return path


def networks(data_dir, eval_type, imagenet_pretrained=None):
  """Gives the checkpoints of an evaluation, for each initialization.

  Args:
    data_dir: the data directory.
    eval_type: 'rgb', 'flow' or 'joint'.
    imagenet_pretrained: which initialization; None: those of which there is
      every checkpoint, with a warning of one that is left out.

  Returns:
    'imagenet' or 'scratch', or both -> stream -> the checkpoint's prefix.

  Raises:
    InputError: if there is none.
  """
  found, problems = {}, []
  for initialization in INITIALIZATIONS:
    is_imagenet = initialization == 'imagenet'
    if imagenet_pretrained in (None, is_imagenet):
      try:
        found[initialization] = {
          stream: checkpoint(data_dir, eval_type, stream, is_imagenet)
          for stream in EVALUATIONS[eval_type].streams
        }
      except errors.InputError as error:
        problems.append(error)
  if not found:
    raise problems[0]
  for problem in problems:
    logging.warning('left out: %s', problem)
  return found


def class_names(data_dir, eval_type, num_classes):
  """Reads the label map of an evaluation.

  Args:
    data_dir: the data directory.
    eval_type: a key of `EVALUATIONS`.
    num_classes: as the checkpoint has it.

  Returns:
    A list of `num_classes` names, in the order of the logits.

  Raises:
    InputError: if the file cannot be read or has another number of names.
  """
  path = pathlib.Path(data_dir, EVALUATIONS[eval_type].label_map)
  names = label_map.read(path)
  if len(names) != num_classes:
    raise errors.InputError(
      f'{path} has {len(names)} class names and the checkpoint {num_classes} '
      'classes; use the label map that the network was trained with'
    )
  return names


def default_sample(data_dir):
  """Gives the sample of a data directory: a video, or a PREFIX of arrays.

  Raises:
    InputError: if there is none, or there are several pairs of arrays.
  """
  folder = pathlib.Path(data_dir)
  video = folder / 'sample.webm'
  if video.is_file():
    return video
  prefixes = [
    path.with_name(path.name.removesuffix('_rgb.npy'))
    for path in sorted(folder.glob('*_rgb.npy'))
  ]
  if len(prefixes) != 1:
    found = ', '.join(map(str, prefixes)) or 'neither'
    raise errors.InputError(
      f'{folder} has no sample.webm and not just one *_rgb.npy, but {found}; '
      'choose with --sample'
    )
  return prefixes[0]


def frames_per_second(data_dir):
  """Reads how many frames a second the networks were trained on.

  Args:
    data_dir: the data directory. Its parameters.json is that of the folder of
      records; where there is none, clips are prepared as DeepMind's.

  Returns:
    The rate, or None: each video's own frames.

  Raises:
    InputError: the file is damaged or does not tell.
  """
  path = pathlib.Path(data_dir, shard_folder.PARAMETERS)
  if not os.path.lexists(path):
    return resampling.FRAMES_PER_SECOND
  remedy = (
    'copy it again from the folder of the records, or remove it for '
    f'{resampling.FRAMES_PER_SECOND} frames a second'
  )
  try:
    content = documents.read_json(path)
  except errors.InputError as error:
    raise errors.InputError(f'{error}; {remedy}') from error
  try:
    rate = content['parameters']['frames_per_second']
  except (LookupError, TypeError):
    rate = None
  if rate == resampling.NATIVE:
    return None
  if type(rate) is not int or not 1 <= rate <= resampling.MAX_FRAMES_PER_SECOND:
    raise errors.InputError(
      f'{path} does not tell the frames_per_second of the records '
      f'({resampling.NATIVE!r}, or 1 to {resampling.MAX_FRAMES_PER_SECOND}); '
      f'{remedy}'
    )
  return rate
