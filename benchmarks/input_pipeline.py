r"""Compares the clips that a core reads with those that a GPU trains on.

    python -m benchmarks.input_pipeline

The program reads training clips of 64 frames from records of noise, and counts
the clips that a second of processor time gives, whatever else the machine does.
The records have frames of 256 x 340 pixels: 12 different ones a second, as
Something-Something has, or 25, as most videos on the Web.

The second table is computed. It tells how many cores a GPU needs for itself, if
it trains at a third of the rate that its maker publishes.
"""

import contextlib
import pathlib
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks import network
from two_stream import cli, recipe
from two_stream.records import clips, record_index, schema, tfrecords
from two_stream.video import pixels

_CLIPS = 24  # Number of clips that are read in a turn.
_RECORDS = 8
_SECONDS = 3.8  # Something-Something's average video.
_DISTINCT = (12, 25)  # Different frames a second.
# NVIDIA's data sheets of the SXM modules, in TFLOP/s without sparsity. With
# TF32, which TensorFlow takes for float32 where a GPU has it, factors are
# rounded to 10 bits.
_TERAFLOPS = {
  'V100, float32': 15.7,
  'A100, TF32': 156.0,
  'A100, bfloat16': 312.0,
  'H100, TF32': 494.7,
  'H100, bfloat16': 989.4,
}
_REACHED = 1 / 3  # An assumption: no GPU was at hand.


def main() -> None:
  """Prints both tables."""
  read = {}
  print('clips that a core reads in a second')
  for stream in recipe.STREAMS:
    for distinct in _DISTINCT:
      read[stream, distinct] = clips_per_core_second(stream, distinct)
      print(f'{stream:5} {distinct:3} fps  {read[stream, distinct]:7.1f}')
  print(
    f'\nclips a second at {_REACHED:.2f} of the published rate, and the cores '
    'that read them'
  )
  titles = [f'{stream} {distinct} fps' for stream, distinct in read]
  print(f'{"":16}{"TFLOP/s":>8}{"clips/s":>9}', *(f'{x:>12}' for x in titles))
  clip = (1, recipe.TRAIN_FRAMES, pixels.CROP_SIZE, pixels.CROP_SIZE, 3)
  operations = network.PASSES * network.forward_operations(clip)
  for gpu, teraflops in _TERAFLOPS.items():
    needed = _REACHED * teraflops * 1e12 / operations
    cores = (f'{needed / rate:12.1f}' for rate in read.values())
    print(f'{gpu:16}{teraflops:8.1f}{needed:9.1f}', *cores)


def clips_per_core_second(stream: str, distinct: int) -> float:
  """Measures how many clips a second of processor time gives.

  Args:
    stream: a key of `recipe.STREAMS`.
    distinct: how many different frames the records have in a second.

  Returns:
    The median over the rounds.
  """
  with contextlib.ExitStack() as stack:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    path = pathlib.Path(folder, 'shard')
    tfrecords.write_shard(
      path, [random_record(seed, distinct) for seed in range(_RECORDS)]
    )
    reading = clips.Reading(
      records=record_index.build([path]),
      stream=stream,
      num_frames=recipe.TRAIN_FRAMES,
      flipped_labels=[0],
      seed=0,
    )
    batches = iter(
      clips.training_clips(reading, 1, clips.Turn(), tf.constant(0, tf.int64))
    )
    rates = []
    for _ in range(network.ROUNDS.value + 1):
      start = time.process_time()
      for _ in range(_CLIPS):
        next(batches)
      rates.append(_CLIPS / (time.process_time() - start))
    # What was read ahead in the first round would distort it.
    return float(np.median(rates[1:]))


def random_record(seed: int, distinct: int) -> bytes:
  """Returns a record whose frames are noise on a grid of 4 pixels.

  The encoded size of such frames is about that of real ones.

  Args:
    seed: of the noise.
    distinct: how many different frames the record has in a second.
  """
  rng = np.random.default_rng(seed)
  frame_index = np.arange(round(25 * _SECONDS)) * distinct // 25
  count = frame_index[-1] + 1
  coarse = rng.integers(0, 256, (count, 64, 85, 3), np.uint8)
  flows = rng.normal(0, 2, (count - 1, 64, 85, 2)).astype(np.float32)
  return tfrecords.serialize(
    schema.encode(
      coarse.repeat(4, 1).repeat(4, 2),
      flows.repeat(4, 1).repeat(4, 2),
      timestamps=np.arange(count) * 1_000_000 // distinct,
      frame_index=frame_index,
      context={
        schema.ID: [b'0'],
        schema.DATA_PATH: [b'0.webm'],
        schema.LABEL_INDEX: [0],
      },
    )
  )


if __name__ == '__main__':
  cli.run(main)
