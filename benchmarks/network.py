"""Compares the network's speed with that of this machine's matrix products.

    python -m benchmarks.network

The program times the forward pass of 79 RGB frames in float32 and bfloat16, and
a training step of 2 clips of 16 frames. For each it prints GFLOP/s, those of a
4096 x 4096 x 4096 matrix product that is timed in turn with it, the ratio of
the two, and the peak memory of a process that does nothing else.

Operations are counted from the layer table: two for every multiplication and
addition in a convolution, including those with padding. Other layers count as
none.
"""

import math
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags

import i3d
from two_stream import cli
from two_stream.networks import checkpoints, classifier, layers

ROUNDS = flags.DEFINE_integer(
  'rounds', 5, 'Number of timed runs of each case.', 1
)

Shape = tuple[int, ...]
MATRIX_SIZE = 4096
# A training step costs three forward passes: one forward, one for the gradients
# of the inputs, and one for the gradients of the weights.
PASSES = 3
_CLASSES = 400


def main() -> None:
  """Prints a row for each case."""
  print(f'{"":28}GFLOP/s   matmul   ratio   seconds   peak MB (at import)')
  for case in CASES:
    # A process of its own, so that peaks do not mix.
    with multiprocessing.get_context('spawn').Pool(1) as pool:
      print(pool.apply(measure, (case, ROUNDS.value)), flush=True)


def measure(case: str, rounds: int) -> str:
  """Times one case against the matrix product; returns the printed row."""
  at_import = _peak_megabytes()
  clip_shape, dtype, make = CASES[case]
  run, operations = make(clip_shape, dtype)
  run()
  peak = _peak_megabytes()
  multiply = matrix_product(dtype)
  multiply()
  seconds, ratios = [], []
  for _ in range(rounds):
    seconds.append(_seconds(run))
    matrix_rate = 2 * MATRIX_SIZE**3 / _seconds(multiply)
    ratios.append(operations / seconds[-1] / matrix_rate)
  median = statistics.median(seconds)
  rate, ratio = operations / median, statistics.median(ratios)
  return (
    f'{case:28}{rate / 1e9:7.1f}  {rate / ratio / 1e9:7.1f}   {ratio:5.2f}'
    f'   {median:7.2f}   {peak:7.0f} ({at_import:.0f})'
  )


def forward(clip_shape: Shape, dtype: str) -> tuple[Callable[[], Any], int]:
  """Returns the classifier of evaluate_sample.py and its operations."""
  clip = _clip(clip_shape)
  net = i3d.InceptionI3d(_CLASSES)
  net(clip[:, : i3d.MIN_FRAMES], is_training=False)
  description = checkpoints.Description(
    num_classes=_CLASSES,
    channels=clip_shape[-1],
    depth_multiplier=1.0,
    scope='',
    slots=(),
  )
  values = {
    path: variable.numpy()
    for path, variable in checkpoints.variables(net).items()
  }
  classify = classifier.Classifier(values, description, dtype)
  return lambda: classify(clip), forward_operations(clip_shape)


def training_step(
  clip_shape: Shape, dtype: str
) -> tuple[Callable[[], Any], int]:
  """Returns a step (loss, gradients and update) and its operations."""
  del dtype
  net = i3d.InceptionI3d(_CLASSES)
  clip, labels = _clip(clip_shape), tf.zeros([clip_shape[0]], tf.int32)
  net(clip[:1], is_training=False)

  @tf.function(autograph=False)
  def step() -> tf.Tensor:
    with tf.GradientTape() as tape:
      logits, _ = net(clip, is_training=True, dropout_keep_prob=0.5)
      loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      )
    gradients = tape.gradient(loss, net.trainable_variables)
    for variable, gradient in zip(net.trainable_variables, gradients):
      variable.assign_sub(1e-3 * gradient)
    return loss

  # The first layer needs no gradient of its inputs.
  _, first_operations = layer_operations(clip_shape[1:], i3d.LAYERS[0][1])
  operations = PASSES * forward_operations(clip_shape)
  return lambda: step().numpy(), operations - clip_shape[0] * first_operations


# Case -> shape of the clips, dtype, and the function that makes what is timed.
CASES: dict[str, tuple[Shape, str, Callable[..., Any]]] = {
  'forward 1x79, float32': ((1, 79, 224, 224, 3), 'float32', forward),
  'forward 1x79, bfloat16': ((1, 79, 224, 224, 3), 'bfloat16', forward),
  'training step 2x16, float32': (
    (2, 16, 224, 224, 3),
    'float32',
    training_step,
  ),
}


def forward_operations(
  clip_shape: Shape, num_classes: int = _CLASSES, depth_multiplier: float = 1.0
) -> int:
  """Returns the operations of all convolutions, for clips [B, T, H, W, C]."""
  batch, shape = clip_shape[0], clip_shape[1:]
  total = 0
  for _, layer in i3d.LAYERS:
    shape, operations = layer_operations(shape, layer, depth_multiplier)
    total += operations
  steps = shape[0] - i3d.LOGITS_POOL[0] + 1
  return batch * (total + 2 * steps * shape[3] * num_classes)


def layer_operations(
  shape: Shape, layer: Any, depth_multiplier: float = 1.0
) -> tuple[Shape, int]:
  """Returns (output shape, operations) of a layer, for an input [T, H, W, C].

  Args:
    shape: of the input.
    layer: a layer as `i3d.LAYERS` has them.
    depth_multiplier: factor on the number of channels.
  """
  if isinstance(layer, dict):
    channels, total = 0, 0
    for branch in layer.values():
      branch_shape = shape
      for _, row in branch:
        branch_shape, operations = layer_operations(
          branch_shape, row, depth_multiplier
        )
        total += operations
      channels += branch_shape[3]
    return (*shape[:3], channels), total
  positions = [
    -(-size // stride)
    for size, stride in zip(shape, np.broadcast_to(layer.stride, 3).tolist())
  ]
  if isinstance(layer, layers.MaxPool):
    return (*positions, shape[3]), 0
  taps = layer.kernel**3 * shape[3]
  channels = layers.scaled(layer.channels, depth_multiplier)
  return (*positions, channels), 2 * math.prod(positions) * taps * channels


def _clip(shape: Shape) -> tf.Tensor:
  return tf.random.stateless_uniform(shape, [0, 0], -1, 1)


def matrix_product(dtype: str) -> Callable[[], Any]:
  """Returns a function that does 2 * MATRIX_SIZE**3 operations."""
  matrix = tf.cast(tf.random.stateless_normal([MATRIX_SIZE] * 2, [0, 0]), dtype)
  product = tf.function(lambda: tf.matmul(matrix, matrix), autograph=False)
  return lambda: product().numpy()


def _seconds(run: Callable[[], Any]) -> float:
  start = time.perf_counter()
  run()
  return time.perf_counter() - start


def _peak_megabytes() -> float:
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == '__main__':
  cli.run(main)
