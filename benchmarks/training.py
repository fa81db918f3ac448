r"""A training step against what the machine and its network can do.

    python benchmarks/training.py

prints ratios, each of figures taken in turns in this one run: the step's rate
of arithmetic against a matrix multiplication's, clips read against clips
consumed, a step with its variables on a ps against one in the worker. Last
comes what is computed and not measured: the traffic of 64 + 4 replicas.
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

from two_stream import (
  cli,
  clips,
  cluster,
  recipe,
  record_index,
  records,
  training_graph,
)

v1 = tf.compat.v1
FLAGS = flags.FLAGS

flags.DEFINE_enum('stream', 'rgb', list(recipe.STREAMS), 'What to train.')
flags.DEFINE_integer('batch_size', 2, 'Clips of a gradient.', lower_bound=1)
flags.DEFINE_integer('num_frames', 16, 'Frames of a clip.', lower_bound=9)
flags.DEFINE_integer('num_classes', 174, 'Classes.', lower_bound=1)
flags.DEFINE_float('depth_multiplier', 1.0, 'Of the network.', 1 / 16)
flags.DEFINE_integer('rounds', 3, 'Turns of each measurement.', lower_bound=1)
flags.DEFINE_float(
  'gpu_teraflops', 10, 'What a GPU is taken to reach in training.', 0
)

_BYTES = 4  # float32
_MATRIX = 2048
# A backward pass costs two forward ones: inputs' and weights' gradients.
_PASSES = 3
_GIGABITS = (10, 25, 100)
_SHARE = 0.1  # of a step, for communication
_CLIPS = 16  # read in a turn
_LEFT, _RIGHT = (
  np.random.default_rng(0).normal(size=(2, _MATRIX, _MATRIX)).astype(np.float32)
)


def main():
  """Prints the ratios."""
  v1.logging.set_verbosity(v1.logging.ERROR)
  alone = Step(cluster.Cluster())
  with contextlib.ExitStack() as stack:
    apart = Step(*stack.enter_context(parameter_server()))
    timed = {
      'matrix multiplication': multiply,
      'forward': alone.forward,
      'step': alone.step,
      'step with a ps': apart.step,
      'read clips': clip_reader(stack),
    }
    seconds = take_turns(timed)
  step = seconds['step']
  rate = 2 * _MATRIX**3 / seconds['matrix multiplication']
  print(
    f'forward      {alone.flops / 1e9:.1f} GFLOP, {seconds["forward"]:.2f} s'
  )
  print(f'step         {step:.2f} s, {step / seconds["forward"]:.2f} forwards')
  print(
    f'arithmetic   {_PASSES * alone.flops / step / rate:.2f} of a matrix '
    f"multiplication's {rate / 1e9:.0f} GFLOP/s"
  )
  clip_seconds = seconds['read clips'] / _CLIPS
  print(
    f'input        {step / FLAGS.batch_size / clip_seconds:.1f} times faster '
    'than a step consumes'
  )
  print(f'ps           {seconds["step with a ps"] / step:.2f} times the step')
  print_traffic(alone.sizes, alone.flops / FLAGS.batch_size / FLAGS.num_frames)


class Step:
  """A replica that is its own cluster, on random clips.

  Attributes:
    flops: of a forward pass.
    sizes: bytes of the network's variables, in the order they are made.
  """

  def __init__(self, place, target=''):
    """Builds the graph and opens a session."""
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
    self.flops = sum(
      2 * np.prod(op.inputs[1].shape[:4]) * np.prod(op.outputs[0].shape)
      for op in graph.get_operations()
      if op.type == 'Conv3D'
    )
    self.sizes = [
      variable.shape.num_elements() * _BYTES
      for variable in graph.get_collection(v1.GraphKeys.GLOBAL_VARIABLES)
      if '/inception_i3d/' in variable.name and 'Momentum' not in variable.name
    ]
    hook = self._replica.optimizer.make_session_run_hook(True, 0)
    with graph.as_default(), v1.device(cluster.variable_placement(place)):
      self._session = v1.train.MonitoredTrainingSession(
        target,
        hooks=[hook],
        config=place.session_config(),
        save_summaries_steps=None,
        save_summaries_secs=None,
        log_step_count_steps=None,
        stop_grace_period_secs=1,
      )
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


def random_clips(first_batch):
  """A dataset in place of `clips.training_clips` that costs no time."""
  shape = [
    FLAGS.batch_size,
    FLAGS.num_frames,
    clips.video.CROP_SIZE,
    clips.video.CROP_SIZE,
    recipe.STREAMS[FLAGS.stream].channels,
  ]
  pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
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
  place = cluster.Cluster((ps,), (worker,))
  process = multiprocessing.get_context('spawn').Process(
    target=serve, args=(place._replace(job_name='ps'),), daemon=True
  )
  process.start()
  try:
    yield place, cluster.start_server(place).target
  finally:
    process.terminate()
    process.join()


def serve(place):
  """The ps's process."""
  cluster.serve_until_done(place, cluster.start_server(place))


def clip_reader(stack):
  """A function that reads the next clip, from records as Kinetics' are."""
  folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
  path = folder / 'shard'
  records.write_shard(path, [random_record(i) for i in range(8)])
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
  return records.serialize(
    records.encode(
      coarse.repeat(4, 1).repeat(4, 2),
      flows.repeat(4, 1).repeat(4, 2),
      timestamps=np.arange(count) * 83_333,
      frame_index=frame_index,
      context={
        records.ID: [b'0'],
        records.DATA_PATH: [b'0.webm'],
        records.LABEL_INDEX: [0],
      },
    )
  )


def multiply():
  """A matrix multiplication of 2048 x 2048."""
  tf.linalg.matmul(_LEFT, _RIGHT).numpy()


def take_turns(functions):
  """Median seconds of each function; the first turn warms up."""
  seconds = {name: [] for name in functions}
  for _ in tqdm.trange(FLAGS.rounds + 1, desc='rounds'):
    for name, function in functions.items():
      start = time.perf_counter()
      function()
      seconds[name].append(time.perf_counter() - start)
  return {name: float(np.median(each[1:])) for name, each in seconds.items()}


def loads(sizes, num_ps):
  """Bytes of variables on each ps, as training distributes them."""
  by_size = cluster.BySize(num_ps)
  for size in sizes:
    by_size.place(size)
  return by_size.loads


def traffic(sizes, num_ps, replicas):
  """Bytes of a step through the busiest ps, both directions together.

  Every replica fetches each variable once, and sends a gradient, or a change of
  a moving average, of the same size.
  """
  return 2 * replicas * max(loads(sizes, num_ps))


def ps_needed(sizes, replicas, bytes_per_second, seconds):
  """How many ps bring a step's communication below `seconds`.

  Args:
    sizes: bytes of the variables, in the order they are made.
    replicas: number of them, backups included.
    bytes_per_second: of one ps. Fetching and sending take turns in a step.
    seconds: the limit.

  Returns:
    The smallest number; None if even a ps for every variable is not enough,
    because the largest variable alone takes too long.
  """
  for num_ps in range(1, len(sizes) + 1):
    if traffic(sizes, num_ps, replicas) <= seconds * bytes_per_second:
      return num_ps
  return None


def gpu_step_seconds(flops_per_clip, batch_size):
  """Seconds of a GPU's gradient, at the rate of --gpu_teraflops."""
  return _PASSES * flops_per_clip * batch_size / (FLAGS.gpu_teraflops * 1e12)


def print_traffic(sizes, flops_per_frame):
  """The traffic of the published job of 64 + 4 replicas."""
  replicas = recipe.REPLICAS_TO_AGGREGATE + recipe.BACKUP_REPLICAS
  step = gpu_step_seconds(
    flops_per_frame * recipe.TRAIN_FRAMES, recipe.BATCH_SIZE
  )
  print(
    f'\n{replicas} replicas, {sum(sizes) / 1e6:.1f} MB of variables, the '
    f'largest {max(sizes) / 1e6:.1f} MB; a GPU step of {step:.2f} s'
  )
  print('ps  GB a step through the busiest')
  for num_ps in (1, 2, 4, 6, 8, 16):
    print(f'{num_ps:2d}  {traffic(sizes, num_ps, replicas) / 1e9:.2f}')
  print(f'Gbit/s of a ps  ps needed for less than {_SHARE:.0%} of the step')
  for gigabits in _GIGABITS:
    needed = ps_needed(sizes, replicas, gigabits * 1e9 / 8, _SHARE * step)
    print(f'{gigabits:14d}  {needed or "no number: largest variable"}')


if __name__ == '__main__':
  cli.run(main)
