"""One task of a synchronous training job, from its start to its exit status.

The recipe is DeepMind's: see recipe.py. What a replica computes is in
training_graph.py, who does what in cluster_task.py, what happens around a step
in hooks.py, what is said of errors in explained_errors.py. A training folder
holds

    model.ckpt-<step>.*   the network in DeepMind's names, momentum, the step
    job.json, .lock       see training_folder.py
    export/               at the end: the network alone, DeepMind's layout,
        model.ckpt.*      for whoever wants nothing else; and the same as a data
        checkpoints/...   directory, see data/README.md
        label_map.txt, parameters.json
    events.out.*          summaries of training, and in eval/ of the evaluator
"""

import contextlib
import functools
import json
import logging
import pathlib

import tensorflow as tf
from tensorflow.compat import v1

from two_stream import identity, recipe
from two_stream.datasets import label_map, mirroring
from two_stream.networks import checkpoints
from two_stream.records import clips, record_index, shard_folder
from two_stream.training import (
  divergence,
  evaluator,
  explained_errors,
  hooks,
  initial_weights,
  ps_placement,
  ps_servers,
  saving,
  training_folder,
  training_graph,
  watchdog,
)

_POLL_SECONDS = 1.0


def run(job, task):
  """Runs a task until its part of the job is done.

  Args:
    job: a `training_job.Job`.
    task: this task's `cluster_task.ClusterTask`.

  Returns:
    The exit status: 0, or 128 + the number of the signal that stopped it.

  Raises:
    InputError: if the job cannot be done; a restart would not help.
  """
  training_folder.check_path(job.train_dir)
  if task.job_name == 'evaluator':
    evaluator.follow(job)
    return 0
  server = ps_servers.start(task) if task.ps_hosts else None
  if task.job_name == 'ps':
    ps_servers.serve_until_done(task, server)
    return 0
  return train(job, task, server.target if server else '')


def train(job, task, target=''):
  """What a worker does.

  Args:
    job: a `training_job.Job`.
    task: this task's `cluster_task.ClusterTask`.
    target: of this task's server; '' in a job of one process.

  Returns:
    The exit status, as `run`.

  Raises:
    InputError: as `run`.
  """
  v1.logging.set_verbosity(v1.logging.ERROR)  # Deprecations, restarts...
  index = record_index.of_split(job.records_dir, 'train')
  description = training_folder.describe(job, index)
  explain = functools.partial(hooks.missing_tasks_message, task)
  watching = watchdog.Watch(
    job.stall_seconds if task.is_chief and task.ps_hosts else None, explain
  )
  with _claimed(job, task):
    checkpoint = None
    if task.is_chief:
      checkpoint = initial_weights.newest_whole(job.train_dir)
      description = training_folder.settle(job, description, checkpoint)
    replica = _build(job, task, description['label_map'], index)
    init_fn = None
    if task.is_chief:
      init_fn = _first_weights(job, replica, description, checkpoint)
    with watching.running():
      if not task.is_chief:
        _wait_for_chief(task, replica, target, watching)
        training_folder.check(job, description)
      last = _loop(job, task, replica, target, init_fn, index, watching)
      if last:
        with explained_errors.explained(job, lambda: job.max_steps, lambda: ''):
          export(job, description, last)
  if watching.signalled.is_set():
    return 128 + watching.signal_number
  return 0


def _claimed(job, task):
  """Keeps others out of the folder, in which the chief alone writes."""
  if task.is_chief:
    return training_folder.locked(job.train_dir)
  return contextlib.nullcontext()


def _build(job, task, class_names, index):
  parameters = job.hyperparameters
  flips = mirroring.flipped_labels if parameters.flip else mirroring.never
  flipped_labels = flips(class_names)
  if task.is_chief:
    for line in mirroring.describe(class_names, flipped_labels):
      logging.info('%s', line)
  reading = clips.Reading(
    records=index,
    stream=parameters.stream,
    num_frames=parameters.num_frames,
    flipped_labels=flipped_labels,
    seed=parameters.seed,
  )
  return training_graph.build(
    parameters,
    len(class_names),
    functools.partial(
      clips.training_clips,
      reading,
      parameters.batch_size,
      clips.Turn(task.task_index, task.num_workers),
    ),
    task,
  )


def _first_weights(job, replica, description, checkpoint):
  """Settles what the chief starts from.

  Args:
    job: a `training_job.Job`.
    replica: the `training_graph.TrainingGraph`.
    description: as of `training_folder.settle`.
    checkpoint: the prefix of the one to continue from, or None.

  Returns:
    None, or a function of scaffold and session that sets the first weights.
  """
  if checkpoint:
    logging.info('continuing from %s', checkpoint)
    initial_weights.check_fit(
      checkpoints.read(checkpoint), replica.network, checkpoint
    )
    return None
  if not job.init_checkpoint:
    logging.info('starting from random weights')
    return None
  values = initial_weights.initial_values(
    job.init_checkpoint,
    recipe.STREAMS[job.hyperparameters.stream].channels,
    len(description['label_map']),
  )
  initial_weights.check_fit(values, replica.network, job.init_checkpoint)
  read = training_folder.checkpoint_digest(job.init_checkpoint)
  if read != description['init_checkpoint']['sha256']:
    raise identity.changed(job.init_checkpoint)
  return lambda scaffold, session: initial_weights.assign(
    values, replica.network, session
  )


def _loop(job, task, replica, target, init_fn, index, watching):
  """Computes gradients until the job is done or this task is told to stop.

  Returns:
    The prefix of the last checkpoint if this task saves them and the job is
    done, else None.
  """
  stop = hooks.StopAt(replica, job.max_steps, watching.signalled)
  with (
    replica.graph.as_default(),
    v1.device(ps_placement.device_setter(task)),
  ):
    saver = saving.make_saver()
    sign_off = ps_servers.sign_off_ops(task)
    scaffold = v1.train.Scaffold(init_fn=init_fn, saver=saver)
    save = None
    advice = functools.partial(divergence.advice_of_worker, job.train_dir)
    if task.is_chief:
      save = saving.SaveCheckpoints(
        replica, saver, job.train_dir, job.max_steps, job.checkpoint_seconds
      )
      advice = save.advice
    all_hooks = [*_hooks(job, task, replica, save, index, watching), stop]
    with (
      explained_errors.explained(job, lambda: stop.step, advice),
      v1.train.MonitoredTrainingSession(
        target,
        task.is_chief,
        checkpoint_dir=job.train_dir,
        scaffold=scaffold,
        hooks=all_hooks,
        save_checkpoint_secs=None,  # One of the hooks does.
        save_summaries_steps=None,
        save_summaries_secs=None,
        log_step_count_steps=None,
        # A limit would be measured by a clock that may be set.
        max_wait_secs=float('inf'),
        # The chief's thread waits for gradients, which nobody sends any more.
        stop_grace_period_secs=1,
        config=ps_servers.session_config(task),
      ) as session,
    ):
      while not session.should_stop():
        session.run(replica.train)
    if sign_off and not watching.signalled.is_set():
      with v1.Session(
        target, config=ps_servers.session_config(task)
      ) as session:
        session.run(sign_off)
  return save.newest if save and stop.step >= job.max_steps else None


def _hooks(job, task, replica, save, index, watching):
  aggregate = job.hyperparameters.replicas_to_aggregate
  tokens = training_graph.tokens_per_step(aggregate, task.num_workers)
  every_worker = [
    # Workers begin without a token, so that those of a step are exact.
    replica.optimizer.make_session_run_hook(
      task.is_chief, tokens - task.num_workers
    ),
    hooks.StartReading(replica, aggregate, task.num_workers),
    hooks.ReportDamage(replica, index, job.max_damaged_records),
    hooks.TellWatch(watching, save and save.save_now),
  ]
  if not task.is_chief:
    return every_worker
  if task.ps_hosts:
    every_worker.append(hooks.ReplaceLostTokens(replica, task.num_workers))
  clips_per_step = aggregate * job.hyperparameters.batch_size
  return [
    save,  # Before the first token is handed out.
    *every_worker,
    hooks.Progress(replica, job.max_steps, clips_per_step, job.train_dir),
  ]


def _wait_for_chief(task, replica, target, watching):
  """Waits until the chief has set the variables.

  MonitoredTrainingSession would do so too, but looks every 30 s only.
  """
  with (
    replica.graph.as_default(),
    v1.device(ps_placement.device_setter(task)),
  ):
    uninitialized = v1.report_uninitialized_variables(v1.global_variables())
  while not watching.signalled.is_set():
    try:
      with v1.Session(
        target, replica.graph, ps_servers.session_config(task)
      ) as session:
        if not session.run(uninitialized).size:
          return
    except (tf.errors.AbortedError, tf.errors.UnavailableError):
      logging.info('a ps is not there yet')
    watching.signalled.wait(_POLL_SECONDS)


def export(job, description, checkpoint):
  """Writes a network alone, in DeepMind's layout, and what belongs to it.

  Args:
    job: a `training_job.Job`.
    description: as of `training_folder.settle`.
    checkpoint: prefix of the training checkpoint.
  """
  folder = pathlib.Path(job.train_dir, 'export')
  folder.mkdir(exist_ok=True)
  training_folder.write(
    folder / shard_folder.LABEL_MAP,
    label_map.to_text(description['label_map']),
  )
  if 'records' in description:
    training_folder.write(
      folder / shard_folder.PARAMETERS,
      json.dumps(description['records'], indent=2) + '\n',
    )
  stream = job.hyperparameters.stream
  start_from = 'imagenet' if description.get('init_checkpoint') else 'scratch'
  values = checkpoints.read(checkpoint)
  for name in ('.', f'checkpoints/{stream}_{start_from}'):
    path = folder / name / 'model.ckpt'
    checkpoints.write(values, path, recipe.STREAMS[stream].scope)
  logging.info('exported %s to %s', checkpoint, folder)
