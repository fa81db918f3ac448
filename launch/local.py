r"""A whole training job on this machine: a process for every task.

    python launch/local.py --num_workers=2 --num_ps=1 -- \
      --stream=rgb --records_dir=ssv2_records --train_dir=rgb

What follows `--` goes to train.py, in every task. A task that dies is
restarted; the chief or a ps with all workers and ps, from the last checkpoint.
An evaluator that cannot be kept alive is left out; training goes on.
Ctrl-C and SIGTERM save a checkpoint and end the job; the same command continues
it.

TensorFlow's servers have no authentication and listen on every interface. The
job therefore runs in a network of its own, which nothing else reaches and which
reaches nothing else; --noprivate_network runs it in the machine's, for data
that TensorFlow reads over the network. Keep strangers off the machine then.

Exit status: 0 when training is done, whatever became of the evaluator; that of
the task that failed too often or by the user's mistake; 128 + the number of the
signal that ended the job.
"""

import functools
import logging
import pathlib
import sys

from absl import flags

from two_stream import cli
from two_stream.cluster import local_cluster, private_network, supervisor

FLAGS = flags.FLAGS

TRAIN = pathlib.Path(__file__).resolve().parent.parent / 'train.py'

flags.DEFINE_integer(
  'num_workers',
  None,
  'Workers, of which the first is the chief.',
  lower_bound=1,
  required=True,
)
flags.DEFINE_integer('num_ps', 1, 'Parameter servers.', lower_bound=1)
flags.DEFINE_integer(
  'num_backup',
  0,
  'Workers beyond --num_workers. A step takes the --num_workers fastest '
  'gradients then, as if by --replicas_to_aggregate.',
  lower_bound=0,
)
flags.DEFINE_boolean(
  'evaluator', False, 'Whether a task evaluates the checkpoints.'
)
flags.DEFINE_list(
  'gpus',
  [],
  'Numbers of the GPUs that workers and evaluator use, one each, in turns.',
)
flags.DEFINE_boolean(
  'private_network', True, 'Whether to keep the servers from all other traffic.'
)
flags.DEFINE_integer(
  'max_restarts',
  3,
  'How often a task may be restarted within 12 hours.',
  lower_bound=0,
)


def main(train_flags):
  """Runs the job; returns its exit status."""
  command = [sys.executable, str(TRAIN)]
  if FLAGS.num_backup:
    command.append(f'--replicas_to_aggregate={FLAGS.num_workers}')
  if FLAGS.private_network:
    enter_private_network()
  with local_cluster.environments(
    FLAGS.num_workers + FLAGS.num_backup,
    FLAGS.num_ps,
    FLAGS.evaluator,
    FLAGS.gpus,
  ) as environments:
    return supervisor.run(
      [*command, *train_flags], environments, FLAGS.max_restarts
    )


def enter_private_network():
  """Enters one, or warns that this system has none."""
  try:
    private_network.enter()
  except OSError as error:
    logging.warning(
      'no network of its own for this job (%s): whoever reaches this machine '
      'reaches its servers, which obey anybody',
      error,
    )


def cut_train_flags(arguments):
  """Takes what follows the first `--` off a command line and returns it."""
  end = arguments.index('--') if '--' in arguments else len(arguments)
  train_flags = arguments[end + 1 :]
  del arguments[end:]
  return train_flags


if __name__ == '__main__':
  cli.run(functools.partial(main, cut_train_flags(sys.argv)))
