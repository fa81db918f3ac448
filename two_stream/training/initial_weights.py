"""The weights that a training starts from when it has no checkpoint yet."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from tensorflow.compat import v1

import i3d
from two_stream import errors, files, identity, recipe
from two_stream.networks import checkpoint_files, checkpoints, inflation
from two_stream.training import job_file, saved_checkpoints, training_job

# The name of a variable's momentum ends so, see sync_optimizer.py.
_SLOT = '/Momentum'


def choose(
  job: training_job.Job,
  network: i3d.InceptionI3d,
  description: job_file.Description,
  checkpoint: str | None,
) -> dict[str, np.ndarray] | None:
  """Chooses what a run starts from, and checks that the network can take it.

  Args:
    job: the job.
    network: the network to be trained, which has been called.
    description: what `job_file.remember` returned.
    checkpoint: the prefix of the training checkpoint to continue from, or None.

  Returns:
    Path in the network -> the first value. It is None if the run continues from
    the checkpoint, or starts from random weights.

  Raises:
    InputError: the checkpoint or --init_checkpoint cannot be used.
  """
  if checkpoint:
    logging.info('continuing from %s', checkpoint)
    step = saved_checkpoints.step_of(checkpoint)
    if step >= job.max_steps:
      logging.info(
        'step %d is done already, and --max_steps is %d: nothing is trained',
        step,
        job.max_steps,
      )
    check_fit(checkpoints.read(checkpoint), network, checkpoint)
    _check_slots(checkpoint, network)
    return None
  path = job.init_checkpoint
  if not path and job.hyperparameters.train_only:
    raise errors.InputError(
      '--train_only leaves the other units as --init_checkpoint has them; give '
      'the network to start from'
    )
  if not path:
    logging.info('starting from random weights')
    return None
  values = initial_values(
    path,
    recipe.STREAMS[job.hyperparameters.stream].channels,
    len(description['label_map']),
  )
  check_fit(values, network, path)
  digest = job_file.checkpoint_digest(path)
  if digest != description['init_checkpoint']['sha256']:
    raise identity.changed(path)
  return values


def initial_values(
  path: files.PathLike, channels: int, num_classes: int
) -> dict[str, np.ndarray]:
  """Reads the weights to start from.

  Args:
    path: the prefix of an I3D checkpoint or of TF-slim's 2-D Inception-v1.
    channels: how many values each pixel of a frame has.
    num_classes: the number of classes of the network to be trained.

  Returns:
    Path in the network -> value. The weights of the logits are missing if the
    checkpoint is of other classes.

  Raises:
    InputError: the checkpoint cannot be used.
  """
  if inflation.is_inception_v1(path):
    logging.info('inflating %s; the logits start at random', path)
    return inflation.read(path, channels)
  values = checkpoints.read(path)
  found = checkpoints.describe(path).num_classes
  if found == num_classes:
    logging.info('starting from all of %s', path)
    return values
  logging.info(
    'starting from %s but for its logits, which are of %d classes and not %d, '
    'so that they start at random',
    path,
    found,
    num_classes,
  )
  return checkpoints.all_but_logits(values)


def assign(
  values: Mapping[str, np.ndarray],
  network: i3d.InceptionI3d,
  session: v1.Session,
) -> None:
  """Sets variables of a network in a session.

  Args:
    values: what `initial_values` returned.
    network: a network that was called in the session's graph.
    session: the session.
  """
  for name, variable in checkpoints.variables(network).items():
    if name in values:
      # The initializer exists already; a finished graph takes no new ops.
      initializer = variable.initializer
      value = values[name].reshape(variable.shape)
      session.run(initializer, {initializer.inputs[1]: value})


def check_fit(
  values: Mapping[str, np.ndarray],
  network: i3d.InceptionI3d,
  path: files.PathLike,
) -> None:
  """Checks that values have the sizes of a network's variables.

  Args:
    values: path in the network -> value. Some may be missing.
    network: a network that has been called.
    path: where the values are from, for the message.

  Raises:
    InputError: a value has another size than its variable.
  """
  problems: Sequence[str] = [
    f'{name} is {list(values[name].shape)} instead of {variable.shape}'
    for name, variable in checkpoints.variables(network).items()
    if name in values and values[name].size != variable.shape.num_elements()
  ]
  if problems:
    raise errors.InputError(
      f'{path} does not fit the network ({problems[0]}, and '
      f'{len(problems) - 1} more); {_fitting_flags(path)}'
    )


def _fitting_flags(path: files.PathLike) -> str:
  """Says for which flags a checkpoint is right."""
  if inflation.is_inception_v1(path):
    return 'is it of this --depth_multiplier?'
  found = checkpoints.describe(path)
  streams = [
    name
    for name, stream in recipe.STREAMS.items()
    if stream.channels == found.channels
  ]
  return (
    f'it is of --stream={" or ".join(streams)} and '
    f'--depth_multiplier={found.depth_multiplier}'
  )


def _check_slots(path: str, network: i3d.InceptionI3d) -> None:
  """Raises InputError if a checkpoint is of a training of other variables.

  Those that were trained have a momentum in it.

  Args:
    path: the prefix of the training checkpoint.
    network: the network to be trained, which has been called.
  """
  names = [
    variable.name.removesuffix(':0') for variable in network.trainable_variables
  ]
  trained = [
    name.removesuffix(_SLOT)
    for name in checkpoint_files.load(path).tensors
    if name.endswith(_SLOT)
  ]
  remedy = (
    'give the --train_only of before, or another --train_dir with '
    f'--init_checkpoint={path}'
  )
  if missing := sorted(set(names) - set(trained)):
    raise errors.InputError(
      f'{path}: has no momentum of {missing[0]} and {len(missing) - 1} others, '
      f'which were not trained; {remedy}'
    )
  if dropped := sorted(set(trained) - set(names)):
    raise errors.InputError(
      f'{path}: has momentum of {dropped[0]} and {len(dropped) - 1} others, '
      f'which are not to be trained any more; {remedy}'
    )
