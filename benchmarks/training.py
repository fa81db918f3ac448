r"""A training step against what the machine and its network can do.

    python -m benchmarks.training

prints ratios, each of figures taken in turns in this one run: the step's rate
of arithmetic against a matrix product's, clips read against clips consumed, a
step with its variables on a ps against one in the worker.
"""

import contextlib
import multiprocessing
import pathlib
import socket
import tempfile
import time

import numpy as np
import tensorflow as tf
import tqdm
from absl import flags

from benchmarks import network
from two_stream import cli, recipe
from two_stream.cluster import cluster_task
from two_stream.records import clips, record_index, schema, tfrecords
from two_stream.training import training_graph
from two_stream.video import pixels

v1 = tf.compat.v1
FLAGS = flags.FLAGS

flags.DEFINE_enum('stream', 'rgb', list(recipe.STREAMS), 'What to train.')
flags.DEFINE_integer('batch_size', 2, 'Clips of a gradient.', lower_bound=1)
flags.DEFINE_integer('num_frames', 16, 'Frames of a clip.', lower_bound=9)
flags.DEFINE_integer('num_classes', 174, 'Classes.', lower_bound=1)
flags.DEFINE_float('depth_multiplier', 1.0, 'Of the network.', 1 / 16)

_CLIPS = 16  # read in a turn


def main():
  """Prints the ratios."""
  v1.logging.set_verbosity(v1.logging.ERROR)
  with contextlib.ExitStack() as stack:
    alone = Step(stack, cluster_task.Cluster())
    apart = Step(stack, *stack.enter_context(parameter_server()))
    timed = {
      'matrix product': network.matrix_product('float32'),
      'forward': alone.forward,
      'step': alone.step,
      'step with a ps': apart.step,
      'read clips': clip_reader(stack),
    }
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


class Step:
  """A replica that is its own cluster, on random clips."""

  def __init__(self, stack, place, target=''):
    """Builds the graph and opens a session, which the stack closes."""
    self._replica = training_graph.build(
      training_graph.Hyperparameters(
        FLAGS.stream,
        ((0, 1e-6),),  # Nothing is to be learned from noise.
        replicas_to_aggregate=1,
        batch_size=FLAGS.batch_size,
        num_frames=FLAGS.num_frames,
        depth_multiplier=FLAGS.depth_multiplier,
      ),
      FLAGS.num_classes,
      random_clips,
      place,
    )
    graph = self._replica.graph
    hook = self._replica.optimizer.make_session_run_hook(True, 0)
    with graph.as_default(), v1.device(cluster_task.variable_placement(place)):
      self._session = v1.train.MonitoredTrainingSession(
        target,
        hooks=[hook],
        config=place.session_config(),
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

  def step(self):
    """One gradient and its update."""
    self._session.run(self._replica.train)

  def forward(self):
    """The loss, without gradients."""
    self._session.run(self._replica.measures['loss'])


def clips_shape():
  """[B, T, H, W, C] of a replica's batch."""
  return (
    FLAGS.batch_size,
    FLAGS.num_frames,
    pixels.CROP_SIZE,
    pixels.CROP_SIZE,
    recipe.STREAMS[FLAGS.stream].channels,
  )


def random_clips(first_batch):
  """A dataset in place of `clips.training_clips` that costs no time."""
  pixels = np.random.default_rng(0).integers(0, 256, clips_shape(), np.uint8)
  zeros = np.zeros(FLAGS.batch_size, np.int64)
  batch = {
    'clip': pixels,
    'label': zeros.astype(np.int32),
    'number': zeros + first_batch,
    'record': zeros,
    'attempts': zeros,
  }
  return tf.data.Dataset.from_tensors(batch).cache().repeat()


@contextlib.contextmanager
def parameter_server():
  """Yields (place, target) of a worker whose ps is another process."""
  with socket.socket() as first, socket.socket() as second:
    for each in (first, second):
      each.bind(('127.0.0.1', 0))
    ps, worker = (
      f'127.0.0.1:{each.getsockname()[1]}' for each in (first, second)
    )
  place = cluster_task.Cluster((ps,), (worker,))
  process = multiprocessing.get_context('spawn').Process(
    target=serve, args=(place._replace(job_name='ps'),), daemon=True
  )
  process.start()
  try:
    yield place, cluster_task.start_server(place).target
  finally:
    process.terminate()
    process.join()


def serve(place):
  """The ps's process."""
  cluster_task.serve_until_done(place, cluster_task.start_server(place))


def clip_reader(stack):
  """A function that reads the next clip, from records as Kinetics' are."""
  folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
  path = folder / 'shard'
  tfrecords.write_shard(path, [random_record(i) for i in range(8)])
  reading = clips.Reading(
    record_index.build([path]), FLAGS.stream, FLAGS.num_frames, [0], 0
  )
  batches = iter(
    clips.training_clips(reading, 1, clips.Turn(), tf.constant(0, tf.int64))
  )

  def read():
    for _ in range(_CLIPS):
      next(batches)

  # What was read ahead while nobody waited would look as if it were free.
  read()
  return read


def random_record(seed):
  """3.8 s of 12 distinct frames a second, 256 x 340, shown 25 times a second.

  As Something-Something's average video. Noise as coarse as 4 pixels makes
  images of about the size of real ones.
  """
  rng = np.random.default_rng(seed)
  frame_index = np.arange(95) * 12 // 25
  count = frame_index[-1] + 1
  coarse = rng.integers(0, 256, (count, 64, 85, 3), np.uint8)
  flows = rng.normal(0, 2, (count - 1, 64, 85, 2)).astype(np.float32)
  return tfrecords.serialize(
    schema.encode(
      coarse.repeat(4, 1).repeat(4, 2),
      flows.repeat(4, 1).repeat(4, 2),
      timestamps=np.arange(count) * 83_333,
      frame_index=frame_index,
      context={
        schema.ID: [b'0'],
        schema.DATA_PATH: [b'0.webm'],
        schema.LABEL_INDEX: [0],
      },
    )
  )


def take_turns(functions):
  """Median seconds of each function; the first turn warms up."""
  seconds = {name: [] for name in functions}
  for _ in tqdm.trange(network.ROUNDS.value + 1, desc='rounds'):
    for name, function in functions.items():
      start = time.perf_counter()
      function()
      seconds[name].append(time.perf_counter() - start)
  return {name: float(np.median(each[1:])) for name, each in seconds.items()}


if __name__ == '__main__':
  cli.run(main)
