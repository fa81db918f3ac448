"""Bicubic interpolation of an image of four channels, for use in kernels.

OpenCV's kernel: Keys, "Cubic Convolution Interpolation for Digital Image
Processing", 1981, with a = -0.75, at exact positions as in OpenCV 5. OpenCV 4's
remap rounds positions to 1/32 pixel, so the sampling here is our own.
"""

import functools

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# Weights of 4 pixels in a row: a line of coefficients for each power of the
# distance t from the second of them.
_CUBIC = np.array(
  [
    [0, 1, 0, 0],
    [-0.75, 0, 0.75, 0],
    [1.5, -2.25, 1.5, -0.75],
    [-0.75, 1.25, -1.25, 0.75],
  ]
)
_FOUR = ir.VectorType(ir.FloatType(), 4)
_LINE = ir.VectorType(ir.FloatType(), 16)
_LANE = ir.IntType(32)


@intrinsic
def sample(typing_context, image, first, row, x, y):
  """Interpolates all 4 channels at one point.

  Numba leaves LLVM's vectorizer of straight-line code off; these are the vector
  instructions that it would have to find. A line of 4 pixels is one vector.

  Args:
    typing_context: numba's.
    image: float32 [pixels * 4], rows one after another.
    first: uint64, where in `image` the 4x4 pixels around the point begin.
    row: uint64, from one row to the next in `image`.
    x: float32 in [0, 1), the point's distance from the second column.
    y: float32 in [0, 1), the same from the second row.

  Returns:
    4 float32.
  """
  del typing_context
  signature = types.UniTuple(types.float32, 4)(
    image, types.uint64, types.uint64, types.float32, types.float32
  )
  return signature, _generate


def _generate(context, builder, signature, arguments):
  image, at, row, x, y = arguments
  pixels = context.make_array(signature.args[0])(context, builder, image).data
  multiply = functools.partial(builder.fmul, flags=('fast',))
  add = functools.partial(builder.fadd, flags=('fast',))

  def pick(vector, lanes):
    lanes = list(lanes)
    mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), lanes)
    return builder.shuffle_vector(vector, vector, mask)

  def weights(t):
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
