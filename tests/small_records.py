"""Small records, and folders of them, as preprocessing makes them."""

import pathlib
from collections.abc import Sequence

import numpy as np
import small_videos

from two_stream.datasets import label_map
from two_stream.records import schema, tfrecords

CLASS_NAMES = ('Moving left', 'Moving right', 'Resting')
HEIGHT, WIDTH = 226, 240
# A record of no bytes, as TFRecord files frame it.
EMPTY_RECORD = bytes.fromhex('0000000000000000 29039807 d8ea82a2')
# What the clip of `record` shows: six time steps of four distinct frames.
FRAME_INDEX = [0, 0, 1, 2, 2, 2, 3]


def frames_and_flows() -> tuple[np.ndarray, np.ndarray]:
  """Makes what the images of `record` show.

  Returns:
    Four distinct frames, uint8 [4, 48, 64, 3], and the three flows between
    them, float32 [3, 48, 64, 2].
  """
  frames = small_videos.textured_frames(4)
  rng = np.random.default_rng(1)
  flows = rng.uniform(-25, 25, (3, 48, 64, 2)).astype(np.float32)
  return frames, flows


def record() -> schema.Record:
  """Makes a record of `frames_and_flows`, with every key that there can be."""
  frames, flows = frames_and_flows()
  return schema.encode(
    frames,
    flows,
    timestamps=[0, 83_000, 167_000, 250_000],
    frame_index=FRAME_INDEX,
    context={
      schema.ID: [b'78687'],
      schema.DATA_PATH: [b'78687.webm'],
      schema.LABEL_INDEX: [26],
      schema.LABEL_STRING: [b'Holding something'],
      schema.LABEL_TEXT: [b'Holding something'],
      schema.DATA_SET: [b'something_something_v2'],
      schema.FRAME_RATE: [25.0],
      schema.PARAMETERS: [b'{}'],
    },
  )


def serialized_clip(number: int, label: int, num_frames: int = 10) -> bytes:
  """A clip whose frames and flows no other number shares.

  Every third frame is shown twice.
  """
  frame_index = np.sort([*range(num_frames), *range(0, num_frames, 3)])
  frames = small_videos.textured_frames(num_frames, (WIDTH, HEIGHT), number)
  # Half as fine as pixels, so that it compresses as real flow does.
  rng = np.random.default_rng([number, 1])
  flows = rng.uniform(-20, 20, (num_frames - 1, HEIGHT // 2, WIDTH // 2, 2))
  return tfrecords.serialize(
    schema.encode(
      frames,
      flows.repeat(2, 1).repeat(2, 2).astype(np.float32),
      timestamps=np.arange(num_frames) * 40_000,
      frame_index=frame_index,
      context={
        schema.ID: [str(number).encode()],
        schema.DATA_PATH: [f'{number}.webm'.encode()],
        schema.LABEL_INDEX: [label],
        schema.LABEL_STRING: [CLASS_NAMES[label].encode()],
      },
    )
  )


def write(
  folder: pathlib.Path,
  split: str = 'train',
  clips_by_shard: Sequence[Sequence[int]] = ((0, 1, 2), (3, 4)),
  label: int | None = None,
) -> list[pathlib.Path]:
  """Writes shards and the label map; clip n has label n % 3, or `label`.

  Returns:
    The paths of the shards.
  """
  folder.mkdir(parents=True, exist_ok=True)
  (folder / 'label_map.txt').write_text(label_map.to_text(CLASS_NAMES))
  paths = []
  for i, numbers in enumerate(clips_by_shard):
    name = f'{split}-{i:05d}-of-{len(clips_by_shard):05d}.tfrecord'
    paths.append(folder / name)
    tfrecords.write_shard(
      paths[-1],
      [
        serialized_clip(n, n % len(CLASS_NAMES) if label is None else label)
        for n in numbers
      ],
    )
  return paths
