"""The engine of the published recipe: replicas that average their gradients.

Parameter servers (ps) keep the variables. Each worker computes gradients, and
TensorFlow's SyncReplicasOptimizer makes a step of the first
--replicas_to_aggregate of them; sync_optimizer.py has the details. This module
follows one task from its start to its exit status.
"""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.compat import v1

from two_stream import errors
from two_stream.cluster import cluster_task
from two_stream.records import clips, record_index
from two_stream.training import (
  divergence,
  evaluator,
  explained_errors,
  export,
  hooks,
  initial_weights,
  job_clips,
  job_file,
  ps_placement,
  ps_servers,
  reporting,
  saved_checkpoints,
  saving,
  sync_optimizer,
  training_folder,
  training_graph,
  training_job,
  watchdog,
)

_POLL_SECONDS = 1.0


def run(job: training_job.Job, task: cluster_task.ClusterTask) -> int:
  """Does the part of one task, see `training_job.Engine`.

  Args:
    job: the job.
    task: the task that this process is.

  Returns:
    The exit status: 0, or 128 + the number of the signal that stopped the task.

  Raises:
    InputError: the job cannot be done, and a restart would not help.
  """
  if task.worker_hosts and not task.ps_hosts:
    raise errors.InputError(
      f'--engine=sync_replicas: a job of {task.num_workers} workers needs ps; '
      'add them (--ps_hosts or TF_CONFIG), or give --engine=all_reduce'
    )
  training_folder.check_path(job.train_dir)
  training_folder.check_folders(job.train_dir)
  if task.job_name == 'evaluator':
    evaluator.follow(job)
    return 0
  server = ps_servers.start(task) if task.ps_hosts else None
  if server and task.job_name == 'ps':
    ps_servers.serve_until_done(task, server)
    return 0
  return train(job, task, server.target if server else '')


def train(
  job: training_job.Job, task: cluster_task.ClusterTask, target: str = ''
) -> int:
  """Does the part of a worker.

  Args:
    job: the job.
    task: the worker that this process is.
    target: the target of this worker's server; '' in a job of one process.

  Returns:
    The exit status, as of `run`.

  Raises:
    InputError: as of `run`.
  """
  # TensorFlow warns of deprecations, and of each restart.
  v1.logging.set_verbosity(v1.logging.ERROR)
  index = record_index.of_split(
    job.records_dir, 'train', [job.hyperparameters.stream]
  )
  description = job_file.describe(job, index)
  watcher = watchdog.Watchdog(
    job.stall_seconds if task.is_chief and task.ps_hosts else None,
    functools.partial(watchdog.explain_standstill, task),
  )
  with training_folder.of_worker(job.train_dir, task.is_chief) as check_folder:
    checkpoint = None
    if task.is_chief:
      checkpoint = saved_checkpoints.newest_whole(job.train_dir)
      description = job_file.remember(job, description, checkpoint)
    replica = build_replica(job, task, description['label_map'], index)
    first_weights = None
    if task.is_chief:
      first_weights = initial_weights.choose(
        job, replica.network, description, checkpoint
      )
    worker = _Worker(job, task, replica, target, watcher, check_folder)
    with watcher.running():
      if not task.is_chief:
        worker.wait_for_chief()
        job_file.check(job, description)
      last = worker.train(index, first_weights)
      if last:
        check_folder()
        with explained_errors.explained(job, lambda: job.max_steps, lambda: ''):
          export.write(job, description, last)
  if watcher.signal_number is not None:
    return 128 + watcher.signal_number
  return 0


def build_replica(
  job: training_job.Job,
  task: cluster_task.ClusterTask,
  class_names: Sequence[str],
  index: record_index.RecordIndex,
) -> training_graph.TrainingGraph:
  """Builds the graph of a worker, which reads the worker's part of the clips.

  Args:
    job: the job.
    task: the worker.
    class_names: the label map.
    index: where the records of the training split are.

  Returns:
    The graph.
  """
  reading = job_clips.reading(job.hyperparameters, class_names, index)
  if task.is_chief:
    job_clips.log_flips(class_names, reading.flipped_labels)
  return training_graph.build(
    job.hyperparameters,
    len(class_names),
    functools.partial(
      clips.training_clips,
      reading,
      job.hyperparameters.batch_size,
      clips.Turn(task.task_index, task.num_workers),
    ),
    task,
  )


class _Worker:
  """A worker with its graph, from the first session to the last step."""

  def __init__(
    self,
    job: training_job.Job,
    task: cluster_task.ClusterTask,
    replica: training_graph.TrainingGraph,
    target: str,
    watcher: watchdog.Watchdog,
    check_folder: Callable[[], None],
  ):
    self._job = job
    self._task = task
    self._replica = replica
    self._target = target
    self._watcher = watcher
    self._check_folder = check_folder

  def wait_for_chief(self) -> None:
    """Waits until the chief has set the variables, or a signal comes.

    MonitoredTrainingSession would wait too, but looks only every 30 s.
    """
    with self._building():
      uninitialized = v1.report_uninitialized_variables(v1.global_variables())
    config = ps_servers.session_config(self._task)
    while not self._watcher.signalled.is_set():
      try:
        with v1.Session(self._target, self._replica.graph, config) as session:
          if not session.run(uninitialized).size:
            return
      except (tf.errors.AbortedError, tf.errors.UnavailableError):
        logging.info('a ps is not there yet')
      self._watcher.signalled.wait(_POLL_SECONDS)

  def train(
    self,
    index: record_index.RecordIndex,
    first_weights: Mapping[str, np.ndarray] | None,
  ) -> str | None:
    """Computes gradients until the job is done or a signal comes.

    Args:
      index: where the records of the training split are.
      first_weights: what `initial_weights.choose` returned in the chief, else
        None.

    Returns:
      The prefix of the last checkpoint if this worker is the chief and the job
      is done, else None.
    """
    job, replica = self._job, self._replica
    stop = hooks.StopAtLastStep(replica, job.max_steps, self._watcher)
    with self._building():
      saver = saving.make_saver()
      sign_off = ps_servers.sign_off_ops(self._task)
      save = self._make_save(saver)
      advice = functools.partial(divergence.advice_of_worker, job.train_dir)
      scaffold = v1.train.Scaffold(
        init_fn=self._make_init(first_weights), saver=saver
      )
      all_hooks = [*self._make_hooks(save, index), stop]
      with (
        explained_errors.explained(
          job, lambda: stop.step, save.policy.advice if save else advice
        ),
        self._session(scaffold, all_hooks) as session,
      ):
        while not session.should_stop():
          session.run(replica.train)
      self._sign_off(sign_off)
    return save.policy.newest if save and stop.step >= job.max_steps else None

  def _make_init(
    self, first_weights: Mapping[str, np.ndarray] | None
  ) -> Callable[[v1.train.Scaffold, v1.Session], None] | None:
    """Makes the function that sets the first weights in a session, if any."""
    if first_weights is None:
      return None
    return lambda scaffold, session: initial_weights.assign(
      first_weights, self._replica.network, session
    )

  def _make_save(self, saver: v1.train.Saver) -> saving.SaveCheckpoints | None:
    """Makes the hook that saves checkpoints, which only the chief has."""
    if not self._task.is_chief:
      return None
    return saving.SaveCheckpoints(
      self._replica,
      saver,
      self._job.train_dir,
      self._job.max_steps,
      self._job.checkpoint_seconds,
      self._check_folder,
    )

  def _make_hooks(
    self, save: saving.SaveCheckpoints | None, index: record_index.RecordIndex
  ) -> list[v1.train.SessionRunHook]:
    """Makes all hooks but the one that stops, in the order of their calls."""
    job, task, replica = self._job, self._task, self._replica
    aggregate = job.hyperparameters.replicas_to_aggregate
    tokens = sync_optimizer.tokens_per_step(aggregate, task.num_workers)
    of_every_worker = [
      # Each worker computes its first gradient without a token, so that exactly
      # the gradients of the first step are begun.
      replica.optimizer.make_session_run_hook(
        task.is_chief, tokens - task.num_workers
      ),
      hooks.StartReading(replica, aggregate, task.num_workers),
      hooks.ReportDamage(
        replica, reporting.DamageReport(index, job.max_damaged_records)
      ),
      hooks.FeedWatchdog(self._watcher, save.save_now if save else None),
    ]
    if not save:
      return of_every_worker
    if task.ps_hosts:
      of_every_worker.append(hooks.ReplaceLostTokens(replica, task.num_workers))
    clips_per_step = aggregate * job.hyperparameters.batch_size
    return [
      save,  # This is the first hook, so that it saves before any token is out.
      *of_every_worker,
      hooks.ShowProgress(
        replica,
        reporting.ProgressReport(job.max_steps, clips_per_step, job.train_dir),
      ),
    ]

  def _session(
    self,
    scaffold: v1.train.Scaffold,
    all_hooks: Sequence[v1.train.SessionRunHook],
  ) -> v1.train.MonitoredSession:
    """Opens the session in which this worker trains."""
    return v1.train.MonitoredTrainingSession(
      self._target,
      self._task.is_chief,
      checkpoint_dir=self._job.train_dir,
      scaffold=scaffold,
      hooks=all_hooks,
      # The hooks save checkpoints and write summaries.
      save_checkpoint_secs=None,
      save_summaries_steps=None,
      save_summaries_secs=None,
      log_step_count_steps=None,
      # A limit would be measured by a clock that may be set.
      max_wait_secs=float('inf'),
      # At the end, a thread of the chief waits for gradients that nobody sends.
      stop_grace_period_secs=1,
      config=ps_servers.session_config(self._task),
    )

  def _sign_off(self, ops: Sequence[tf.Operation]) -> None:
    """Tells the ps that this worker is done, unless a signal stopped it."""
    if ops and not self._watcher.signalled.is_set():
      config = ps_servers.session_config(self._task)
      with v1.Session(self._target, config=config) as session:
        session.run(ops)

  @contextlib.contextmanager
  def _building(self) -> Iterator[None]:
    """Adds the ops of the block to the graph, on the devices of the task."""
    with (
      self._replica.graph.as_default(),
      v1.device(ps_placement.device_setter(self._task)),
    ):
      yield
