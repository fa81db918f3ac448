"""How the loops of tvl1.py are compiled: by numba, for this processor."""

import functools

import numba
from numba import types
from numba.core import compiler
from numba.extending import intrinsic


class _NoAlias(compiler.CompilerBase):
  """Promises that arrays do not overlap, so that loops are vectorized."""

  def define_pipelines(self):
    self.state.flags.noalias = True
    return [compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)]


def kernel(function):
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
  except RuntimeError:  # No folder of the cache can be written.
    return compiled()


# For a function that becomes part of a kernel. Compiled apart, it is optimized
# otherwise when it comes from the cache, and results differ in the last bits.
part = numba.njit(inline='always')


@intrinsic
def widest_vectors(typing_context):
  """Lets the kernel that calls this use 512-bit vectors, where there are any.

  LLVM stays with 256 bits of its own accord, to keep the clock of the first
  processors that had more.
  """
  del typing_context

  def generate(context, builder, signature, arguments):
    del signature, arguments
    # As a set: llvmlite's own `add` knows attributes without a value only.
    set.add(builder.function.attributes, '"prefer-vector-width"="512"')
    return context.get_dummy_value()

  return types.void(), generate
