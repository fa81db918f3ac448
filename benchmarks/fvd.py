r"""How the Frechet video distance grows as videos get worse.

    python -m benchmarks.fvd --data_dir=kinetics-i3d/data \
      --videos_dir=/tmp/ssv2/20bn-something-something-v2

It compares clips with themselves after something was done to them: noise was
added, or frames changed places. It prints the distances and their ratios, and
draws them into --plot. 64 clips take a quarter of an hour on two cores.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from absl import flags

from two_stream import cli, files
from two_stream.evaluation import data_directory, set_clips, video_sets
from two_stream.terminal import progress

_DATA_DIR = cli.define_path(
  'data_dir', None, "The folder of DeepMind's checkpoints.", required=True
)
_VIDEOS_DIR = cli.define_path(
  'videos_dir', None, 'A folder of videos.', required=True
)
_NUM_VIDEOS = flags.DEFINE_integer(
  'num_videos', 64, 'The number of videos to take.', lower_bound=2
)
_NUM_FRAMES = flags.DEFINE_integer(
  'num_frames', 16, 'The number of frames of a clip.', lower_bound=9
)
_PLOT = cli.define_path('plot', None, 'A PNG file to write.')

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def add_noise(
  frames: np.ndarray, deviation: float, rng: np.random.Generator
) -> np.ndarray:
  """Adds normal noise of this standard deviation, in steps of 0 to 255."""
  noise = rng.standard_normal(frames.shape, np.float32)
  return np.clip(frames + np.float32(deviation) * noise, 0, 255)


def shuffle(
  frames: np.ndarray, percent: float, rng: np.random.Generator
) -> np.ndarray:
  """Lets so many percent of the frames change places with one another."""
  number = round(len(frames) * percent / 100)
  places = rng.permutation(len(frames))[:number]
  shuffled = frames.copy()
  shuffled[places] = frames[rng.permutation(places)]
  return shuffled


# Name -> (what is done, how much of it, the unit).
CHANGES: dict[str, tuple[Change, Sequence[float], str]] = {
  'noise': (add_noise, (4, 8, 16, 32, 64), 'deviation, in steps of 0 to 255'),
  'shuffled frames': (shuffle, (25, 50, 75, 100), 'percent of the frames'),
}


def changed(
  frames: np.ndarray, number: int
) -> Iterator[tuple[tuple[str, float], np.ndarray]]:
  """Yields the clip of a video after each change.

  Args:
    frames: float32 [T, 224, 224, 3].
    number: the position of the video, which seeds what is random.
  """
  yield ('', 0), frames
  for name, (change, amounts, _) in CHANGES.items():
    for amount in amounts:
      yield (
        (name, amount),
        change(frames, amount, np.random.default_rng(number)),
      )


def draw(distances: dict[tuple[str, float], float]) -> bytes:
  """Draws a chart of bars for each change; returns the bytes of a PNG file."""
  width, height, margin = 300, 300, 40
  charts = []
  for name, (_, amounts, unit) in CHANGES.items():
    chart = np.full((height + 3 * margin, width + margin, 3), 255, np.uint8)
    most = max(distances[name, amount] for amount in amounts)
    step = width // len(amounts)
    for i, amount in enumerate(amounts):
      distance = distances[name, amount]
      left, floor = margin + i * step, height + margin
      top = floor - round(distance / most * (height - margin))
      cv2.rectangle(
        chart, (left, top), (left + step - 12, floor), (96, 48, 8), cv2.FILLED
      )
      _write(chart, f'{distance:.0f}', left, top - 6)
      _write(chart, f'{amount:g}', left, floor + 18)
    _write(chart, f'FVD against {name}', margin, margin // 2)
    _write(chart, unit, margin, height + 2 * margin)
    charts.append(chart)
  _, encoded = cv2.imencode('.png', np.concatenate(charts, axis=1))
  return encoded.tobytes()


def _write(chart: np.ndarray, text: str, left: int, bottom: int) -> None:
  font = cv2.FONT_HERSHEY_SIMPLEX
  cv2.putText(chart, text, (left, bottom), font, 0.4, (0, 0, 0), 1, cv2.LINE_AA)


def main() -> None:
  """Computes and prints the distances."""
  settings = video_sets.ClipSettings(num_frames=_NUM_FRAMES.value)
  sources = video_sets.choose(
    video_sets.find(_VIDEOS_DIR.value, settings), _NUM_VIDEOS.value
  )
  checkpoint = data_directory.checkpoint(_DATA_DIR.value, 'rgb', 'rgb', False)
  cli.start_tensorflow()
  from two_stream.evaluation import fvd, fvd_features  # noqa: PLC0415

  embed = fvd_features.Embedder(checkpoint)
  features: dict[tuple[str, float], list[np.ndarray]] = {}
  for number, source in enumerate(progress.bar(sources, unit='video')):
    clip = set_clips.load((source, settings))
    for key, frames in changed(clip.frames, number):
      row = embed.of_clips(frames[np.newaxis])[0]
      features.setdefault(key, []).append(row)
  sets = {key: np.stack(rows) for key, rows in features.items()}
  same = sets.pop(('', 0))
  distances = {
    key: fvd.frechet_video_distance(same, rows) for key, rows in sets.items()
  }
  print(f'{len(same)} clips of {settings.num_frames} frames, {embed.name}')
  for name, group in itertools.groupby(distances, key=lambda key: key[0]):
    first = None
    for key in group:
      first = first or distances[key]
      ratio = distances[key] / first
      print(f'{name:16s} {key[1]:4g}: {distances[key]:9.3f} {ratio:7.2f}x')
  if _PLOT.value:
    with files.open_result(_PLOT.value) as stream:
      stream.write(draw(distances))


if __name__ == '__main__':
  cli.run(main)
