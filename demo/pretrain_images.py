r"""Trains a 2-D Inception-v1 to name the object on a rendered photograph.

The checkpoint takes the place of one trained on ImageNet: train.py inflates it
and starts an `imagenet` network with it. Its variables have the names of
TF-slim, like those of the published ImageNet checkpoint.

    python demo/pretrain_images.py --output=/tmp/inception_v1/model.ckpt

It takes about three minutes on two cores. If the checkpoint exists already,
the program does nothing.
"""

import functools
import pathlib
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from demo import objects, sprites
from two_stream import cli, errors
from two_stream.preprocessing.worker_pool import Failure, worker_pool
from two_stream.terminal import progress

if TYPE_CHECKING:  # Worker processes must not load TensorFlow.
  import sonnet as snt

FLAGS = flags.FLAGS
cli.define_path(
  'output',
  None,
  'Prefix of the checkpoint, for example FOLDER/model.ckpt.',
  required=True,
)
flags.DEFINE_integer(
  'num_images', 4096, 'Number of photographs.', lower_bound=64
)
flags.DEFINE_integer(
  'num_steps', 400, 'Number of training steps.', lower_bound=1
)
flags.DEFINE_integer(
  'batch_size', 32, 'Number of photographs in a step.', lower_bound=1
)
flags.DEFINE_float(
  'learning_rate',
  0.05,
  'Learning rate of the first step; it falls to 0 linearly.',
  0,
)
flags.DEFINE_float(
  'depth_multiplier', 0.25, 'Factor on the number of channels.', 1 / 16
)
flags.DEFINE_integer(
  'seed', 0, 'Seed of the photographs and of the initial weights.', 0
)

KINDS = list(objects.KINDS)
TEST_SHARE = 8  # One photograph in eight is for testing.
NUM_WORKERS = 2
TIMEOUT = 60  # Seconds for one photograph, which takes 15 ms.
MOMENTUM = 0.9
# Moving averages have to settle within 400 steps; the published training has
# 115,000.
BATCH_NORM_DECAY = 0.98


def main() -> None:
  """Renders the photographs, trains a network, tests and saves it."""
  if pathlib.Path(f'{FLAGS.output}.index').exists():
    print(f'{FLAGS.output} exists')
    return
  images, labels = photographs(FLAGS.seed, FLAGS.num_images)
  cli.start_tensorflow()
  import tensorflow as tf  # noqa: PLC0415

  tf.random.set_seed(FLAGS.seed)
  num_test = len(images) // TEST_SHARE
  network = train(images[num_test:], labels[num_test:])
  save(network, FLAGS.output)
  right = answers(network, images[:num_test]) == labels[:num_test]
  print(f'{right.mean():.1%} of {num_test} other photographs recognized')


def photographs(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns images, uint8 [count, 224, 224, 3], and kinds, int32 [count]."""
  render = functools.partial(photograph, seed)
  one_thread = functools.partial(cv2.setNumThreads, 1)
  with worker_pool(render, NUM_WORKERS, TIMEOUT, one_thread) as pool:
    results = pool.map(range(count))
    images: list[np.ndarray] = []
    for image in progress.bar(results, total=count, unit='photograph'):
      if isinstance(image, Failure):
        raise errors.InputError(f'photograph {len(images)}: {image.reason}')
      images.append(image)
  return np.stack(images), np.arange(count, dtype=np.int32) % len(KINDS)


def photograph(seed: int, number: int) -> np.ndarray:
  """Returns the photograph of a number, uint8 [224, 224, 3]."""
  rng = np.random.default_rng([seed, number])
  return sprites.still(rng, KINDS[number % len(KINDS)])


def train(images: np.ndarray, labels: np.ndarray) -> 'snt.Module':
  """Returns an InceptionV1 that was trained by SGD with momentum."""
  import sonnet as snt  # noqa: PLC0415
  import tensorflow as tf  # noqa: PLC0415

  from two_stream.networks import inception_v1  # noqa: PLC0415
  from two_stream.records import clips  # noqa: PLC0415

  network = inception_v1.InceptionV1(
    len(KINDS),
    FLAGS.depth_multiplier,
    unit=functools.partial(
      inception_v1.Unit2D, batch_norm_decay=BATCH_NORM_DECAY
    ),
  )
  rate = tf.Variable(FLAGS.learning_rate, trainable=False)
  optimizer = snt.optimizers.Momentum(rate, MOMENTUM)

  @tf.function
  def step(batch: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
      logits, _ = network(clips.scale(batch, 'rgb'), is_training=True)
      loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      )
    variables = network.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss

  rng = np.random.default_rng(FLAGS.seed)
  bar = progress.bar(range(FLAGS.num_steps), unit='step')
  for number in bar:
    rate.assign(FLAGS.learning_rate * (1 - number / FLAGS.num_steps))
    chosen = rng.choice(len(images), FLAGS.batch_size, replace=False)
    batch = images[chosen]
    if rng.random() < 0.5:  # noqa: PLR2004
      batch = batch[:, :, ::-1]
    loss = step(batch, labels[chosen])
    bar.set_postfix(refresh=False, loss=f'{loss:.3f}')
  return network


def answers(network: 'snt.Module', images: np.ndarray) -> np.ndarray:
  """Returns the most likely kind of each image, int64 [count]."""
  import tensorflow as tf  # noqa: PLC0415

  from two_stream.records import clips  # noqa: PLC0415

  @tf.function(reduce_retracing=True)
  def classify(batch: tf.Tensor) -> tf.Tensor:
    logits, _ = network(clips.scale(batch, 'rgb'), is_training=False)
    return tf.argmax(logits, -1)

  batches = np.split(
    images, range(FLAGS.batch_size, len(images), FLAGS.batch_size)
  )
  return np.concatenate([classify(batch) for batch in batches])


def save(network: 'snt.Module', path: str) -> None:
  """Writes a checkpoint whose variables have TF-slim's names."""
  import tensorflow as tf  # noqa: PLC0415

  pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
  saver = tf.compat.v1.train.Saver(
    {
      variable.name.removesuffix(':0'): variable
      for variable in network.variables
    }
  )
  saver.save(None, path, write_meta_graph=False, write_state=False)


if __name__ == '__main__':
  cli.run(main)
