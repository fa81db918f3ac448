"""Whether parameter servers keep up with 64 + 4 replicas, or others.

    python -m benchmarks.traffic
    python -m benchmarks.traffic --replicas=9 --batch_size=48

computes, and times nothing: the bytes that a step moves through the busiest
ps, the share of a GPU's step that they take on networks of several speeds, and
how many ps keep that below a tenth. Fetching, computing and sending are taken
to follow each other; where they overlap, less time is lost.
"""

import tensorflow as tf
from absl import flags

import i3d
from benchmarks import network
from two_stream import cli, recipe
from two_stream.cluster import cluster_task

FLAGS = flags.FLAGS
flags.DEFINE_enum('stream', 'rgb', list(recipe.STREAMS), 'What is trained.')
flags.DEFINE_integer('num_classes', 174, 'Classes.', lower_bound=1)
flags.DEFINE_integer(
  'replicas',
  recipe.REPLICAS_TO_AGGREGATE + recipe.BACKUP_REPLICAS,
  'Number of them, backups included.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'batch_size', recipe.BATCH_SIZE, 'Clips of a gradient.', lower_bound=1
)
flags.DEFINE_float(
  'gpu_teraflops', 10, 'What a GPU is taken to reach in training.', 0.1
)

_NUM_PS = (1, 2, 4, 8, 16, 32)
_GIGABITS = (10, 25, 100, 400)
_SHARE = 0.1  # of a step, for communication


def main():
  """Prints the table."""
  replicas = FLAGS.replicas
  channels = recipe.STREAMS[FLAGS.stream].channels
  clips_shape = (FLAGS.batch_size, recipe.TRAIN_FRAMES, 224, 224, channels)
  operations = network.PASSES * network.forward_operations(
    clips_shape, FLAGS.num_classes
  )
  step = operations / (FLAGS.gpu_teraflops * 1e12)
  sizes = variable_sizes(channels, FLAGS.num_classes)
  print(
    f'{replicas} replicas, {sum(sizes) / 1e6:.1f} MB of variables, the '
    f'largest {max(sizes) / 1e6:.1f} MB; a GPU step of {step:.2f} s'
  )
  print('share of that step that communication takes, at Gbit/s of each ps')
  print('ps  GB a step' + ''.join(f'{each:8d}' for each in _GIGABITS))
  for num_ps in _NUM_PS:
    moved = traffic(sizes, num_ps, replicas)
    shares = (moved / _bytes_per_second(each) / step for each in _GIGABITS)
    print(
      f'{num_ps:2d}  {moved / 1e9:9.2f}'
      + ''.join(f'{share:8.0%}' for share in shares)
    )
  needed = (
    ps_needed(sizes, replicas, _bytes_per_second(each), _SHARE * step)
    for each in _GIGABITS
  )
  print(
    f'ps for {_SHARE:.0%}   '
    + ''.join(f'{each or "none":>8}' for each in needed)
  )
  least = traffic(sizes, len(sizes), replicas) / (_SHARE * step)
  print(f'The largest variable alone needs {least * 8 / 1e9:.0f} Gbit/s.')


def variable_sizes(channels, num_classes):
  """Bytes of the network's variables, in the order they are made."""
  sizes = []

  def measure(next_creator, **kwargs):
    variable = next_creator(**kwargs)
    sizes.append(variable.shape.num_elements() * variable.dtype.size)
    return variable

  clip = tf.zeros([1, i3d.MIN_FRAMES, 224, 224, channels])
  with tf.variable_creator_scope(measure):
    i3d.InceptionI3d(num_classes)(clip, is_training=False)
  return sizes


def loads(sizes, num_ps):
  """Bytes of variables on each ps, as training distributes them."""
  by_size = cluster_task.BySize(num_ps)
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


def _bytes_per_second(gigabits):
  return gigabits * 1e9 / 8


if __name__ == '__main__':
  cli.run(main)
