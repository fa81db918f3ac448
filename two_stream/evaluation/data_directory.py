"""A data directory: label maps, checkpoints and samples, as DeepMind laid it.

label_map.txt  [label_map_600.txt]
checkpoints/{rgb,flow}_{imagenet,scratch}/model.ckpt.*
checkpoints/rgb_scratch_kin600/model.ckpt.*
*_rgb.npy with *_flow.npy, or sample.webm
[parameters.json]
"""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Sequence

from two_stream import documents, errors, files
from two_stream.datasets import label_map
from two_stream.records import shard_folder
from two_stream.video import resampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
  """What one --eval_type stands for.

  Attributes:
    streams: keys of `recipe.STREAMS`, whose logits are added.
    label_map: file name of the label map in the data directory.
    suffix: how the name of the checkpoint's folder ends if there is only one
      network, from scratch; None if the name ends in the initialization.
  """

  streams: tuple[str, ...]
  label_map: str = 'label_map.txt'
  suffix: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
  """One trained network of a data directory.

  Attributes:
    initialization: one of `INITIALIZATIONS`, or the `Evaluation.suffix`.
    stream: a key of `recipe.STREAMS`.
    checkpoint: the prefix of its checkpoint.
  """

  initialization: str
  stream: str
  checkpoint: pathlib.Path

  @property
  def name(self) -> str:
    """Its name in files and on the terminal, such as 'rgb_imagenet'."""
    return f'{self.stream}_{self.initialization}'


EVALUATIONS = {
  'rgb': Evaluation(streams=('rgb',)),
  'flow': Evaluation(streams=('flow',)),
  'joint': Evaluation(streams=('rgb', 'flow')),
  # DeepMind trained the Kinetics-600 network from scratch only.
  'rgb600': Evaluation(
    streams=('rgb',),
    label_map='label_map_600.txt',
    suffix='scratch_kin600',
  ),
}

INITIALIZATIONS = ('imagenet', 'scratch')

_KINETICS = (
  'the Kinetics checkpoints come with `git clone '
  'https://github.com/google-deepmind/kinetics-i3d` and '
  '--data_dir=kinetics-i3d/data'
)


def checkpoint(
  data_dir: files.PathLike,
  eval_type: str,
  stream: str,
  imagenet_pretrained: bool,
) -> pathlib.Path:
  """Finds the checkpoint of a stream.

  Args:
    data_dir: the data directory.
    eval_type: a key of `EVALUATIONS`.
    stream: one of the streams of that evaluation.
    imagenet_pretrained: whether to take the network that started from ImageNet
      weights or the one from scratch. rgb600 has only one network.

  Returns:
    The checkpoint's prefix, such as data/checkpoints/rgb_imagenet/model.ckpt.

  Raises:
    InputError: there is no such checkpoint. The message lists those there are.
  """
  initialization = 'imagenet' if imagenet_pretrained else 'scratch'
  suffix = EVALUATIONS[eval_type].suffix or initialization
  folder = pathlib.Path(data_dir, 'checkpoints')
  path = folder / f'{stream}_{suffix}' / 'model.ckpt'
  if not path.with_name('model.ckpt.index').is_file():
    present = sorted(
      index.parent.name for index in folder.glob('*/model.ckpt.index')
    )
    if not pathlib.Path(data_dir).is_dir():
      raise errors.InputError(f'{data_dir}: no such folder; see --data_dir')
    raise errors.InputError(
      f'checkpoint {path}.index not found; {folder} has '
      f'{", ".join(present) or "no checkpoints"}; {_remedy(present)}'
    )
  return path


def _remedy(present: Sequence[str]) -> str:
  """Tells which flags choose a network that is there.

  Args:
    present: the names of the folders with checkpoints, such as rgb_scratch.
  """
  flags = {
    f'{stream}_{initialization}': f'--eval_type={stream} '
    f'--{"" if initialization == "imagenet" else "no"}imagenet_pretrained'
    for stream in ('rgb', 'flow')
    for initialization in INITIALIZATIONS
  }
  choices = [flags[name] for name in present if name in flags]
  return f'choose {" or ".join(choices)}' if choices else _KINETICS


def stream_checkpoints(
  data_dir: files.PathLike, eval_type: str, imagenet_pretrained: bool
) -> dict[str, pathlib.Path]:
  """Finds the checkpoint of each stream of an evaluation.

  Args:
    data_dir: the data directory.
    eval_type: a key of `EVALUATIONS`.
    imagenet_pretrained: see `checkpoint`.

  Returns:
    stream -> the checkpoint's prefix.

  Raises:
    InputError: a checkpoint is missing.
  """
  return {
    stream: checkpoint(data_dir, eval_type, stream, imagenet_pretrained)
    for stream in EVALUATIONS[eval_type].streams
  }


def networks(
  data_dir: files.PathLike,
  eval_type: str,
  imagenet_pretrained: bool | None = None,
) -> list[Network]:
  """Lists the networks that an evaluation takes.

  Args:
    data_dir: the data directory.
    eval_type: a key of `EVALUATIONS`.
    imagenet_pretrained: True or False chooses one initialization. None takes
      every initialization that has a checkpoint for each stream, and warns of
      an initialization that is left out. rgb600 has only one network, which did
      not start from ImageNet weights.

  Returns:
    The networks, those from ImageNet first; for each initialization one network
    per stream.

  Raises:
    InputError: there is no such network.
  """
  suffix = EVALUATIONS[eval_type].suffix
  if suffix is not None and imagenet_pretrained:
    raise errors.InputError(
      f'--eval_type={eval_type} --imagenet_pretrained: its only network was '
      'trained from scratch; leave out --imagenet_pretrained'
    )
  found: list[Network] = []
  problems: dict[str, errors.InputError] = {}
  for initialization in [suffix] if suffix else INITIALIZATIONS:
    is_imagenet = initialization == 'imagenet'
    if imagenet_pretrained in (None, is_imagenet):
      try:
        paths = stream_checkpoints(data_dir, eval_type, is_imagenet)
      except errors.InputError as error:
        problems[initialization] = error
        continue
      found += [
        Network(initialization=initialization, stream=stream, checkpoint=path)
        for stream, path in paths.items()
      ]
  if not found:
    raise next(iter(problems.values()))
  for initialization, problem in problems.items():
    if any(pathlib.Path(data_dir, 'checkpoints').glob(f'*_{initialization}')):
      logging.warning('left out: %s', problem)
  return found


def class_names(
  data_dir: files.PathLike, eval_type: str, num_classes: int
) -> list[str]:
  """Reads the label map of an evaluation.

  Args:
    data_dir: the data directory.
    eval_type: a key of `EVALUATIONS`.
    num_classes: how many classes the checkpoint has.

  Returns:
    The `num_classes` class names, in the order of the logits.

  Raises:
    InputError: the file cannot be read or has another number of names.
  """
  path = pathlib.Path(data_dir, EVALUATIONS[eval_type].label_map)
  names = label_map.read(path)
  if len(names) != num_classes:
    raise errors.InputError(
      f'{path} has {len(names)} class names and the checkpoint {num_classes} '
      'classes; use the label map that the network was trained with'
    )
  return names


def of_weights(
  source: files.PathLike,
) -> tuple[pathlib.Path, pathlib.Path] | None:
  """Finds the data directory that a file of weights lies in.

  Args:
    source: the prefix or the folder of a checkpoint, or another file.

  Returns:
    (the data directory, the path of the label map that `class_names` would
    read, which may be missing). It is the folder above `checkpoints`, or else
    the folder of the file if label_map.txt is there; None if neither is so.
  """
  path = pathlib.Path(source)
  folder = path if path.is_dir() else path.parent
  if folder.parent.name == 'checkpoints':
    names = [
      evaluation.label_map
      for evaluation in EVALUATIONS.values()
      if evaluation.suffix and folder.name.endswith(f'_{evaluation.suffix}')
    ]
    data_dir = folder.parent.parent
    return data_dir, data_dir / (names or [Evaluation.label_map])[0]
  beside = folder / Evaluation.label_map
  return (folder, beside) if beside.is_file() else None


def default_sample(data_dir: files.PathLike) -> pathlib.Path:
  """Finds the sample of a data directory.

  Returns:
    The path of the video sample.webm; without one, the PREFIX of the only pair
    of arrays PREFIX_rgb.npy and PREFIX_flow.npy.

  Raises:
    InputError: there is no sample, or there are several pairs of arrays.
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
    problem = 'has no sample'
    if prefixes:
      problem = f'has several samples: {", ".join(map(str, prefixes))}'
    raise errors.InputError(
      f'{folder}: {problem}; put one there (sample.webm, or one pair of '
      'PREFIX_rgb.npy and PREFIX_flow.npy), or choose one with --sample'
    )
  return prefixes[0]


def frames_per_second(data_dir: files.PathLike) -> int | None:
  """Reads how many frames a second the networks were trained on.

  Args:
    data_dir: the data directory. Its parameters.json is a copy of the one in
      the folder of records. Without this file, the rate is that of DeepMind's
      networks, 25.

  Returns:
    The rate; None if each video keeps its own.

  Raises:
    InputError: the file is damaged or does not contain the rate.
  """
  path = pathlib.Path(data_dir, shard_folder.PARAMETERS)
  if not os.path.lexists(path):
    return resampling.FRAMES_PER_SECOND
  remedy = (
    'copy it again from the folder of the records, or remove it for '
    f'{resampling.FRAMES_PER_SECOND} frames a second'
  )
  try:
    content = documents.read_json(path, documents.MAX_OWN_BYTES)
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


def warn_of_other_rate(
  data_dir: files.PathLike, records_dir: files.PathLike
) -> None:
  """Warns if records have another frame rate than networks were trained on.

  Args:
    data_dir: the data directory of the networks.
    records_dir: the folder of the records.
  """
  rates = [frames_per_second(folder) for folder in (data_dir, records_dir)]
  if rates[0] != rates[1]:
    logging.warning(
      '%s: has %s frames a second and the networks were trained on %s',
      records_dir,
      *(rate or resampling.NATIVE for rate in rates[::-1]),
    )
