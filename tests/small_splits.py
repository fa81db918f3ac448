"""A small split of eight clips, and four small networks to evaluate on it."""

import pathlib
from collections.abc import Iterable

import small_networks
import small_records

from two_stream.records import shards, tfrecords

SPLIT = 'validation'
NETWORKS = ('rgb_imagenet', 'flow_imagenet', 'rgb_scratch', 'flow_scratch')
# Frames of each clip, shard by shard; clip n has label n % 3.
FRAMES = ((10, 10, 16, 10), (16, 9), (10, 9))


def serialized_clips(
  numbers: Iterable[int], frames: Iterable[int]
) -> list[bytes]:
  """Makes the records of clips of so many frames each."""
  return [
    small_records.serialized_clip(n, n % 3, num_frames)
    for n, num_frames in zip(numbers, frames)
  ]


def write_records(folder: pathlib.Path) -> list[pathlib.Path]:
  """Writes the shards and the label map; returns the paths of the shards."""
  small_records.write(folder, SPLIT, ((),) * len(FRAMES))
  paths, first = shards.find(folder, SPLIT), 0
  for path, frames in zip(paths, FRAMES):
    numbers = range(first, first + len(frames))
    tfrecords.write_shard(path, serialized_clips(numbers, frames))
    first += len(frames)
  return paths


def write_networks(data: pathlib.Path) -> None:
  """Makes a data directory of the networks, whose three classes are known."""
  for name in NETWORKS:
    small_networks.write(data, name, len(small_records.CLASS_NAMES))
  names = '\n'.join(small_records.CLASS_NAMES)
  (data / 'label_map.txt').write_text(f'{names}\n')
