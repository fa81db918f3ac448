"""The engine without parameter servers: every replica has all variables.

All replicas compute their share of the gradients of a step, add up the sums in
one all-reduce, and do the same step; all_reduce_replicas.py has the details. So
a step moves as many bytes to and from a replica, however many replicas there
are.

The chief, which is worker 0, keeps the folder of the training: it restores,
saves, reports and exports. The other workers get their variables from it, and
need not see the folder. If a process is lost, the others end with the status
`training_job.LOST`, and all have to be started again.
"""

import functools
import hashlib
import json
import logging
import re
from collections.abc import Callable

import tensorflow as tf
from tensorflow.compat import v1

from two_stream import errors
from two_stream.cluster import cluster_task, meeting
from two_stream.records import record_index
from two_stream.training import (
  all_reduce_clips,
  all_reduce_loop,
  all_reduce_replicas,
  all_reduce_state,
  all_reduce_strategy,
  checkpoint_policy,
  divergence,
  evaluator,
  explained_errors,
  export,
  initial_weights,
  job_clips,
  job_file,
  reporting,
  saved_checkpoints,
  training_folder,
  training_job,
  watchdog,
)

# What is raised in a process when another one is lost.
_LOST_ERRORS = (
  meeting.MissingTasksError,
  tf.errors.AbortedError,
  tf.errors.CancelledError,
  tf.errors.DeadlineExceededError,
  tf.errors.FailedPreconditionError,
  tf.errors.UnavailableError,
)

# How TensorFlow names a task in an error, and how it says whose error it is.
_TASK = re.compile(r'/job:worker/(?:replica:0/)?task:(\d+)')
_SOURCE = re.compile(rf'^Error reported from {_TASK.pattern}: ')


def run(job: training_job.Job, task: cluster_task.ClusterTask) -> int:
  """Does the part of one task, see `training_job.Engine`.

  Args:
    job: the job.
    task: the task that this process is.

  Returns:
    The exit status: 0, `training_job.LOST`, or 128 + the number of the signal
    that stopped the task.

  Raises:
    InputError: the job cannot be done, and a restart would not help.
  """
  _check(job, task)
  if task.job_name == 'evaluator':
    evaluator.follow(job)
    return 0
  # TensorFlow warns of deprecations.
  v1.logging.set_verbosity(v1.logging.ERROR)
  watcher = watchdog.Watchdog(
    job.stall_seconds if task.is_chief and task.num_workers > 1 else None,
    functools.partial(watchdog.explain_standstill, task),
  )
  lost = None
  is_done = False
  with (
    training_folder.of_worker(job.train_dir, task.is_chief) as check_folder,
    watcher.running(),
  ):
    try:
      is_done = _Worker(job, task, watcher, check_folder).work()
    except _LOST_ERRORS as error:
      if task.num_workers == 1:
        raise
      lost = error
      if watcher.save_checkpoint:
        watcher.save_checkpoint()
  if watcher.signal_number is not None:
    return 128 + watcher.signal_number
  if lost:
    logging.error('%s', _describe_loss(_reason(lost, task)))
    return training_job.LOST
  if not is_done:
    logging.error('%s', _describe_loss('one of them was told to stop'))
    return training_job.LOST
  return 0


def _check(job: training_job.Job, task: cluster_task.ClusterTask) -> None:
  """Refuses what this engine cannot do."""
  if task.ps_hosts:
    raise errors.InputError(
      '--engine=all_reduce: a job of this engine has no ps; leave them out '
      '(--ps_hosts or TF_CONFIG)'
    )
  training_folder.check_path(job.train_dir)
  if task.is_chief or task.job_name == 'evaluator':
    training_folder.check_folders(job.train_dir)


def _describe_loss(reason: str) -> str:
  return (
    f'other tasks of the job are lost ({reason}); start all tasks again, and '
    'they go on from the newest checkpoint'
  )


def _reason(
  error: tf.errors.OpError | meeting.MissingTasksError,
  task: cluster_task.ClusterTask,
) -> str:
  """Says in one line what happened, and which task was lost if that is known.

  Args:
    error: what was raised when a task was lost.
    task: any task of the job.
  """
  if isinstance(error, meeting.MissingTasksError):
    return str(error)
  _, _, told = error.message.partition('Collective ops is aborted by: ')
  told = (told or error.message).strip()
  number = _TASK.search(told)
  lost = None
  if number:
    lost = int(number[1])
  elif 'CoordinationService' in told:  # It is in the chief.
    lost = 0
  reason = _SOURCE.sub('', told.partition('\n')[0]).rstrip('.: ')
  names = list(cluster_task.names(task))
  if lost is not None and lost < len(names):
    return f'{names[lost]}: {reason}'
  return reason


class _Worker:
  """A worker, from the meeting with the others to the last step."""

  def __init__(
    self,
    job: training_job.Job,
    task: cluster_task.ClusterTask,
    watcher: watchdog.Watchdog,
    check_folder: Callable[[], None],
  ):
    self._job = job
    self._task = task
    self._watcher = watcher
    self._check_folder = check_folder

  def work(self) -> bool:
    """Meets the others, trains, and in the chief exports the network.

    Returns:
      Whether all steps are done. If not, a process of the job is to stop.
    """
    job, parameters = self._job, self._job.hyperparameters
    strategy = all_reduce_strategy.make(self._task, job.peer_seconds)
    self._check_number(strategy.num_replicas_in_sync)
    index = record_index.of_split(job.records_dir, 'train', [parameters.stream])
    description = job_file.describe(job, index)
    self._check_same_job(strategy, description)
    checkpoint = None
    if self._task.is_chief:
      checkpoint = saved_checkpoints.newest_whole(job.train_dir)
      description = job_file.remember(job, description, checkpoint)
    replicas = all_reduce_replicas.Replicas(
      strategy, parameters, len(description['label_map'])
    )
    state = self._first_state(replicas, description, checkpoint)
    (state.num_steps,) = replicas.take_over([state.num_steps])
    loop = self._make_loop(state, replicas, description['label_map'], index)
    if self._task.is_chief:
      self._watcher.save_checkpoint = loop.save_now
    with explained_errors.explained(job, state.step, loop.advice):
      loop.run()
      is_done = state.step() >= job.max_steps
      if self._task.is_chief and is_done:
        self._check_folder()
        export.write(job, description, loop.newest)
    return is_done

  def _check_number(self, num_replicas: int) -> None:
    """Refuses a job in which a replica would have nothing to do."""
    per_step = self._job.hyperparameters.replicas_to_aggregate
    if num_replicas > per_step:
      raise errors.InputError(
        f'--replicas_to_aggregate={per_step}: of the {num_replicas} replicas '
        f'of this job, {num_replicas - per_step} would have nothing to do, as '
        '--engine=all_reduce has no backup workers; give at least '
        f'--replicas_to_aggregate={num_replicas}, or start fewer'
      )
    if self._task.is_chief:
      logging.info(
        'a step is %d minibatches of %d clips on %d replicas',
        *(per_step, self._job.hyperparameters.batch_size, num_replicas),
      )

  def _check_same_job(
    self, strategy: tf.distribute.Strategy, description: job_file.Description
  ) -> None:
    """Refuses a task that was given another job than the chief.

    Networks of other shapes could not even be made together.
    """
    own = _fingerprint(description)
    if own != all_reduce_strategy.numbers_of_first(strategy, own):
      raise errors.InputError(
        'this task was given another job than the chief; give all tasks the '
        'same flags and the same records'
      )

  def _first_state(
    self,
    replicas: all_reduce_replicas.Replicas,
    description: job_file.Description,
    checkpoint: str | None,
  ) -> all_reduce_state.State:
    """Makes the state that this process begins with.

    Only that of the chief counts, because the others take it over.
    """
    state = all_reduce_state.State(
      replicas, self._job.train_dir, self._bounds(replicas)
    )
    if not self._task.is_chief:
      job_file.check(self._job, description)
      return state
    values = initial_weights.choose(
      self._job, replicas.network, description, checkpoint
    )
    if checkpoint:
      state.restore(checkpoint)
    elif values:
      state.assign(values)
    return state

  def _bounds(
    self, replicas: all_reduce_replicas.Replicas
  ) -> divergence.Bounds:
    return divergence.bounds(
      replicas.network,
      replicas.num_classes,
      self._job.hyperparameters.weight_decay,
    )

  def _make_loop(
    self,
    state: all_reduce_state.State,
    replicas: all_reduce_replicas.Replicas,
    class_names: list[str],
    index: record_index.RecordIndex,
  ) -> all_reduce_loop.Loop:
    job, parameters = self._job, self._job.hyperparameters
    reading = job_clips.reading(parameters, class_names, index)
    if self._task.is_chief:
      job_clips.log_flips(class_names, reading.flipped_labels)
    local_clips = all_reduce_clips.LocalClips(
      reading,
      parameters.batch_size,
      parameters.replicas_to_aggregate,
      state.num_steps,
      replicas,
      reporting.DamageReport(index, job.max_damaged_records),
    )
    loop = all_reduce_loop.Loop(
      job, replicas, state, local_clips, self._watcher
    )
    if self._task.is_chief:
      loop.policy = checkpoint_policy.CheckpointPolicy(
        self._bounds(replicas),
        job.train_dir,
        job.max_steps,
        job.checkpoint_seconds,
        self._check_folder,
      )
      loop.progress = reporting.ProgressReport(
        job.max_steps,
        parameters.replicas_to_aggregate * parameters.batch_size,
        job.train_dir,
      )
    return loop


def _fingerprint(description: job_file.Description) -> list[int]:
  """Computes numbers that are the same for the same job.

  Args:
    description: what `job_file.describe` returned. Versions do not count.
  """
  fixed = {
    name: value for name, value in description.items() if name != 'versions'
  }
  digest = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).digest()
  return [int.from_bytes(digest[i : i + 7], 'big') for i in range(0, 28, 7)]
