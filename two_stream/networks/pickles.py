"""Reads pickles as data, and never does what they say.

A pickle is a program for a small machine with a stack. Python's own reader
calls every function that the program names, so that a pickle can do anything,
for instance remove files. The reader here knows the instructions that build
numbers, texts, lists, tuples and dicts. If a pickle names a function or a
class, the name is looked up in a table of the caller, which gives a function
that takes its place. A name that is not in the table is refused. Nothing is
imported.

Every size is compared with the file before memory is allocated. A pickle can
refer to an object many times, so what is read may be a graph, and may even
contain itself: whoever walks through it has to limit the steps.
"""

import abc
import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple, Protocol, cast

# These limits are far above what the weights of this network need.
_MAX_INSTRUCTIONS = 1 << 18
_MAX_LINE = 1 << 10  # Bytes.

# (module, name) -> a function that takes the place of this one, or None for a
# name that is only handed to others.
Meanings = Mapping[tuple[str, str], Callable[..., Any] | None]


class Known(NamedTuple):
  """A name in a pickle that the caller's table has.

  Attributes:
    module: the name of the module.
    name: the name in the module.
    make: what the table has for it.
  """

  module: str
  name: str
  make: Callable[..., Any] | None


class Stateful(abc.ABC):
  """An object that gets its content after it was made."""

  @abc.abstractmethod
  def set_state(self, state: Any) -> None:
    """Takes over what a pickle says the object holds; may raise ValueError."""


class _Stream(Protocol):
  def read(self, size: int, /) -> bytes: ...
  def readline(self, size: int, /) -> bytes: ...


class Source:
  """A stream that never reads beyond a given number of bytes.

  Attributes:
    left: how many bytes are left.
  """

  def __init__(self, stream: _Stream, size: int) -> None:
    self._stream = stream
    self.left = size

  def read(self, size: int) -> bytes:
    """Returns exactly so many bytes; raises ValueError if there are fewer."""
    if not 0 <= size <= self.left:
      raise ValueError(f'it tells of {size} bytes where {self.left} are left')
    content = self._stream.read(size)
    if len(content) != size:
      raise ValueError('it breaks off')
    self.left -= size
    return content

  def readline(self) -> bytes:
    """Returns bytes up to a line end; raises ValueError if it is far away."""
    content = self._stream.readline(min(_MAX_LINE, self.left))
    if not content.endswith(b'\n'):
      raise ValueError('a line does not end')
    self.left -= len(content)
    return content


def read(
  source: Source,
  meanings: Meanings,
  persistent: Callable[[Any], Any] | None = None,
) -> Any:
  """Reads one pickle.

  Args:
    source: where the pickle begins. Afterwards it stands behind the pickle.
    meanings: the functions and classes that the pickle may name.
    persistent: gives the object for what the pickle calls a persistent id. None
      means that there are none.

  Returns:
    What the pickle holds: None, bool, int, float, str, bytes, list, tuple, dict
    with keys that are str or int, `Known`, and what `meanings` and `persistent`
    return.

  Raises:
    ValueError: the pickle is damaged, too long, names what is not in
      `meanings`, or has an instruction that weights do not need.
    OSError: the file cannot be read.
  """
  machine = _Machine(meanings, persistent)
  instructions = pickletools.genops(cast('IO[bytes]', source))
  for number, (opcode, argument, _) in enumerate(instructions):
    if number >= _MAX_INSTRUCTIONS:
      raise ValueError(f'it has more than {_MAX_INSTRUCTIONS} instructions')
    if opcode.name == 'STOP':
      break
    machine.do(opcode.name, argument)
  return machine.pop()


# Instructions that put their argument on the stack.
_ARGUMENTS = frozenset(
  (
    *('BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT'),
    *('BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8'),
    *('BINSTRING', 'SHORT_BINSTRING'),  # Texts of Python 2.
    *('BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8'),
  )
)
_CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
_EMPTY = {'EMPTY_DICT': dict, 'EMPTY_LIST': list, 'EMPTY_TUPLE': tuple}
_TUPLES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
_NOTHING = frozenset(('PROTO', 'FRAME'))
_PUTS = frozenset(('BINPUT', 'LONG_BINPUT', 'MEMOIZE'))
_GETS = frozenset(('BINGET', 'LONG_BINGET'))


class _Machine:
  """The stack and the memory of a pickle."""

  def __init__(
    self, meanings: Meanings, persistent: Callable[[Any], Any] | None
  ) -> None:
    self._meanings = meanings
    self._persistent = persistent
    self._stack: list[Any] = []
    self._marks: list[int] = []
    self._memo: dict[int, Any] = {}

  def do(self, name: str, argument: Any) -> None:
    """Follows one instruction; raises ValueError if that is impossible."""
    push = self._stack.append
    if name in _ARGUMENTS:
      push(argument)
    elif name in _CONSTANTS:
      push(_CONSTANTS[name])
    elif name in _EMPTY:
      push(_EMPTY[name]())
    elif name in _TUPLES:
      items = [self.pop() for _ in range(_TUPLES[name])]
      push(tuple(reversed(items)))
    elif name in _PUTS:
      key = len(self._memo) if name == 'MEMOIZE' else argument
      self._memo[key] = self._top()
    elif name in _GETS:
      if argument not in self._memo:
        raise ValueError('it refers to an object that it does not have')
      push(self._memo[argument])
    elif name not in _NOTHING:
      self._do_other(name, argument)

  def _do_other(self, name: str, argument: Any) -> None:
    """Follows an instruction that has a method of its own."""
    method = getattr(self, f'_{name.lower()}', None)
    if name not in _METHODS or method is None:
      raise ValueError(f'weights do not need its instruction {name}')
    method(argument)

  def pop(self) -> Any:
    """Takes an object off the stack; raises ValueError if there is none."""
    top = self._top()
    self._stack.pop()
    return top

  def _top(self) -> Any:
    if len(self._stack) <= (self._marks[-1] if self._marks else 0):
      raise ValueError('it takes an object where there is none')
    return self._stack[-1]

  def _items(self) -> list[Any]:
    """Takes everything since the last mark off the stack."""
    if not self._marks:
      raise ValueError('it has a list without a beginning')
    start = self._marks.pop()
    items = self._stack[start:]
    del self._stack[start:]
    return items

  def _mark(self, _: Any) -> None:
    self._marks.append(len(self._stack))

  def _tuple(self, _: Any) -> None:
    self._stack.append(tuple(self._items()))

  def _append(self, _: Any) -> None:
    self._extend([self.pop()])

  def _appends(self, _: Any) -> None:
    self._extend(self._items())

  def _extend(self, items: list[Any]) -> None:
    target = self._top()
    if type(target) is not list:
      raise ValueError('it appends to what is no list')
    target.extend(items)

  def _setitem(self, _: Any) -> None:
    value = self.pop()
    self._update([self.pop(), value])

  def _setitems(self, _: Any) -> None:
    self._update(self._items())

  def _update(self, items: list[Any]) -> None:
    target = self._top()
    if type(target) is not dict or len(items) % 2:
      raise ValueError('it sets keys of what is no dict')
    set_pairs(target, zip(items[::2], items[1::2]))

  def _global(self, argument: str) -> None:
    # Both names are in one text, with a blank between them.
    self._name(*argument.partition(' ')[::2])

  def _stack_global(self, _: Any) -> None:
    name = self.pop()
    self._name(self.pop(), name)

  def _name(self, module: Any, name: Any) -> None:
    if not (type(module) is str and type(name) is str):
      raise ValueError('it names something without a name')
    if (module, name) not in self._meanings:
      # A name may have megabytes.
      raise ValueError(
        f'it asks for {module[:100]}.{name[:100]}, which is refused: weights '
        'alone do not need it'
      )
    self._stack.append(Known(module, name, self._meanings[module, name]))

  def _reduce(self, _: Any) -> None:
    arguments = self.pop()
    function = self.pop()
    if not (type(function) is Known and function.make) or (
      type(arguments) is not tuple
    ):
      raise ValueError('it calls what cannot be called')
    try:
      self._stack.append(function.make(*arguments))
    except TypeError:  # It has another number of arguments.
      raise ValueError(
        f'it uses {function.module}.{function.name} in an unknown way'
      ) from None

  def _build(self, _: Any) -> None:
    state = self.pop()
    target = self._top()
    if isinstance(target, Stateful):
      target.set_state(state)
    # An OrderedDict may have attributes beside its items. They are of no use.
    elif type(target) is not dict:
      raise ValueError('it changes what cannot be changed')

  def _binpersid(self, _: Any) -> None:
    if not self._persistent:
      raise ValueError('it refers to an object outside of it')
    self._stack.append(self._persistent(self.pop()))


_METHODS = frozenset(
  (
    *('MARK', 'TUPLE', 'APPEND', 'APPENDS', 'SETITEM', 'SETITEMS', 'GLOBAL'),
    *('STACK_GLOBAL', 'REDUCE', 'BUILD', 'BINPERSID'),
  )
)


def set_pairs(target: dict[Any, Any], pairs: Any) -> None:
  """Sets items of a dict whose keys are from a pickle.

  Raises:
    ValueError: a pair is none, or a key is neither str nor int. The hash of a
      tuple could take for ever.
  """
  for pair in pairs:
    if type(pair) not in (tuple, list) or len(pair) != 2:
      raise ValueError('it has an item that is no pair')
    if type(pair[0]) not in (str, int):
      raise ValueError('it has a key that is neither text nor a number')
    target[pair[0]] = pair[1]


def ordered_dict(items: Any = ()) -> dict[Any, Any]:
  """Takes the place of `collections.OrderedDict` in a table of meanings."""
  if type(items) not in (tuple, list):
    raise ValueError('it makes a dict of what is no list')
  made: dict[Any, Any] = {}
  set_pairs(made, items)
  return made
