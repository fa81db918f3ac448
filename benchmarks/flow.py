"""Compares the CPU time of this project's TV-L1 with that of OpenCV's.

    python -m benchmarks.flow --contrib_python=/path/to/bin/python

--contrib_python is the interpreter of an environment that has
opencv-contrib-python, which must not be installed beside opencv-python. Without
the flag, OpenCV is not timed. Both take turns and use one thread. The frames
have 256 x 340 pixels and move by several pixels. "of the limit" compares with
the time that the memory traffic of the inner iterations alone would take, at
the bandwidth that is measured in the same run.
"""

import functools
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

import cv2
import numba
import numpy as np
from absl import flags

from benchmarks import moving_textures
from two_stream import cli, errors
from two_stream.video import tvl1

_CONTRIB_PYTHON = flags.DEFINE_string(
  'contrib_python', None, 'Interpreter with opencv-contrib-python.'
)
_PAIRS = flags.DEFINE_integer(
  'pairs', 8, 'Number of pairs of frames.', lower_bound=1
)

_HEIGHT, _WIDTH = 256, 340
# For each pixel, an inner iteration reads 9 float32 values and writes 6.
_BYTES_PER_UPDATE = 4 * (9 + 6)

_CONTRIB_PROGRAM = """
import sys, time
import cv2
import numpy as np
cv2.setNumThreads(1)
frames = np.load(sys.argv[1])
algorithm = cv2.optflow.DualTVL1OpticalFlow_create()
start = time.process_time()
flow = algorithm.calc(frames[0], frames[1], None)
print(time.process_time() - start)
np.save(sys.argv[2], flow)
"""


def main() -> None:
  """Prints a row for each pair, and the totals."""
  cv2.setNumThreads(1)
  solver = tvl1.Solver(_HEIGHT, _WIDTH)
  solver.solve(*random_pair(0))  # Compiles.
  solver.updates = 0
  ours_total = contrib_total = 0.0
  print('pair   ours s   OpenCV s   ratio   error median, mean (px)')
  for number in range(1, _PAIRS.value + 1):
    frames = random_pair(number)
    ours, flow = cpu_seconds(functools.partial(solver.solve, *frames))
    ours_total += ours
    row = f'{number:4}  {ours:7.3f}'
    if _CONTRIB_PYTHON.value:
      contrib, expected = contrib_flow(_CONTRIB_PYTHON.value, frames)
      contrib_total += contrib
      error = np.linalg.norm(flow - expected, axis=-1)
      row += f'  {contrib:9.2f}  {contrib / ours:6.1f}'
      row += f'   {np.median(error):.4f}, {np.mean(error):.4f}'
    print(row, flush=True)
  per_update = ours_total / solver.updates
  limit = _BYTES_PER_UPDATE / bandwidth()
  print(
    f'{per_update * 1e9:.2f} ns a pixel and inner iteration, all included; '
    f'{limit / per_update:.0%} of the limit, {limit * 1e9:.2f} ns'
  )
  if contrib_total:
    print(f'{contrib_total / ours_total:.1f} times less CPU time than OpenCV')


def random_pair(seed: int) -> list[np.ndarray]:
  """Returns two frames; background and disk move by several pixels."""
  rng = np.random.default_rng(seed)
  background, disk = (
    moving_textures.Motion(
      x=rng.uniform(-reach, reach),
      y=rng.uniform(-reach, reach),
      degrees=rng.uniform(-2, 2),
      zoom=rng.uniform(0.98, 1.02),
    )
    for reach in (4, 8)
  )
  return moving_textures.render(
    moving_textures.Scene(seed, _HEIGHT, _WIDTH, background, disk)
  )


def contrib_flow(
  python: str, frames: list[np.ndarray]
) -> tuple[float, np.ndarray]:
  """Returns (CPU seconds, flow) of OpenCV's TV-L1 in another environment."""
  with tempfile.TemporaryDirectory() as folder:
    pair, flow = f'{folder}/pair.npy', f'{folder}/flow.npy'
    np.save(pair, np.stack(frames))
    result = subprocess.run(
      [python, '-c', _CONTRIB_PROGRAM, pair, flow],
      capture_output=True,
      text=True,
      check=False,
    )
    if result.returncode:
      reason = (result.stderr.splitlines() or ['no reason given'])[-1]
      raise errors.InputError(f'--contrib_python={python}: {reason}')
    return float(result.stdout), np.load(flow, allow_pickle=False)


def bandwidth() -> float:
  """Returns the bytes per second that one core reads and writes."""
  fields = np.ones((16, _HEIGHT, _WIDTH), np.float32)
  _pass_over(fields)
  best = min(cpu_seconds(lambda: _pass_over(fields))[0] for _ in range(20))
  return fields.nbytes / best


@numba.njit(fastmath=True)
def _pass_over(fields: np.ndarray) -> None:
  """Reads ten fields and writes the other six."""
  for y in range(fields.shape[1]):
    for x in range(fields.shape[2]):
      total = np.float32(0)
      for i in range(10):
        total += fields[i, y, x]
      for i in range(10, 16):
        fields[i, y, x] = total


def cpu_seconds(run: Callable[[], Any]) -> tuple[float, Any]:
  """Returns (CPU seconds, result) of a call."""
  start = time.process_time()
  result = run()
  return time.process_time() - start, result


if __name__ == '__main__':
  cli.run(main)
