r"""Trains one stream of the network, alone or as one task of a larger job.

    python train.py --stream=rgb --records_dir=ssv2_records --train_dir=rgb

This command trains by the published recipe. A step averages 64 gradients of 6
clips each, however many workers compute them. At the end, --train_dir/export
holds the network, as a data directory for evaluate_sample.py and
evaluate_split.py.

The same command continues an interrupted training from its newest checkpoint.
It is refused if data or hyperparameters have changed since, which
--train_dir/job.json remembers.

A job of several processes has a chief, workers, parameter servers (ps; only
with --engine=sync_replicas) and an optional evaluator. The environment variable
TF_CONFIG describes the job and says which task this process is. Without
TF_CONFIG, the flags --ps_hosts, --worker_hosts, --job_name and --task_index do.
All other flags must be the same for every task. Chief and ps must see the same
--train_dir. The evaluator needs no hosts.

TensorFlow's servers have no authentication and listen on every interface. Run
them in a network of their own.

The exit status is 0 at the end. It is 1, with one line on standard error, if
running again would not help. It is 75, with one line too, if other tasks were
lost, so that all tasks have to be started again. After SIGTERM or Ctrl-C, a
checkpoint is saved and the status is 128 + the number of the signal.
"""

import dataclasses
import importlib
import os
from typing import Any

from absl import flags

from two_stream import cli, recipe
from two_stream.cluster import cluster_task, tf_config
from two_stream.training import training_job
from two_stream.video import pixels

FLAGS = flags.FLAGS

# Name of an engine -> its module, see training_job.py. The module is imported
# once it is needed, because it loads TensorFlow.
ENGINES = {
  'sync_replicas': 'two_stream.training.sync_replicas',
  'all_reduce': 'two_stream.training.all_reduce',
}

flags.DEFINE_enum(
  'stream', None, list(recipe.STREAMS), 'Stream to train.', required=True
)
flags.DEFINE_enum(
  'engine',
  'sync_replicas',
  list(ENGINES),
  'How replicas agree on a step. sync_replicas is the published recipe: '
  'parameter servers keep the variables, and backup workers are possible. '
  'all_reduce has no parameter servers: every replica has a copy of the '
  'variables, and one process uses all GPUs that it sees. A training may '
  'continue under the other engine.',
)
cli.define_path(
  'records_dir',
  None,
  'Folder of records, which preprocessing wrote.',
  required=True,
)
cli.define_path(
  'train_dir',
  None,
  'Folder for checkpoints and summaries. A training continues from the '
  'checkpoints that it finds there.',
  required=True,
)
cli.define_path(
  'init_checkpoint',
  None,
  "Checkpoint to start from: one of an I3D network, or TF-slim's 2-D "
  'Inception-v1, which is inflated. By default the first weights are random. '
  'The logits start at random if the checkpoint is of another number of '
  'classes.',
)
flags.DEFINE_string(
  'train_only',
  '',
  'Units of the network that are trained, by the names of their endpoints. For '
  'example, Logits trains the last layer alone, and Mixed_5c,Logits the last '
  'block too. The others stay as --init_checkpoint has them, and their '
  'BatchNorm normalizes by its moving averages. By default all are trained.',
)
flags.DEFINE_integer(
  'max_steps',
  None,
  'Number of steps. The default is the published number, which is '
  f'{recipe.STREAMS["rgb"].max_steps:,} for rgb and '
  f'{recipe.STREAMS["flow"].max_steps:,} for flow.',
  lower_bound=1,
)
flags.DEFINE_string(
  'learning_rates',
  None,
  'Schedule of the learning rate, in rows first_step:rate. For example, '
  '0:0.1,97000:0.01 means 0.1 until step 97,000 and 0.01 from then on. The '
  'default is the published schedule of the stream.',
)
flags.DEFINE_integer(
  'replicas_to_aggregate',
  recipe.REPLICAS_TO_AGGREGATE,
  'Number of gradients that are averaged in a step. If there are more workers, '
  'a step takes the first gradients to arrive, and the additional workers are '
  f'backups; the published recipe has {recipe.BACKUP_REPLICAS}. If there are '
  'fewer workers, each of them computes several gradients in a step.',
  lower_bound=1,
  upper_bound=100_000,
)
flags.DEFINE_integer(
  'batch_size',
  recipe.BATCH_SIZE,
  'Number of clips that a gradient is computed from.',
  lower_bound=1,
  upper_bound=1024,
)
flags.DEFINE_integer(
  'num_frames',
  recipe.TRAIN_FRAMES,
  'Number of frames of a clip.',
  lower_bound=recipe.MIN_FRAMES,
  upper_bound=pixels.MAX_FRAMES,
)
flags.DEFINE_float(
  'momentum', recipe.MOMENTUM, 'Momentum of the optimizer.', 0, 1
)
flags.DEFINE_float(
  'weight_decay',
  recipe.WEIGHT_DECAY,
  'Factor of the weight decay: the loss includes this factor times half the '
  'sum of the squared weights of the convolutions.',
  lower_bound=0,
)
flags.DEFINE_float(
  'dropout_keep_prob',
  recipe.DROPOUT_KEEP_PROB,
  'Probability that a feature survives the dropout before the logits.',
  1e-6,
  1,
)
flags.DEFINE_float(
  'depth_multiplier',
  1.0,
  'Factor on the number of channels of the network.',
  1 / 16,
  16,
)
flags.DEFINE_float(
  'batch_norm_decay',
  recipe.BATCH_NORM_DECAY,
  'Decay of the moving averages of BatchNorm. A training of a few hundred '
  'steps needs a smaller decay than the default.',
  0,
  1,
)
flags.DEFINE_integer(
  'seed',
  0,
  'Seed of all random choices: the first weights, the clips and the dropout.',
)
flags.DEFINE_boolean(
  'flip',
  True,
  'Whether half of the clips are flipped left to right. If the name of a class '
  'has a side, as in "Moving left", a flipped clip belongs to the class of the '
  'other side. If there is no such class, clips of the class are not flipped. '
  'The log names all these classes.',
)
flags.DEFINE_enum(
  'precision',
  'float32',
  training_job.PRECISIONS,
  'Precision of convolutions and activations. bfloat16 is faster on processors '
  'that have instructions for it, and halves the memory of the activations. '
  'Weights, statistics of BatchNorm, loss, sums of gradients and momentum are '
  'float32 in any case, and so is the checkpoint.',
)
flags.DEFINE_float(
  'checkpoint_seconds',
  600,
  'Time between two checkpoints in seconds.',
  lower_bound=0.1,
)
flags.DEFINE_float(
  'stall_seconds',
  300,
  'Time in seconds without a step after which the chief logs which tasks do '
  'not answer.',
  lower_bound=1,
)
flags.DEFINE_float(
  'wait_minutes',
  60,
  'Time in minutes that the evaluator waits for a new checkpoint, in addition '
  'to --checkpoint_seconds. If there is none by then, the evaluator ends with '
  'status 1.',
  lower_bound=0,
)
flags.DEFINE_float(
  'peer_seconds',
  50,
  'Time in seconds that a task of --engine=all_reduce waits at its start for '
  'the other tasks. Then it ends, and has to be started again.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'max_damaged_records',
  100,
  'Number of damaged records that are skipped. One more ends the training.',
  lower_bound=0,
)
flags.DEFINE_list(
  'ps_hosts', [], 'Addresses host:port of all parameter servers.'
)
flags.DEFINE_list(
  'worker_hosts',
  [],
  'Addresses host:port of all workers. The first of them is the chief.',
)
flags.DEFINE_enum(
  'job_name',
  'worker',
  tf_config.JOB_NAMES,
  'Job that this process belongs to. Worker 0 is the chief.',
)
flags.DEFINE_integer(
  'task_index', 0, 'Number of this process among those of its job, from 0.'
)


def main() -> int:
  """Runs the task that this process is; returns the exit status."""
  cli.start_tensorflow()
  # It loads TensorFlow, as the engines do.
  from two_stream.training import gpus  # noqa: PLC0415

  job, task = own_job(), own_task()
  if task.job_name != 'ps':  # A ps computes nothing.
    gpus.prepare()
  engine = importlib.import_module(ENGINES[FLAGS.engine])
  return engine.run(job, task)


def own_job() -> training_job.Job:
  """Reads the job from the flags.

  Raises:
    InputError: --learning_rates is no schedule, or --train_only has a name that
      is no unit's.
  """
  stream = recipe.STREAMS[FLAGS.stream]
  values: dict[str, Any] = {
    field.name: FLAGS[field.name].value
    for field in dataclasses.fields(training_job.Hyperparameters)
  }
  values['learning_rates'] = (
    stream.learning_rates
    if FLAGS.learning_rates is None
    else recipe.parse_learning_rates(FLAGS.learning_rates)
  )
  values['train_only'] = recipe.parse_units(FLAGS.train_only)
  return training_job.Job(
    hyperparameters=training_job.Hyperparameters(**values),
    records_dir=FLAGS.records_dir,
    train_dir=FLAGS.train_dir,
    max_steps=stream.max_steps if FLAGS.max_steps is None else FLAGS.max_steps,
    init_checkpoint=FLAGS.init_checkpoint,
    checkpoint_seconds=FLAGS.checkpoint_seconds,
    stall_seconds=FLAGS.stall_seconds,
    max_damaged_records=FLAGS.max_damaged_records,
    wait_minutes=FLAGS.wait_minutes,
    peer_seconds=FLAGS.peer_seconds,
  )


def own_task() -> cluster_task.ClusterTask:
  """Reads which task this process is from TF_CONFIG, or else from the flags.

  Raises:
    InputError: there can be no such job, or no such task in it.
  """
  text = os.environ.get('TF_CONFIG')
  if text:
    return cluster_task.from_tf_config(text)
  return cluster_task.from_hosts(
    FLAGS.ps_hosts, FLAGS.worker_hosts, FLAGS.job_name, FLAGS.task_index
  )


if __name__ == '__main__':
  cli.run(main)
