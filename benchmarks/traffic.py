"""Tells how much the replicas of a job send, and what the network needs for it.

    python -m benchmarks.traffic
    python -m benchmarks.traffic --replicas=9 --batch_size=48

The program computes these numbers from the sizes of the variables and from the
assumed speed of a GPU; it measures nothing. It assumes that computing and
communication follow each other; where they overlap, less time is lost.

The first table is about parameter servers (ps). It shows the bytes that a step
moves through the busiest ps, the share of a GPU's step that this takes on
networks of several speeds, and how many ps keep the share below a tenth.

The second table compares ps with all-reduce, for several numbers of replicas. A
step has the gradients of the recipe, which the replicas divide among them, and
at least one gradient of each replica. With ps, each gradient moves through the
network by itself. With all-reduce, a replica adds up its gradients first.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from absl import flags

import i3d
from benchmarks import network
from two_stream import cli, recipe
from two_stream.training import ps_placement

FLAGS = flags.FLAGS
flags.DEFINE_enum(
  'stream', 'rgb', list(recipe.STREAMS), 'Stream that is trained.'
)
flags.DEFINE_integer('num_classes', 174, 'Number of classes.', lower_bound=1)
flags.DEFINE_integer(
  'replicas',
  recipe.REPLICAS_TO_AGGREGATE + recipe.BACKUP_REPLICAS,
  'Number of replicas, including backups.',
  lower_bound=1,
)
flags.DEFINE_integer(
  'batch_size',
  recipe.BATCH_SIZE,
  'Number of clips for each gradient.',
  lower_bound=1,
)
flags.DEFINE_float(
  'gpu_teraflops', 10, 'Assumed speed of a GPU in training, in TFLOP/s.', 0.1
)

_NUM_PS = (1, 2, 4, 8, 16, 32)
_GIGABITS = (10, 25, 100, 400)
_SHARE = 0.1  # The largest share of a step that communication should take.
# In the comparison with all-reduce. More ps gain little, because the largest
# variable stays in one piece.
_REPLICAS = (8, 64, 256)
_PS_IN_COMPARISON = (1, 16)


def main() -> None:
  """Prints both tables."""
  channels = recipe.STREAMS[FLAGS.stream].channels
  clips_shape = (FLAGS.batch_size, recipe.TRAIN_FRAMES, 224, 224, channels)
  operations = network.PASSES * network.forward_operations(
    clips_shape, FLAGS.num_classes
  )
  seconds = operations / (FLAGS.gpu_teraflops * 1e12)
  sizes = variable_sizes(channels, FLAGS.num_classes)
  print(
    f'{sum(sizes) / 1e6:.1f} MB of variables, the largest '
    f'{max(sizes) / 1e6:.1f} MB; a GPU takes {seconds:.2f} s for a gradient'
  )
  print_parameter_servers(sizes, FLAGS.replicas, seconds)
  print_engines(sizes, seconds)


def print_parameter_servers(
  sizes: list[int], replicas: int, seconds: float
) -> None:
  """Prints how much goes through the busiest of several numbers of ps.

  Args:
    sizes: bytes of each variable, in the order of their creation.
    replicas: number of replicas, including backups.
    seconds: what a replica takes for a gradient.
  """
  print(
    f'\n{replicas} replicas: share of a step that communication takes, at '
    'Gbit/s of each ps'
  )
  print('ps  GB a step' + ''.join(f'{each:8d}' for each in _GIGABITS))
  for num_ps in _NUM_PS:
    moved = traffic(sizes, num_ps, replicas)
    print(f'{num_ps:2d}  {moved / 1e9:9.2f}' + _shares(moved, seconds))
  needed = (
    ps_needed(sizes, replicas, _bytes_per_second(each), _SHARE * seconds)
    for each in _GIGABITS
  )
  print(
    f'ps for {_SHARE:.0%}   '
    + ''.join(f'{each or "none":>8}' for each in needed)
  )
  least = traffic(sizes, len(sizes), replicas) / (_SHARE * seconds)
  print(f'The largest variable alone needs {least * 8 / 1e9:.0f} Gbit/s.')


def print_engines(sizes: list[int], seconds: float) -> None:
  """Prints all-reduce beside ps, for several numbers of replicas.

  Args:
    sizes: bytes of each variable, in the order of their creation.
    seconds: what a replica takes for a gradient.
  """
  print(
    '\nshare of a step that communication takes, at Gbit/s of the busiest '
    'replica or ps'
  )
  print(
    'replicas  s a step  through         GB a step'
    + ''.join(f'{each:8d}' for each in _GIGABITS)
  )
  for replicas in _REPLICAS:
    gradients = max(replicas, recipe.REPLICAS_TO_AGGREGATE)
    step = seconds * gradients / replicas
    moved_by = {'each replica': all_reduced(sizes, replicas)}
    for num_ps in _PS_IN_COMPARISON:
      moved_by[f'one of {num_ps} ps'] = traffic(sizes, num_ps, gradients)
    for place, moved in moved_by.items():
      print(
        f'{replicas:8d}  {step:8.2f}  {place:14}  {moved / 1e9:9.2f}'
        + _shares(moved, step)
      )


def variable_sizes(channels: int, num_classes: int) -> list[int]:
  """Returns the bytes of each variable, in the order of their creation."""
  sizes: list[int] = []

  def measure(
    next_creator: Callable[..., tf.Variable], **options: Any
  ) -> tf.Variable:
    variable = next_creator(**options)
    sizes.append(variable.shape.num_elements() * variable.dtype.size)
    return variable

  clip = tf.zeros([1, i3d.MIN_FRAMES, 224, 224, channels])
  with tf.variable_creator_scope(measure):
    i3d.InceptionI3d(num_classes)(clip, is_training=False)
  return sizes


def loads(sizes: list[int], num_ps: int) -> list[int]:
  """Returns the bytes of variables on each ps, as training distributes them."""
  by_size = ps_placement.FewestBytes(num_ps)
  for size in sizes:
    by_size.choose(size)
  return by_size.bytes_per_ps


def traffic(sizes: list[int], num_ps: int, gradients: int) -> int:
  """Returns the bytes of a step through the busiest ps, in both directions.

  For every gradient, a replica fetches each variable once, and sends a
  gradient, or a change of a moving average, of the same size.
  """
  return 2 * gradients * max(loads(sizes, num_ps))


def all_reduced(sizes: list[int], replicas: int) -> float:
  """Returns the bytes that each replica sends in the all-reduce of a step.

  At the same time it receives as many. The replicas form a ring. All gradients
  and changes of moving averages are cut into as many pieces as there are
  replicas. Each piece goes around the ring to be summed, and once more as the
  sum, over all links but one (Patarasu & Yuan, "Bandwidth optimal all-reduce
  algorithms for clusters of workstations", 2009).
  """
  return 2 * (replicas - 1) / replicas * sum(sizes)


def ps_needed(
  sizes: list[int], replicas: int, bytes_per_second: float, seconds: float
) -> int | None:
  """Returns how many ps bring a step's communication below `seconds`.

  Args:
    sizes: bytes of each variable, in the order of their creation.
    replicas: number of replicas, including backups.
    bytes_per_second: speed of one ps, which fetches and sends in turns.
    seconds: the limit.

  Returns:
    The smallest number; None if even a ps for every variable is not enough,
    because the largest variable alone takes too long.
  """
  for num_ps in range(1, len(sizes) + 1):
    if traffic(sizes, num_ps, replicas) <= seconds * bytes_per_second:
      return num_ps
  return None


def _shares(moved: float, seconds: float) -> str:
  """Returns the shares of `seconds` that moving these bytes takes, as a row."""
  return ''.join(
    f'{moved / _bytes_per_second(each) / seconds:8.0%}' for each in _GIGABITS
  )


def _bytes_per_second(gigabits: float) -> float:
  return gigabits * 1e9 / 8


if __name__ == '__main__':
  cli.run(main)
