"""Bicubic interpolation of an image of four channels, for use in kernels.

The weights are OpenCV's: those of Keys, "Cubic Convolution Interpolation for
Digital Image Processing", 1981, with a = -0.75. Positions are exact, which they
are in OpenCV 5, too. `cv2.remap` of OpenCV 4 rounds them to 1/32 of a pixel, so
that it cannot be used here.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# The weights of 4 neighbouring pixels are polynomials of t, the distance of the
# point from the second of them. Row i has the coefficients of t ** i.
_CUBIC = np.array(
  [
    [0, 1, 0, 0],
    [-0.75, 0, 0.75, 0],
    [1.5, -2.25, 1.5, -0.75],
    [-0.75, 1.25, -1.25, 0.75],
  ]
)
# Types of LLVM: the 4 channels of a pixel, a line of 4 pixels, and the position
# of an element in a vector.
_FOUR = ir.VectorType(ir.FloatType(), 4)
_LINE = ir.VectorType(ir.FloatType(), 16)
_LANE = ir.IntType(32)


@intrinsic
def sample(
  typing_context: Any,
  image: types.Type,
  first: types.Type,
  row: types.Type,
  x: types.Type,
  y: types.Type,
) -> tuple[Any, Callable[..., ir.Value]]:
  """Interpolates all 4 channels at one point.

  A kernel calls `bicubic.sample(image, first, row, x, y)`. The function is
  written as instructions of LLVM on vectors, because numba does not let LLVM
  find vectors in code without loops. A line of 4 pixels is one vector.

  Args:
    typing_context: what numba passes to every intrinsic.
    image: float32 [pixels * 4], the rows of the image one after another.
    first: uint64, where the 4x4 pixels around the point begin in `image`.
    row: uint64, the distance between rows in `image`.
    x: float32 in [0, 1), the distance of the point from the second column.
    y: float32 in [0, 1), its distance from the second row.

  Returns:
    The 4 interpolated channels, float32.
  """
  del typing_context
  signature = types.UniTuple(types.float32, 4)(
    image, types.uint64, types.uint64, types.float32, types.float32
  )
  return signature, _generate


def _generate(
  context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any
) -> ir.Value:
  """Emits the instructions of `sample`; numba calls this to compile it."""
  image, at, row, x, y = arguments
  pixels = context.make_array(signature.args[0])(context, builder, image).data
  multiply = functools.partial(builder.fmul, flags=('fast',))
  add = functools.partial(builder.fadd, flags=('fast',))

  def pick(vector: ir.Value, lanes: Iterable[int]) -> ir.Value:
    """Makes a vector of some elements of another."""
    lanes = list(lanes)
    mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), lanes)
    return builder.shuffle_vector(vector, vector, mask)

  def weights(t: ir.Value) -> ir.Value:
    """Evaluates the polynomials of the 4 weights at t, by Horner's rule."""
    t = builder.insert_element(ir.Constant(_FOUR, ir.Undefined), t, _LANE(0))
    t = pick(t, [0] * 4)
    result = ir.Constant(_FOUR, _CUBIC[3].tolist())
    for coefficients in _CUBIC[2::-1].tolist():
      result = add(multiply(result, t), ir.Constant(_FOUR, coefficients))
    return result

  along_y, lines = weights(y), []
  for i in range(4):
    address = builder.bitcast(builder.gep(pixels, [at]), _LINE.as_pointer())
    line = builder.load(address, align=4)
    lines.append(multiply(line, pick(along_y, [i] * 16)))
    at = builder.add(at, row)
  line = functools.reduce(add, lines)
  line = multiply(line, pick(weights(x), [i // 4 for i in range(16)]))
  pair = add(pick(line, range(8)), pick(line, range(8, 16)))
  point = add(pick(pair, range(4)), pick(pair, range(4, 8)))
  channels = [builder.extract_element(point, _LANE(i)) for i in range(4)]
  return context.make_tuple(builder, signature.return_type, channels)
