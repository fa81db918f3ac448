"""Writes pickles instruction by instruction, so that any part can be wrong.

Values are written as Python's `pickle` writes them in protocol 2
(Lib/pickletools.py), without a memory. What a pickle names is only a text here:
nothing has to exist, and nothing is imported or called.
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple


class Global(NamedTuple):
  """A function or class."""

  module: str
  name: str


class Call(NamedTuple):
  """What a function returns; `state` is given to it afterwards."""

  function: Any
  arguments: Any
  state: Any = None


class Persistent(NamedTuple):
  """An object outside of the pickle."""

  identity: Any


class Python2Text(str):
  """A text as Python 2 writes it."""

  __slots__ = ()


def dumps(value: Any) -> bytes:
  """Returns a pickle of a value, which may contain the classes above."""
  return b'\x80\x02' + code(value) + b'.'


def code(value: Any) -> bytes:
  """Returns the instructions that put a value on the stack."""
  if isinstance(value, Global):
    return f'c{value.module}\n{value.name}\n'.encode()
  if isinstance(value, Call):
    called = code(value.function) + code(value.arguments) + b'R'
    return called + (b'' if value.state is None else code(value.state) + b'b')
  if isinstance(value, Persistent):
    return code(value.identity) + b'Q'
  if isinstance(value, (dict, list, tuple)):
    return _container(value)
  return _scalar(value)


def _container(value: dict | list | tuple) -> bytes:
  if isinstance(value, dict):
    items = [part for item in value.items() for part in item]
    return b'}(' + _joined(items) + b'u'
  if isinstance(value, list):
    return b'](' + _joined(value) + b'e'
  return b'(' + _joined(value) + b't'


def _joined(values: Sequence[Any]) -> bytes:
  return b''.join(map(code, values))


def _scalar(value: Any) -> bytes:
  if value is None or isinstance(value, bool):
    return {None: b'N', True: b'\x88', False: b'\x89'}[value]
  if isinstance(value, int):
    if -(1 << 31) <= value < 1 << 31:
      return b'J' + struct.pack('<i', value)
    content = value.to_bytes(value.bit_length() // 8 + 1, 'little', signed=True)
    return b'\x8a' + bytes([len(content)]) + content
  if isinstance(value, float):
    return b'G' + struct.pack('>d', value)
  if isinstance(value, str):
    return _text(value)
  return b'B' + struct.pack('<I', len(value)) + value


def _text(value: str) -> bytes:
  content = value.encode('utf-8', 'surrogatepass')
  if isinstance(value, Python2Text):
    return b'U' + bytes([len(content)]) + content
  return b'X' + struct.pack('<I', len(content)) + content
