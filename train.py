r"""One task of a synchronous training job; alone, the whole job.

    python train.py --stream=rgb --records_dir=ssv2_records --train_dir=rgb

trains one stream by the published recipe: 64 gradients of 6 clips make a step,
however many workers compute them. Run the same command again to continue from
the newest checkpoint; with other data or hyperparameters it is refused, see
--train_dir/job.json. The network ends up in --train_dir/export, which is a data
directory for evaluate_sample.py and evaluate_split.py.

A job of several processes is described by the environment variable TF_CONFIG
(jobs chief, worker, ps and evaluator), or by --ps_hosts, --worker_hosts,
--job_name and --task_index. Every task is given the same other flags, and chief
and ps see the same --train_dir. The evaluator needs no hosts.

TensorFlow's servers have no authentication and listen on every interface: run
them in a network of their own.

Exit status: 0 at the end; 1, with one line, when running again would not help;
128 + the number of the signal after SIGTERM or Ctrl-C, with a checkpoint saved.
"""

import os

from absl import flags

from two_stream import cli, recipe
from two_stream.cluster import cluster_task, tf_config

FLAGS = flags.FLAGS

flags.DEFINE_enum('stream', None, list(recipe.STREAMS), 'What to train.')
cli.define_path('records_dir', None, 'Folder that preprocessing made.')
cli.define_path('train_dir', None, 'Folder of checkpoints and summaries.')
cli.define_path(
  'init_checkpoint',
  None,
  "An I3D checkpoint, or TF-slim's 2-D Inception-v1, to start from.",
)
flags.DEFINE_integer(
  'max_steps',
  None,
  "Steps; by default the stream's 115,000 or 155,000.",
  lower_bound=1,
)
flags.DEFINE_string(
  'learning_rates',
  None,
  "Rows first_step:rate, as 0:0.1,97000:0.01; by default the stream's.",
)
flags.DEFINE_integer(
  'replicas_to_aggregate',
  recipe.REPLICAS_TO_AGGREGATE,
  'Gradients of a step. Workers beyond that number are backups, of which the '
  f'recipe has {recipe.BACKUP_REPLICAS}; fewer compute several gradients each.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'batch_size', recipe.BATCH_SIZE, 'Clips of a gradient.', lower_bound=1
)
flags.DEFINE_integer(
  'num_frames',
  recipe.TRAIN_FRAMES,
  'Frames of a clip.',
  lower_bound=recipe.MIN_FRAMES,
)
flags.DEFINE_float('momentum', recipe.MOMENTUM, 'Of the optimizer.', 0, 1)
flags.DEFINE_float(
  'weight_decay',
  recipe.WEIGHT_DECAY,
  'Factor of half the sum of the squared weights of the convolutions.',
  lower_bound=0,
)
flags.DEFINE_float(
  'dropout_keep_prob',
  recipe.DROPOUT_KEEP_PROB,
  'Chance that a feature survives the dropout before the logits.',
  1e-6,
  1,
)
flags.DEFINE_float(
  'depth_multiplier', 1.0, 'Scales the channels of the network.', 1 / 16
)
flags.DEFINE_float(
  'batch_norm_decay',
  recipe.BATCH_NORM_DECAY,
  'Of the moving averages; a run of a few hundred steps needs a smaller one.',
  0,
  1,
)
flags.DEFINE_integer('seed', 0, 'Of first weights, clips and dropout.')
flags.DEFINE_boolean(
  'flip',
  True,
  'Flip half of the clips left to right. Where the name of a class has a side, '
  'its clips become those of the class of the other side; where there is none, '
  'they are not flipped. The log names these classes.',
)
flags.DEFINE_float(
  'checkpoint_seconds', 600, 'Time between checkpoints.', lower_bound=0.1
)
flags.DEFINE_float(
  'stall_seconds',
  300,
  'After how long without a step the chief says which tasks do not answer.',
  lower_bound=1,
)
flags.DEFINE_float(
  'wait_minutes',
  60,
  'How long, beyond --checkpoint_seconds, the evaluator waits for a new '
  'checkpoint before it ends with status 1.',
  lower_bound=0,
)
flags.DEFINE_integer(
  'max_damaged_records', 100, 'More of them end the run.', lower_bound=0
)
flags.DEFINE_list('ps_hosts', [], 'host:port of every ps.')
flags.DEFINE_list('worker_hosts', [], 'host:port of every worker, chief first.')
flags.DEFINE_enum(
  'job_name',
  'worker',
  tf_config.JOB_NAMES,
  'This task; worker 0 is the chief.',
)
flags.DEFINE_integer('task_index', 0, 'Number of this task within its job.')
flags.mark_flags_as_required(['stream', 'records_dir', 'train_dir'])


def main():
  """Runs the task; returns its exit status."""
  cli.start_tensorflow()
  from two_stream.training import sync_replicas, training_graph  # noqa: PLC0415

  stream = recipe.STREAMS[FLAGS.stream]
  rates = stream.learning_rates
  if FLAGS.learning_rates is not None:
    rates = recipe.parse_learning_rates(FLAGS.learning_rates)
  own_names = set(training_graph.Hyperparameters._fields) - {'learning_rates'}
  job = sync_replicas.Job(
    training_graph.Hyperparameters(
      learning_rates=rates, **{name: FLAGS[name].value for name in own_names}
    ),
    records_dir=FLAGS.records_dir,
    train_dir=FLAGS.train_dir,
    max_steps=stream.max_steps if FLAGS.max_steps is None else FLAGS.max_steps,
    init_checkpoint=FLAGS.init_checkpoint,
    checkpoint_seconds=FLAGS.checkpoint_seconds,
    stall_seconds=FLAGS.stall_seconds,
    max_damaged_records=FLAGS.max_damaged_records,
    wait_minutes=FLAGS.wait_minutes,
  )
  return sync_replicas.run(job, own_task())


def own_task() -> cluster_task.ClusterTask:
  """Reads which task this process is from TF_CONFIG, or else from flags."""
  text = os.environ.get('TF_CONFIG')
  if text:
    return cluster_task.from_tf_config(text)
  return cluster_task.from_hosts(
    FLAGS.ps_hosts, FLAGS.worker_hosts, FLAGS.job_name, FLAGS.task_index
  )


if __name__ == '__main__':
  cli.run(main)
