"""The replicas of one process, which add up their gradients with all others.

Every replica has a copy of all variables. A step is made of three parts:

    contribute   each replica computes the gradients of its minibatches one
                 after the other, and adds them up;
    reduce       one all-reduce gives every replica the sum of all sums;
    apply        every replica updates its copy in the same way.

What is added up is one long vector:

    gradients of the trained variables | statistics of BatchNorm | loss |
    accuracy | number of minibatches | number of processes that want to stop

The mathematics is that of sync_optimizer.py: SGD with momentum takes the mean
gradient. BatchNorm is the exception. There, each of n minibatches moves the
moving averages in turn. Here, all of them do so at once: decay^n of the old
value stays, and the rest is the mean over the minibatches.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from two_stream import recipe
from two_stream.networks import batch_norm, checkpoints
from two_stream.records import clips
from two_stream.training import all_reduce_strategy, objective, training_job

# A value of each local replica, as `tf.distribute` represents it.
PerReplica = Any
Batch = Mapping[str, tf.Tensor]

_MOMENTUM = '/Momentum'  # What the name of a velocity ends with.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measures:
  """What a step tells, as means over all its minibatches.

  Attributes:
    loss: the loss of the weights before the step, weight decay included.
    accuracy: the share of clips whose label has the largest logit.
    gradient_norm: the norm of the mean gradient.
    num_batches: the number of minibatches of all replicas.
    num_stopping: how many processes want to stop before this step.
  """

  loss: float
  accuracy: float
  gradient_norm: float
  num_batches: int
  num_stopping: int


class Replicas:
  """The network of each local replica, and what they do in a step.

  Attributes:
    network: the network. Its variables are those of all local replicas.
    variables: all variables, by the names that they have in a checkpoint.
    strategy: what copies variables and adds up over replicas.
    num_classes: the number of logits.
  """

  def __init__(
    self,
    strategy: tf.distribute.Strategy,
    hyperparameters: training_job.Hyperparameters,
    num_classes: int,
  ):
    """Makes the variables, with the same first values in all processes.

    All processes of a job do so at the same time.

    Args:
      strategy: over all replicas of the job.
      hyperparameters: the hyperparameters of the job.
      num_classes: the number of logits.
    """
    self.strategy = strategy
    self.num_classes = num_classes
    self._hyperparameters = hyperparameters
    # The minibatch of which the graph is being made; at first a stand-in.
    self._batch: Batch = {'number': tf.zeros([1], tf.int64)}
    channels = recipe.STREAMS[hyperparameters.stream].channels
    tf.random.set_seed(hyperparameters.seed)
    with strategy.scope():
      self.network = objective.make_network(
        hyperparameters, num_classes, lambda: self._batch['number'][0]
      )
      of_network = checkpoints.variables(self.network, channels)
      self._trained = [each for each in of_network.values() if each.trainable]
      self._velocities = [
        tf.Variable(
          tf.zeros(variable.shape),
          trainable=False,
          name=_name(variable) + _MOMENTUM,
        )
        for variable in self._trained
      ]
    self._moving = _moving_averages(of_network)
    self.variables = {
      _name(variable): variable
      for variable in [*of_network.values(), *self._velocities]
    }
    self._layout = [
      (variable.shape, variable.shape.num_elements())
      for variable in [*self._trained, *self._moving]
    ]
    self._add = tf.function(self._added, autograph=False)
    self._reduce = tf.function(self._reduced, autograph=False)
    self._apply = tf.function(self._applied, autograph=False)
    self._share = tf.function(self._of_first_replica, autograph=False)

  def of_each(self, make: Callable[[int], Any]) -> PerReplica:
    """Makes a value for each local replica.

    Args:
      make: a function of the number of a replica among all those of the job.
    """
    return self.strategy.experimental_distribute_values_from_function(
      lambda context: make(context.replica_id_in_sync_group)
    )

  def no_sums(self) -> PerReplica:
    """Returns what the sums of each replica begin with."""
    size = sum(size for _, size in self._layout) + 3
    return self.of_each(lambda _: tf.zeros([size]))

  def contribute(self, sums: PerReplica, batches: PerReplica) -> PerReplica:
    """Adds what each replica computes from a minibatch to its sums.

    Args:
      sums: what `no_sums` or this method returned.
      batches: a minibatch of each replica, see `clips.training_clips`, with
        'counts' beside it: float32 [], 1, or 0 if the minibatch shall not count
        because the replica has none left in this step.

    Returns:
      The new sums.
    """
    return self._add(sums, batches)

  def reduce(
    self, sums: PerReplica, wants_to_stop: bool
  ) -> tuple[PerReplica, Measures]:
    """Adds up over all replicas of the job, which have to do so together.

    Args:
      sums: what `contribute` returned.
      wants_to_stop: whether this process is to stop before the step.

    Returns:
      (the totals, which `apply` takes; what they tell).

    Raises:
      tf.errors.OpError: another process of the job is lost.
    """
    stops = tf.constant(float(wants_to_stop) / self._local_replicas)
    totals, *measures = self._reduce(sums, stops)
    loss, accuracy, norm, count, stopping = (float(each) for each in measures)
    return totals, Measures(
      loss=loss,
      accuracy=accuracy,
      gradient_norm=norm,
      num_batches=round(count),
      num_stopping=round(stopping),
    )

  def apply(self, totals: PerReplica, learning_rate: float) -> None:
    """Does the step of these totals, in each process by itself."""
    self._apply(totals, tf.constant(learning_rate))

  def local_loss(self, batches: PerReplica) -> float:
    """Computes the mean loss of a minibatch of each local replica."""
    sums = self.contribute(self.no_sums(), batches)
    results = self.strategy.experimental_local_results(sums)
    return sum(float(each[-3]) for each in results) / len(results)

  def take_over(self, numbers: list[int]) -> list[int]:
    """Gives all processes the variables and numbers of the first replica.

    All processes of a job do so at the same time.

    Args:
      numbers: whole numbers, as many in each process.

    Returns:
      The numbers of the first process.
    """
    return [int(each) for each in self._share(tf.constant(numbers, tf.int64))]

  @property
  def _local_replicas(self) -> int:
    return len(self.strategy.extended.worker_devices)

  def _added(self, sums: PerReplica, batches: PerReplica) -> PerReplica:
    return self.strategy.run(self._added_to_one, (sums, batches))

  def _added_to_one(self, sums: tf.Tensor, batch: Batch) -> tf.Tensor:
    """Adds the minibatch of one replica to its sums."""
    parameters = self._hyperparameters
    self._batch = batch
    with batch_norm.collected() as statistics, tf.GradientTape() as tape:
      logits, _ = self.network(
        clips.scale(batch['clip'], parameters.stream),
        is_training=True,
        dropout_keep_prob=parameters.dropout_keep_prob,
      )
      loss = objective.loss(
        logits, batch['label'], self.network, parameters.weight_decay
      )
    gradients = tape.gradient(loss, self._trained)
    of_batch = {variable.ref(): value for variable, value in statistics}
    terms = [
      *gradients,
      *(of_batch[variable.ref()] for variable in self._moving),
      loss,
      objective.accuracy(logits, batch['label']),
      tf.ones([]),
    ]
    flat = tf.concat([tf.reshape(term, [-1]) for term in terms], 0)
    return tf.where(batch['counts'] > 0, sums + flat, sums)

  def _reduced(
    self, sums: PerReplica, stops: tf.Tensor
  ) -> tuple[PerReplica, ...]:
    def reduced(sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
      context = tf.distribute.get_replica_context()
      totals = context.all_reduce(
        tf.distribute.ReduceOp.SUM, tf.concat([sums, [stops]], 0)
      )
      loss, accuracy, count, stopping = tf.unstack(totals[-4:])
      gradients, _ = self._means(totals)
      norm = tf.linalg.global_norm(gradients)
      return totals, loss / count, accuracy / count, norm, count, stopping

    totals, *measures = self.strategy.run(reduced, (sums,))
    return (
      totals,
      *(self.strategy.experimental_local_results(each)[0] for each in measures),
    )

  def _means(
    self, totals: tf.Tensor
  ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Returns (mean gradients, mean statistics) of one replica's totals."""
    sizes = [size for _, size in self._layout]
    parts = tf.split(totals, [*sizes, 4])[:-1]
    count = totals[-2]
    means = [
      tf.reshape(part, shape) / count
      for part, (shape, _) in zip(parts, self._layout)
    ]
    return means[: len(self._trained)], means[len(self._trained) :]

  def _applied(self, totals: PerReplica, rate: tf.Tensor) -> None:
    """Updates all variables of all local replicas."""
    parameters = self._hyperparameters
    decay = parameters.batch_norm_decay**parameters.replicas_to_aggregate

    def move(
      variable: tf.Variable, velocity: tf.Variable, gradient: tf.Tensor
    ) -> None:
      velocity.assign(parameters.momentum * velocity + gradient)
      variable.assign_sub(rate * velocity)

    def average(variable: tf.Variable, mean: tf.Tensor) -> None:
      variable.assign_sub((1 - decay) * (variable - mean))

    update = self.strategy.extended.update
    gradients, statistics = self.strategy.run(self._means, (totals,))
    for variable, *rest in zip(self._trained, self._velocities, gradients):
      update(variable, move, args=tuple(rest))
    for variable, mean in zip(self._moving, statistics):
      update(variable, average, args=(mean,))

  def _of_first_replica(self, numbers: tf.Tensor) -> tf.Tensor:
    """Does what `take_over` does."""
    variables = list(self.variables.values())
    sizes = [variable.shape.num_elements() for variable in variables]

    def shared() -> tuple[list[tf.Tensor], tf.Tensor]:
      flat = all_reduce_strategy.of_first(
        tf.concat([tf.reshape(v, [-1]) for v in variables], 0)
      )
      values = [
        tf.reshape(part, variable.shape)
        for part, variable in zip(tf.split(flat, sizes), variables)
      ]
      return values, all_reduce_strategy.of_first(numbers)

    values, of_first = self.strategy.run(shared)
    for variable, value in zip(variables, values):
      self.strategy.extended.update(variable, _assign, args=(value,))
    return self.strategy.experimental_local_results(of_first)[0]


def _assign(variable: tf.Variable, value: tf.Tensor) -> None:
  variable.assign(value)


def _name(variable: tf.Variable) -> str:
  """Returns the name of a variable in a checkpoint."""
  return variable.name.removesuffix(':0')


def _moving_averages(
  variables: Mapping[str, tf.Variable],
) -> list[tf.Variable]:
  """Lists the moving averages of the units that are trained.

  Args:
    variables: path in the network -> variable.
  """
  return [
    variable
    for path, variable in variables.items()
    for unit, _, leaf in [path.rpartition('/')]
    if leaf.startswith('moving_') and variables[f'{unit}/beta'].trainable
  ]
