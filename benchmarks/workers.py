r"""Measures what it costs that workers add up their gradients.

    python -m benchmarks.workers

runs two workers of --engine=all_reduce on this machine, which add up over
loopback, and beside them two processes that do the same steps each by itself.
They take turns, and each process has half of the cores. The program prints the
ratio of the times.

    python -m benchmarks.workers --workers=1,2,4 --depth_multiplier=0.0625 \
      --batch_size=1 --num_frames=9

has a step so small that the cost of the engine itself shows.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from absl import flags

from benchmarks import training
from two_stream import cli
from two_stream.cluster import cluster_task

FLAGS = flags.FLAGS

flags.DEFINE_list('workers', ['2'], 'Numbers of workers to measure.')


def main() -> None:
  """Prints the ratios."""
  numbers = [int(number) for number in FLAGS.workers]
  with contextlib.ExitStack() as stack:
    seconds = training.take_turns(
      {
        f'{number} {kind}': stack.enter_context(group(number, is_job)).step
        for number in numbers
        for kind, is_job in (('apart', False), ('together', True))
      }
    )
  for number in numbers:
    apart = seconds[f'{number} apart']
    together = seconds[f'{number} together']
    print(
      f'{number} workers  {together:.3f} s a step, {together / apart:.3f} '
      'times that of as many processes by themselves'
    )


class Group:
  """The processes of a job, which wait until they are to do a step."""

  def __init__(
    self, connections: Sequence[multiprocessing.connection.Connection]
  ) -> None:
    self._connections = connections

  def step(self) -> None:
    """Does a step in all processes together."""
    for connection in self._connections:
      connection.send('step')
    for connection in self._connections:
      connection.recv()


@contextlib.contextmanager
def group(num_workers: int, is_job: bool) -> Iterator[Group]:
  """Starts processes and ends them with the block.

  Args:
    num_workers: the number of processes. Each has an equal part of the cores,
      or shares one with others if there are more processes than cores.
    is_job: whether they are the workers of one job, and not each by itself.
  """
  with contextlib.ExitStack() as stack:
    holders = [stack.enter_context(socket.socket()) for _ in range(num_workers)]
    for holder in holders:
      holder.bind(('127.0.0.1', 0))
    hosts = [f'127.0.0.1:{holder.getsockname()[1]}' for holder in holders]
  cores = sorted(os.sched_getaffinity(0))
  parts = min(num_workers, len(cores))
  context = multiprocessing.get_context('spawn')
  processes, connections = [], []
  for index in range(num_workers):
    ours, theirs = context.Pipe()
    task = cluster_task.ClusterTask(worker_hosts=tuple(hosts), task_index=index)
    process = context.Process(
      target=work,
      args=(
        theirs,
        task if is_job else cluster_task.ClusterTask(),
        cores[index % parts :: parts],
        _shape(),
      ),
      daemon=True,
    )
    process.start()
    processes.append(process)
    connections.append(ours)
  try:
    made = Group(connections)
    made.step()  # This one compiles.
    yield made
  finally:
    for process in processes:
      process.kill()
      process.join()


def _shape() -> dict[str, Any]:
  """What a worker has to know of the flags."""
  names = ('batch_size', 'num_frames', 'num_classes', 'depth_multiplier')
  return {name: FLAGS[name].value for name in names}


def work(
  connection: multiprocessing.connection.Connection,
  task: cluster_task.ClusterTask,
  cores: Sequence[int],
  shape: dict[str, Any],
) -> None:
  """Does steps whenever it is told to, as a process of its own."""
  os.sched_setaffinity(0, cores)
  os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
  import numpy as np  # noqa: PLC0415
  import tensorflow as tf  # noqa: PLC0415

  from two_stream.training import (  # noqa: PLC0415
    all_reduce_replicas,
    all_reduce_strategy,
    training_job,
  )

  tf.config.threading.set_intra_op_parallelism_threads(len(cores))
  strategy = all_reduce_strategy.make(task, 60)
  num_classes, num_frames = int(shape['num_classes']), int(shape['num_frames'])
  hyperparameters = training_job.Hyperparameters(
    stream='rgb',
    learning_rates=((0, 1e-6),),  # Nothing is to be learned from noise.
    replicas_to_aggregate=task.num_workers,
    batch_size=int(shape['batch_size']),
    num_frames=num_frames,
    depth_multiplier=shape['depth_multiplier'],
  )
  replicas = all_reduce_replicas.Replicas(
    strategy, hyperparameters, num_classes
  )
  size = hyperparameters.batch_size
  noise = np.random.default_rng(0).integers(
    0, 256, (size, num_frames, 224, 224, 3), np.uint8
  )
  batch = {
    'clip': tf.constant(noise),
    'label': tf.zeros([size], tf.int32),
    'number': tf.zeros([size], tf.int64),
    'counts': tf.constant(1.0),
  }
  while connection.recv():
    sums = replicas.contribute(
      replicas.no_sums(), replicas.of_each(lambda _: batch)
    )
    totals, _ = replicas.reduce(sums, False)
    replicas.apply(totals, 1e-6)
    connection.send('done')


if __name__ == '__main__':
  cli.run(main)
