"""How the loops of tvl1_kernels.py are compiled: by numba, for this processor.

A function that Python calls is a `kernel`. A function that only kernels call is
a `part`. A kernel that calls `widest_vectors` may use 512-bit vectors.
"""

import functools
from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.core import compiler
from numba.extending import intrinsic


class _NoAlias(compiler.CompilerBase):
  """Numba's compiler, told that arrays do not overlap.

  Only then does LLVM use vector instructions in loops over several arrays.
  """

  def define_pipelines(self) -> list[Any]:
    """Returns the pipelines to try, which are numba's own."""
    self.state.flags.noalias = True
    return [compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)]


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
  """Decorates a function that is compiled when it is first called.

  The machine code is kept on disk, in a cache of numba, if that can be written.
  Numba compiles a kernel again when the file of the kernel has changed, but not
  when this file has.

  While a kernel runs, other threads of Python run too (it releases the GIL).

  Args:
    function: a function whose arrays do not overlap. The compiler may reorder
      its arithmetic, and a division by zero gives infinity, not an error.

  Returns:
    The function, to be called with the same arguments.
  """
  compiled = functools.partial(
    numba.njit,
    function,
    fastmath=True,
    error_model='numpy',
    nogil=True,
    pipeline_class=_NoAlias,
  )
  try:
    return compiled(cache=True)
  except RuntimeError:  # Numba can write to none of its cache folders.
    return compiled()


# Decorates a function that becomes a part of the kernels that call it. Compiled
# on its own, it would be optimized in another way whenever it comes from the
# cache. Then results would differ in their last bits.
part = numba.njit(inline='always')


@intrinsic
def widest_vectors(typing_context: Any) -> tuple[Any, Callable[..., Any]]:
  """Lets the kernel that calls this use 512-bit vectors if the processor can.

  By default LLVM uses 256 bits, because the first processors with 512-bit
  vectors ran slower while they used them.

  Args:
    typing_context: what numba passes to every intrinsic.
  """
  del typing_context

  def generate(
    context: Any, builder: Any, signature: Any, arguments: Any
  ) -> Any:
    """Sets the option on the function that is being compiled."""
    del signature, arguments
    # llvmlite's own `add` refuses attributes that have a value.
    set.add(builder.function.attributes, '"prefer-vector-width"="512"')
    return context.get_dummy_value()

  return types.void(), generate
