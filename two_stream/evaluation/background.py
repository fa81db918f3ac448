"""A function that runs in a thread while the program does something else."""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

_Arguments = ParamSpec('_Arguments')
_Result = TypeVar('_Result')


class Call(Generic[_Result]):
  """A call that has begun.

  The program does not wait for the call when it ends, for instance after an
  error or Ctrl-C.
  """

  def __init__(
    self,
    function: Callable[_Arguments, _Result],
    *arguments: _Arguments.args,
    **options: _Arguments.kwargs,
  ) -> None:
    """Begins the call."""
    self._future: concurrent.futures.Future[_Result] = (
      concurrent.futures.Future()
    )

    def run() -> None:
      try:
        self._future.set_result(function(*arguments, **options))
      except BaseException as error:  # noqa: BLE001 (the caller gets it)
        self._future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()

  def result(self) -> _Result:
    """Waits for the end of the call.

    Returns:
      What the function returned.

    Raises:
      Exception: what the function raised.
    """
    return self._future.result()
