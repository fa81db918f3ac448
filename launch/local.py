r"""Runs a whole training job on this machine, with a process for every task.

    python launch/local.py --num_workers=2 --num_ps=1 -- \
      --stream=rgb --records_dir=ssv2_records --train_dir=rgb

Every task runs train.py with the flags that follow `--`. With

    python launch/local.py --engine=all_reduce --num_workers=2 -- ...

there are no parameter servers (ps).

A task that dies is restarted. If the chief or a ps dies, or any worker without
ps, all workers and ps are restarted from the last checkpoint. If the evaluator
dies too often, training goes on without it. Ctrl-C and SIGTERM save a
checkpoint and end the job; the same command continues it.

TensorFlow's servers have no authentication and listen on every interface.
Therefore the job runs in a network of its own: nothing else reaches it, and it
reaches nothing else. Use --noprivate_network if TensorFlow has to read data
over the network, and keep strangers off the machine then.

The exit status is 0 when training is done, whatever happened to the evaluator.
If a task fails too often or by a mistake of the user, it is the status of that
task. If a signal ends the job, it is 128 + the number of the signal.
"""

import functools
import logging
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from two_stream import cli, errors
from two_stream.cluster import local_cluster, private_network, supervisor

FLAGS = flags.FLAGS

TRAIN = pathlib.Path(__file__).resolve().parent.parent / 'train.py'

flags.DEFINE_integer(
  'num_workers',
  None,
  'Number of workers. The first worker is the chief.',
  lower_bound=1,
  required=True,
)
flags.DEFINE_enum(
  'engine',
  'sync_replicas',
  ['sync_replicas', 'all_reduce'],
  "How workers agree on a step, see train.py's flag of this name. With "
  'all_reduce there are no parameter servers and no backup workers.',
)
flags.DEFINE_integer(
  'num_ps',
  None,
  'Number of parameter servers, 1 by default.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'num_backup',
  0,
  'Number of backup workers, which are started beyond --num_workers. With '
  'backups, a step takes the gradients of the --num_workers fastest workers: '
  "train.py's --replicas_to_aggregate is set to --num_workers.",
  lower_bound=0,
)
flags.DEFINE_boolean(
  'evaluator',
  False,
  'Whether an additional task evaluates each new checkpoint on the validation '
  'split.',
)
flags.DEFINE_list(
  'gpus',
  [],
  'Numbers of the GPUs to use, such as 0,1. Each worker, and the evaluator, '
  'takes the next of them. Several tasks may share a GPU, but each worker of '
  '--engine=all_reduce needs one of its own.',
)
flags.DEFINE_boolean(
  'private_network',
  True,
  'Whether the job runs in a network of its own, which nothing else reaches.',
)
flags.DEFINE_integer(
  'max_restarts',
  3,
  'How often a task may be restarted within 12 hours before the job ends. With '
  '--engine=all_reduce, a restart is one of all workers.',
  lower_bound=0,
)


def main(train_flags: Sequence[str]) -> int:
  """Runs the job.

  Args:
    train_flags: the flags of train.py.

  Returns:
    The exit status.
  """
  check_engine(train_flags)
  command = [sys.executable, str(TRAIN), f'--engine={FLAGS.engine}']
  if FLAGS.num_backup:
    command.append(f'--replicas_to_aggregate={FLAGS.num_workers}')
  if FLAGS.private_network:
    enter_private_network()
  with local_cluster.environments(
    FLAGS.num_workers + FLAGS.num_backup,
    num_ps(),
    FLAGS.evaluator,
    FLAGS.gpus,
  ) as environments:
    return supervisor.run(
      [*command, *train_flags], environments, FLAGS.max_restarts
    )


def num_ps() -> int:
  """Returns how many parameter servers the job has."""
  if FLAGS.engine == 'all_reduce':
    return 0
  return 1 if FLAGS.num_ps is None else FLAGS.num_ps


def check_engine(train_flags: Sequence[str]) -> None:
  """Refuses flags that do not fit the engine.

  Args:
    train_flags: the flags of train.py.

  Raises:
    InputError: a flag that does not fit.
  """
  if 'engine' in (flag.lstrip('-').split('=')[0] for flag in train_flags):
    raise errors.InputError(
      '--engine: give it before the --, because the engine decides which tasks '
      'there are'
    )
  if FLAGS.engine != 'all_reduce':
    return
  for name in ('num_ps', 'num_backup'):
    if FLAGS[name].value:
      raise errors.InputError(
        f'--{name}: --engine=all_reduce has workers only; leave this flag out'
      )
  num_gpus = len(set(FLAGS.gpus))
  if FLAGS.gpus and num_gpus < FLAGS.num_workers:
    raise errors.InputError(
      f'--gpus: {num_gpus} GPUs for {FLAGS.num_workers} workers; each worker '
      'of --engine=all_reduce needs one of its own'
    )


def enter_private_network() -> None:
  """Moves this process into a network of its own, or warns if it cannot."""
  try:
    private_network.enter()
  except OSError as error:
    logging.warning(
      'no network of its own for this job (%s): whoever reaches this machine '
      'reaches its servers, which obey anybody',
      error,
    )


def cut_train_flags(arguments: list[str]) -> list[str]:
  """Removes the first `--` and what follows from a command line.

  Returns:
    The arguments that followed.
  """
  end = arguments.index('--') if '--' in arguments else len(arguments)
  train_flags = arguments[end + 1 :]
  del arguments[end:]
  return train_flags


if __name__ == '__main__':
  cli.run(functools.partial(main, cut_train_flags(sys.argv)))
