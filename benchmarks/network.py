"""How near the network comes to this machine's matrix-multiply rate.

    python -m benchmarks.network

Prints, for the forward pass of 79 RGB frames in float32 and bfloat16 and for a
training step of 2 clips of 16 frames: GFLOP/s, those of a 4096 x 4096 x 4096
matrix product timed in turn with it, the ratio, and the peak memory of a
process that does nothing else.

Operations are counted from the layer table: two for every multiply-add of every
output, those with padding included, of convolutions alone.
"""

import math
import multiprocessing
import resource
import statistics
import time

import numpy as np
import tensorflow as tf
from absl import flags

import i3d
from two_stream import cli
from two_stream.networks import checkpoints, classifier

ROUNDS = flags.DEFINE_integer('rounds', 5, 'Timed runs of each.', 1)

MATRIX_SIZE = 4096
# A backward pass costs two forward ones: inputs' and weights' gradients.
PASSES = 3
_CLASSES = 400


def main():
  """Prints a row for each case."""
  print(f'{"":28}GFLOP/s   matmul   ratio   seconds   peak MB (at import)')
  for case in CASES:
    # A process of its own, so that peaks do not mix.
    with multiprocessing.get_context('spawn').Pool(1) as pool:
      print(pool.apply(measure, (case, ROUNDS.value)), flush=True)


def measure(case, rounds):
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


def forward(clip_shape, dtype):
  """The classifier of evaluate_sample.py; returns it and its operations."""
  clip = _clip(clip_shape)
  net = i3d.InceptionI3d(_CLASSES)
  net(clip[:, : i3d.MIN_FRAMES], is_training=False)
  description = checkpoints.Description(_CLASSES, clip_shape[-1], 1.0, '', ())
  classify = classifier.compiled(net, description, dtype)
  return lambda: classify(clip), forward_operations(clip_shape)


def training_step(clip_shape, dtype):
  """Loss, gradients and update; returns the step and its operations."""
  del dtype
  net = i3d.InceptionI3d(_CLASSES)
  clip, labels = _clip(clip_shape), tf.zeros([clip_shape[0]], tf.int32)
  net(clip[:1], is_training=False)

  @tf.function(autograph=False)
  def step():
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


# Case -> clip shape, dtype, what to time.
CASES = {
  'forward 1x79, float32': ((1, 79, 224, 224, 3), 'float32', forward),
  'forward 1x79, bfloat16': ((1, 79, 224, 224, 3), 'bfloat16', forward),
  'training step 2x16, float32': (
    (2, 16, 224, 224, 3),
    'float32',
    training_step,
  ),
}


def forward_operations(clip_shape, num_classes=_CLASSES, depth_multiplier=1.0):
  """Operations of the convolutions, for a clip [B, T, H, W, C]."""
  batch, *shape = clip_shape
  total = 0
  for _, layer in i3d.LAYERS:
    shape, operations = layer_operations(shape, layer, depth_multiplier)
    total += operations
  steps = shape[0] - i3d.LOGITS_POOL[0] + 1
  return batch * (total + 2 * steps * shape[3] * num_classes)


def layer_operations(shape, layer, depth_multiplier=1.0):
  """(Output shape, operations) of a row, for an input [T, H, W, C]."""
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
    return [*shape[:3], channels], total
  positions = [
    -(-size // stride)
    for size, stride in zip(shape, np.broadcast_to(layer.stride, 3).tolist())
  ]
  if isinstance(layer, i3d.MaxPool):
    return [*positions, shape[3]], 0
  taps = layer.kernel**3 * shape[3]
  channels = i3d.scaled(layer.channels, depth_multiplier)
  return [*positions, channels], 2 * math.prod(positions) * taps * channels


def _clip(shape):
  return tf.random.stateless_uniform(shape, [0, 0], -1, 1)


def matrix_product(dtype):
  """A function that does 2 * MATRIX_SIZE**3 operations."""
  matrix = tf.cast(tf.random.stateless_normal([MATRIX_SIZE] * 2, [0, 0]), dtype)
  product = tf.function(lambda: tf.matmul(matrix, matrix), autograph=False)
  return lambda: product().numpy()


def _seconds(run):
  start = time.perf_counter()
  run()
  return time.perf_counter() - start


def _peak_megabytes():
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == '__main__':
  cli.run(main)
