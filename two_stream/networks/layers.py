"""Networks as tables of layers, and what a table tells of its weights.

A row is (name, layer), and a layer is a convolution, a pooling, or a block of
branches with rows of their own. `i3d.LAYERS` is such a table, and
`inception_v1.LAYERS` the one without time. A convolution is found by its path,
such as 'Mixed_3b/Branch_0/Conv3d_0a_1x1'.

The shapes of weights follow from the table. So a checkpoint is compared with
them before a network is made of what the checkpoint claims.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

# One number for all axes; or (time, height, width), or (height, width).
Size = int | tuple[int, ...]

# With this depth_multiplier the narrowest layer of I3D still has one channel.
NARROWEST = 1 / 16


class Conv(NamedTuple):
  """A convolution with SAME padding, followed by BatchNorm and ReLU.

  Attributes:
    channels: number of channels of the output.
    kernel: size of the kernel.
    stride: stride of the convolution.
  """

  channels: int
  kernel: Size
  stride: Size = 1


class MaxPool(NamedTuple):
  """Max pooling with SAME padding.

  Attributes:
    kernel: size of the kernel.
    stride: stride of the pooling.
  """

  kernel: Size
  stride: Size


# Name of a branch -> its rows. The outputs of all branches are concatenated.
Branches = dict[str, tuple[tuple[str, Conv | MaxPool], ...]]
Layer = Conv | MaxPool | Branches
Rows = Sequence[tuple[str, Layer]]


def scaled(channels: int, depth_multiplier: float) -> int:
  """Multiplies a layer's channels, and rounds down as TF-slim does.

  Raises:
    ValueError: no channel is left.
  """
  # The small term keeps 0.29 * 100 from becoming 28.
  scaled_channels = int(channels * depth_multiplier + 1e-6)
  if scaled_channels < 1:
    raise ValueError(
      f'depth_multiplier {depth_multiplier} leaves a layer of {channels} '
      'channels with none; the smallest is 1/16'
    )
  return scaled_channels


def convolutions(rows: Rows) -> Iterator[tuple[str, Conv]]:
  """Yields (path, layer) of every convolution in a table, in order."""
  for name, layer in rows:
    if isinstance(layer, Conv):
      yield name, layer
    elif isinstance(layer, dict):
      for branch, branch_rows in layer.items():
        for unit_name, unit in convolutions(branch_rows):
          yield f'{name}/{branch}/{unit_name}', unit


def weight_shapes(
  rows: Rows, channels: int, depth_multiplier: float = 1.0, axes: int = 3
) -> tuple[dict[str, list[int]], int]:
  """Computes the shapes of the weights of a table's convolutions.

  Args:
    rows: the table.
    channels: number of channels of the network's input.
    depth_multiplier: factor on the channels of every layer.
    axes: number of axes of a kernel: 3 for clips, 2 for images.

  Returns:
    (path -> [*kernel, channels in, channels out], channels of the last output).

  Raises:
    ValueError: the multiplier leaves a layer without channels.
  """
  shapes = {}
  for name, layer in rows:
    if isinstance(layer, Conv):
      kernel = layer.kernel
      kernel = (kernel,) * axes if isinstance(kernel, int) else kernel
      channels_out = scaled(layer.channels, depth_multiplier)
      shapes[name] = [*kernel, channels, channels_out]
      channels = channels_out
    elif isinstance(layer, dict):
      joined = 0
      for branch, branch_rows in layer.items():
        of_branch, channels_out = weight_shapes(
          branch_rows, channels, depth_multiplier, axes
        )
        joined += channels_out
        for unit, shape in of_branch.items():
          shapes[f'{name}/{branch}/{unit}'] = shape
      channels = joined
  return shapes, channels


def fitting_multiplier(rows: Rows, channels: Mapping[str, int]) -> float:
  """Finds the depth_multiplier that gives most layers their channels.

  Args:
    rows: the table of the network at full width.
    channels: path of a convolution -> the number of channels that it has. Paths
      that are not in the table are ignored.

  Returns:
    The multiplier, at least `NARROWEST`.
  """
  full = {path: conv.channels for path, conv in convolutions(rows)}
  known = [
    (full[path], found) for path, found in channels.items() if path in full
  ]
  # Channel counts are rounded down: the largest ratio that fits gives them all.
  ratios = sorted({NARROWEST, *(found / whole for whole, found in known)})
  return max(
    (ratio for ratio in reversed(ratios) if ratio >= NARROWEST),
    key=lambda ratio: sum(
      scaled(whole, ratio) == found for whole, found in known
    ),
  )
