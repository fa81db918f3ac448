"""What a training job is: its data, its hyperparameters and its limits.

Every task of a job is given the same `Job`. It says what is to be trained and
nothing about how the replicas agree on a step: that is the work of an engine. A
module is an engine if it has a function

    run(job: Job, task: cluster_task.ClusterTask) -> int

that does the part of one task and returns the exit status of the process.
train.py lists the engines.
"""

import dataclasses
import os
from typing import Protocol

from two_stream import recipe
from two_stream.cluster import cluster_task

# The exit status of a task that lost others. All of them are to be started
# again, and go on from the newest checkpoint.
LOST = os.EX_TEMPFAIL

PRECISIONS = ('float32', 'bfloat16')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hyperparameters:
  """What decides the result of training, apart from the data.

  train.py has a flag of the same name for each of them, and job.json remembers
  their values.

  Attributes:
    stream: a key of `recipe.STREAMS`.
    learning_rates: the schedule, rows of (first step, rate).
    replicas_to_aggregate: how many gradients are averaged in a step.
    batch_size: how many clips a gradient is computed from.
    num_frames: the length of a clip in frames.
    momentum: the momentum of the optimizer.
    weight_decay: the factor of half the sum of the squared weights of the
      convolutions, which is added to the loss.
    dropout_keep_prob: the probability that a feature survives the dropout.
    depth_multiplier: the factor on the number of channels of the network.
    batch_norm_decay: the decay of the moving averages of BatchNorm.
    seed: what the first weights, the clips and the dropout are drawn with.
    flip: whether half of the clips are flipped, see mirroring.py.
    train_only: the units that are trained, some of `recipe.UNITS`; () for all.
      The others stay as they are, with their BatchNorm at its moving averages.
    precision: of convolutions and activations, one of `PRECISIONS`. Weights,
      statistics of BatchNorm, loss, sums of gradients and momentum are float32
      in any case.
  """

  stream: str
  learning_rates: recipe.LearningRates
  replicas_to_aggregate: int = recipe.REPLICAS_TO_AGGREGATE
  batch_size: int = recipe.BATCH_SIZE
  num_frames: int = recipe.TRAIN_FRAMES
  momentum: float = recipe.MOMENTUM
  weight_decay: float = recipe.WEIGHT_DECAY
  dropout_keep_prob: float = recipe.DROPOUT_KEEP_PROB
  depth_multiplier: float = 1.0
  batch_norm_decay: float = recipe.BATCH_NORM_DECAY
  seed: int = 0
  flip: bool = True
  train_only: tuple[str, ...] = ()
  precision: str = 'float32'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
  """What all tasks of a job have in common.

  Attributes:
    hyperparameters: what decides the result.
    records_dir: the folder of the shards and their label map.
    train_dir: the folder of checkpoints and summaries. Chief and ps must see
      the same folder.
    max_steps: how many steps are trained.
    init_checkpoint: what to start from, see initial_weights.py; or None.
    checkpoint_seconds: the time between two checkpoints.
    stall_seconds: after how long without a step the chief says which tasks do
      not answer.
    max_damaged_records: how many records may be damaged. One more ends the job.
    wait_minutes: how long the evaluator waits for a checkpoint, in addition to
      `checkpoint_seconds`.
    peer_seconds: how long a task waits at the start for the other tasks, in an
      engine without ps.
  """

  hyperparameters: Hyperparameters
  records_dir: str
  train_dir: str
  max_steps: int
  init_checkpoint: str | None = None
  checkpoint_seconds: float = 600
  stall_seconds: float = 300
  max_damaged_records: int = 100
  wait_minutes: float = 60
  peer_seconds: float = 50


class Engine(Protocol):
  """A way in which the replicas of a job agree on a step.

  A module that has the function `run` is an engine.
  """

  def run(self, job: Job, task: cluster_task.ClusterTask) -> int:
    """Does the part of one task of the job.

    Args:
      job: the job, which is the same for all its tasks.
      task: the task that this process is.

    Returns:
      The exit status of the process: 0 when the part is done, `LOST` if other
      tasks were lost, or 128 + the number of the signal that stopped it.

    Raises:
      InputError: the job cannot be done, and a restart would not help.
    """
