"""Shows what both streams see of a video as two GIFs, for the README.

    python demo/make_gifs.py

reads data/sample.webm and writes docs/sample_rgb.gif and docs/sample_flow.gif.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from two_stream import cli, files
from two_stream.evaluation import animations, data_directory, sample_clips
from two_stream.video import resampling

_ROOT = pathlib.Path(__file__).parent.parent
_DATA_DIR = cli.define_path(
  'data_dir', str(_ROOT / 'data'), 'Folder that contains sample.webm.'
)
_OUTPUT_DIR = cli.define_path(
  'output_dir',
  str(_ROOT / 'docs'),
  'Folder of the GIFs, which is made if it does not exist.',
)


def main() -> None:
  """Prepares the clips of the video as for the networks, and writes them."""
  rate = data_directory.frames_per_second(_DATA_DIR.value)
  sample = data_directory.default_sample(_DATA_DIR.value)
  clips = sample_clips.load(sample, ('rgb', 'flow'), rate)
  flow, _ = animations.flow_frames(clips['flow'][0])
  frames = {'rgb': animations.rgb_frames(clips['rgb'][0]), 'flow': flow}
  folder = pathlib.Path(_OUTPUT_DIR.value)
  folder.mkdir(parents=True, exist_ok=True)
  for stream, images in frames.items():
    path = folder / f'{sample.stem}_{stream}.gif'
    with files.atomic_open(path) as output:
      output.write(
        animations.encode(images, rate or resampling.FRAMES_PER_SECOND, '.gif')
      )
    print(f'{path}: {path.stat().st_size / 1000:.0f} kB')


if __name__ == '__main__':
  cli.run(main)
