"""Writes tvl1.npz: the flow of OpenCV's own TV-L1.

    python tests/golden/make_tvl1.py     in an environment with
                                         opencv-contrib-python 5.0 and numpy

The file holds the flow of every scene of benchmarks/moving_textures.py, at
every 4th pixel of every 4th row, as float32. `opencv` is OpenCV's version.
"""

import pathlib
import sys

import cv2
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from benchmarks import moving_textures

GOLDEN = pathlib.Path(__file__).parent


def main():
  """Computes and writes."""
  flows = {'opencv': np.array(cv2.__version__)}
  for name, scene in moving_textures.SCENES.items():
    algorithm = cv2.optflow.DualTVL1OpticalFlow_create()
    flow = algorithm.calc(*moving_textures.render(scene), None)
    flows[name] = flow[::4, ::4]
  np.savez_compressed(GOLDEN / 'tvl1.npz', **flows)


if __name__ == '__main__':
  main()
