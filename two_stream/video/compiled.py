"""How the loops of tvl1.py are compiled: by numba, for this processor."""

import functools
from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.core import compiler
from numba.extending import intrinsic


class _NoAlias(compiler.CompilerBase):
  """Promises that arrays do not overlap, so that loops are vectorized."""

  def define_pipelines(self):
    self.state.flags.noalias = True
    return [compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)]


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
  """Compiles a function of arrays at its first call; keeps the code on disk.

  Args:
    function: of arrays that do not overlap. Its float arithmetic may be
      reordered and divides without a check for zero.
  """
  compiled = functools.partial(
    numba.njit,
    function,
    fastmath=True,
    error_model='numpy',
    pipeline_class=_NoAlias,
  )
  try:
    return compiled(cache=True)
  except RuntimeError:  # Numba can write to none of its cache folders.
    return compiled()


# Decorates a function that becomes part of a kernel. If it were compiled on its
# own, it would be optimized in another way when it comes from the cache, and
# results would differ in the last bits.
part = numba.njit(inline='always')


@intrinsic
def widest_vectors(typing_context):
  """Lets the kernel that calls this use 512-bit vectors if the processor can.

  By default LLVM uses 256 bits, because the first processors with 512-bit
  vectors lowered their clock for them.
  """
  del typing_context

  def generate(context, builder, signature, arguments):
    del signature, arguments
    # llvmlite's own `add` refuses attributes that have a value.
    set.add(builder.function.attributes, '"prefer-vector-width"="512"')
    return context.get_dummy_value()

  return types.void(), generate
