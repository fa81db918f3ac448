r"""Compares a training step with what the machine and its network can do.

    python -m benchmarks.training

prints ratios of times that are measured in turns in this run. The step's speed
is compared with that of a matrix product, and clips read with clips consumed. A
step in one process is compared with the same step by --engine=all_reduce, with
one whose variables are on a ps, with one in another precision, and with one
that trains the logits alone.
"""

import contextlib
import dataclasses
import multiprocessing
import pathlib
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tqdm
from absl import flags
from tensorflow.compat import v1

from benchmarks import input_pipeline, network
from two_stream import cli, recipe
from two_stream.cluster import cluster_task
from two_stream.records import clips, record_index, tfrecords
from two_stream.training import (
  all_reduce_replicas,
  all_reduce_strategy,
  ps_placement,
  ps_servers,
  training_graph,
  training_job,
)
from two_stream.video import pixels

FLAGS = flags.FLAGS

flags.DEFINE_enum(
  'stream', 'rgb', list(recipe.STREAMS), 'Stream that is trained.'
)
flags.DEFINE_integer(
  'batch_size', 2, 'Number of clips for each gradient.', lower_bound=1
)
flags.DEFINE_integer(
  'num_frames', 16, 'Number of frames of a clip.', lower_bound=9
)
flags.DEFINE_integer('num_classes', 174, 'Number of classes.', lower_bound=1)
flags.DEFINE_float(
  'depth_multiplier', 1.0, 'Factor on the number of channels.', 1 / 16
)
flags.DEFINE_enum(
  'precision',
  'bfloat16',
  training_job.PRECISIONS,
  'Precision of a step that is compared with one in float32. The value float32 '
  'leaves this comparison out, which takes long on processors without '
  'instructions for bfloat16.',
)

_CLIPS = 16  # Number of clips that are read in a turn.


def main() -> None:
  """Prints the ratios."""
  v1.logging.set_verbosity(v1.logging.ERROR)
  with contextlib.ExitStack() as stack:
    alone = Step(stack, cluster_task.ClusterTask())
    apart = Step(stack, *stack.enter_context(parameter_server()))
    logits = Step(
      stack, cluster_task.ClusterTask(), train_only=(recipe.LOGITS,)
    )
    timed = {
      'matrix product': network.matrix_product('float32'),
      'forward': alone.forward,
      'step': alone.step,
      'step with a ps': apart.step,
      'all-reduce step': all_reduce_step(),
      'step of the logits': logits.step,
      'read clips': clip_reader(stack),
    }
    precision = FLAGS.precision
    if precision != 'float32':
      timed[f'{precision} product'] = network.matrix_product(precision)
      timed[f'{precision} step'] = Step(
        stack, cluster_task.ClusterTask(), precision=precision
      ).step
    seconds = take_turns(timed)
  step = seconds['step']
  operations = network.forward_operations(
    clips_shape(), FLAGS.num_classes, FLAGS.depth_multiplier
  )
  rate = 2 * network.MATRIX_SIZE**3 / seconds['matrix product']
  print(
    f'forward      {operations / 1e9:.1f} GFLOP, {seconds["forward"]:.2f} s'
  )
  print(f'step         {step:.2f} s, {step / seconds["forward"]:.2f} forwards')
  print(
    f'arithmetic   {network.PASSES * operations / step / rate:.2f} of a matrix '
    f"product's {rate / 1e9:.0f} GFLOP/s"
  )
  clip_seconds = seconds['read clips'] / _CLIPS
  print(
    f'input        {step / FLAGS.batch_size / clip_seconds:.1f} times faster '
    'than a step consumes'
  )
  print(f'ps           {seconds["step with a ps"] / step:.2f} times the step')
  print(f'all-reduce   {seconds["all-reduce step"] / step:.2f} times the step')
  of_logits = seconds['step of the logits']
  print(
    f'logits only  {of_logits:.2f} s, {of_logits / step:.2f} times the step'
  )
  if precision != 'float32':
    in_precision = seconds[f'{precision} step']
    of_product = seconds[f'{precision} product'] / seconds['matrix product']
    print(
      f'{precision:12} {in_precision:.2f} s, {in_precision / step:.2f} times '
      f'the step; a matrix product takes {of_product:.2f} times as long'
    )


class Step:
  """A training step of a single replica on random clips."""

  def __init__(
    self,
    stack: contextlib.ExitStack,
    task: cluster_task.ClusterTask,
    target: str = '',
    train_only: tuple[str, ...] = (),
    precision: str = 'float32',
  ) -> None:
    """Builds the graph and opens a session, which the stack closes."""
    self._replica = training_graph.build(
      hyperparameters(train_only=train_only, precision=precision),
      FLAGS.num_classes,
      random_clips,
      task,
    )
    graph = self._replica.graph
    hook = self._replica.optimizer.make_session_run_hook(True, 0)
    with graph.as_default(), v1.device(ps_placement.device_setter(task)):
      self._session = v1.train.MonitoredTrainingSession(
        target,
        hooks=[hook],
        config=ps_servers.session_config(task),
        save_summaries_steps=None,
        save_summaries_secs=None,
        log_step_count_steps=None,
        stop_grace_period_secs=1,
      )
      stack.callback(self._session.close)
      self._session.run_step_fn(
        lambda step_context: step_context.session.run(
          self._replica.start_reading, {self._replica.first_batch: 0}
        )
      )

  def step(self) -> None:
    """Computes a gradient and updates the variables."""
    self._session.run(self._replica.train)

  def forward(self) -> None:
    """Computes the loss without gradients."""
    self._session.run(self._replica.measures['loss'])


def all_reduce_step() -> Callable[[], None]:
  """Returns a function that does the step of a replica without ps."""
  task = cluster_task.ClusterTask()
  replicas = all_reduce_replicas.Replicas(
    all_reduce_strategy.make(task, 0), hyperparameters(), FLAGS.num_classes
  )
  (batch,) = random_clips(tf.constant(0, tf.int64)).take(1)
  batch = {**batch, 'counts': tf.constant(1.0)}

  def step() -> None:
    sums = replicas.contribute(
      replicas.no_sums(), replicas.of_each(lambda _: batch)
    )
    totals, _ = replicas.reduce(sums, False)
    replicas.apply(totals, 1e-6)

  return step


def hyperparameters(**changes: Any) -> training_job.Hyperparameters:
  """Makes those of a step of one gradient."""
  return training_job.Hyperparameters(
    stream=FLAGS.stream,
    learning_rates=((0, 1e-6),),  # Nothing is to be learned from noise.
    replicas_to_aggregate=1,
    batch_size=FLAGS.batch_size,
    num_frames=FLAGS.num_frames,
    depth_multiplier=FLAGS.depth_multiplier,
    **changes,
  )


def clips_shape() -> tuple[int, ...]:
  """Returns the shape of a replica's batch, [B, T, H, W, C]."""
  return (
    FLAGS.batch_size,
    FLAGS.num_frames,
    pixels.CROP_SIZE,
    pixels.CROP_SIZE,
    recipe.STREAMS[FLAGS.stream].channels,
  )


def random_clips(first_batch: tf.Tensor) -> tf.data.Dataset:
  """Returns a dataset like `clips.training_clips` that takes no time."""
  noise = np.random.default_rng(0).integers(0, 256, clips_shape(), np.uint8)
  zeros = np.zeros(FLAGS.batch_size, np.int64)
  batch = {
    'clip': noise,
    'label': zeros.astype(np.int32),
    'number': zeros + first_batch,
    'record': zeros,
    'attempts': zeros,
  }
  return tf.data.Dataset.from_tensors(batch).cache().repeat()


@contextlib.contextmanager
def parameter_server() -> Iterator[tuple[cluster_task.ClusterTask, str]]:
  """Yields (task, target) of a worker whose ps is another process."""
  with socket.socket() as first, socket.socket() as second:
    for holder in (first, second):
      holder.bind(('127.0.0.1', 0))
    ps, worker = (
      f'127.0.0.1:{holder.getsockname()[1]}' for holder in (first, second)
    )
  task = cluster_task.ClusterTask(ps_hosts=(ps,), worker_hosts=(worker,))
  process = multiprocessing.get_context('spawn').Process(
    target=serve, args=(dataclasses.replace(task, job_name='ps'),), daemon=True
  )
  process.start()
  try:
    yield task, ps_servers.start(task).target
  finally:
    process.terminate()
    process.join()


def serve(task: cluster_task.ClusterTask) -> None:
  """Runs the server of the ps, in a process of its own."""
  ps_servers.serve_until_done(task, ps_servers.start(task))


def clip_reader(stack: contextlib.ExitStack) -> Callable[[], None]:
  """Returns a function that reads the next clips from records.

  Args:
    stack: an exit stack, which removes the records at its end.
  """
  folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
  path = folder / 'shard'
  tfrecords.write_shard(
    path, [input_pipeline.random_record(i, 12) for i in range(8)]
  )
  reading = clips.Reading(
    records=record_index.build([path]),
    stream=FLAGS.stream,
    num_frames=FLAGS.num_frames,
    flipped_labels=[0],
    seed=0,
  )
  batches = iter(
    clips.training_clips(reading, 1, clips.Turn(), tf.constant(0, tf.int64))
  )

  def read() -> None:
    for _ in range(_CLIPS):
      next(batches)

  # The clips that are read ahead during the other turns must not be counted.
  read()
  return read


def take_turns(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
  """Returns the median seconds of each function, without the first turn."""
  seconds: dict[str, list[float]] = {name: [] for name in functions}
  for _ in tqdm.trange(network.ROUNDS.value + 1, desc='rounds'):
    for name, function in functions.items():
      start = time.perf_counter()
      function()
      seconds[name].append(time.perf_counter() - start)
  return {name: float(np.median(each[1:])) for name, each in seconds.items()}


if __name__ == '__main__':
  cli.run(main)
