"""The state of an all-reduce training, as checkpoints have it.

The checkpoints are those of the other engine, so either engine continues what
the other one began.
"""

from collections.abc import Mapping

import numpy as np

from two_stream import files
from two_stream.networks import checkpoint_files, checkpoints
from two_stream.training import (
  all_reduce_replicas,
  divergence,
  objective,
  saved_checkpoints,
)

_STEP = 'global_step'
# The other engine counts gradients that came too late. This one has none, and
# hands on what it finds.
_DROPPED = 'dropped_gradients'


class State:
  """The variables of a process, and how many steps they have done.

  Attributes:
    num_steps: how many steps have been done.
    dropped_gradients: how many gradients the other engine has dropped.
  """

  def __init__(
    self,
    replicas: all_reduce_replicas.Replicas,
    train_dir: files.PathLike,
    bounds: divergence.Bounds,
  ):
    """Makes the state of new variables.

    Args:
      replicas: the replicas of this process.
      train_dir: the folder for the checkpoints.
      bounds: what the weights must not exceed.
    """
    self.num_steps = 0
    self.dropped_gradients = 0
    self._replicas = replicas
    self._train_dir = train_dir
    self._bounds = bounds

  def restore(self, path: files.PathLike) -> None:
    """Takes over the values of a training checkpoint, which must fit.

    Args:
      path: the prefix of the checkpoint.
    """
    checkpoint = checkpoint_files.load(path)
    variables = self._replicas.variables
    counts = [each for each in (_STEP, _DROPPED) if each in checkpoint.tensors]
    values = checkpoint.values([*variables, *counts])
    for name, variable in variables.items():
      variable.assign(values[name].reshape(variable.shape))
    self.num_steps = int(values.get(_STEP, saved_checkpoints.step_of(path)))
    self.dropped_gradients = int(values.get(_DROPPED, 0))

  def assign(self, values: Mapping[str, np.ndarray]) -> None:
    """Sets variables of the network.

    Args:
      values: path in the network -> value. Others stay as they are.
    """
    for path, variable in checkpoints.variables(self._replicas.network).items():
      if path in values:
        variable.assign(values[path].reshape(variable.shape))

  def step(self) -> int:
    """Returns how many steps have been done."""
    return self.num_steps

  def problem(self) -> str:
    """Says what is wrong with the variables; '' if nothing is."""
    values = self._values()
    weights = {
      variable.name.removesuffix(':0')
      for variable in objective.convolution_weights(self._replicas.network)
    }
    with np.errstate(over='ignore', invalid='ignore'):
      half_squares = [np.vdot(value, value) / 2 for value in values.values()]
    return divergence.describe_bad_values(
      list(values),
      np.array(half_squares),
      np.array([name in weights for name in values]),
      self._bounds.norm,
    )

  def save(self, step: int) -> None:
    """Saves a checkpoint."""
    counts = {_STEP: step, _DROPPED: self.dropped_gradients}
    tensors = {
      **self._values(),
      **{name: np.array(count, np.int64) for name, count in counts.items()},
    }
    saved_checkpoints.write(self._train_dir, step, tensors)

  def _values(self) -> dict[str, np.ndarray]:
    """Reads all variables; name -> value."""
    return {
      name: variable.numpy()
      for name, variable in self._replicas.variables.items()
    }
