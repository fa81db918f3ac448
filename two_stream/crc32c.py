"""CRC-32C (Castagnoli), the checksum in TensorFlow's files, with NumPy.

A CRC is the remainder of a division of polynomials whose coefficients are bits.
Two facts spare a loop over bytes. The CRC of the exclusive or of two messages
is the exclusive or of their CRCs. And zeros that follow a message change its
CRC by a linear map, which tables of a few bytes hold. So a message is taken as
rows of words, and all columns are worked on at a time:

    state = _followed(state) ^ row

In the end the columns' states are put together, a half with the other half.
(The first bytes and the result are inverted besides.)

https://en.wikipedia.org/wiki/Computation_of_cyclic_redundancy_checks
"""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78  # Bits from the lowest power of x to the highest.
_LOG_COLUMNS = 11
_COLUMNS = 1 << _LOG_COLUMNS
_WORD = 4  # Bytes.
_LOG_WORD = 2
_ROW = _COLUMNS * _WORD  # Bytes.
_ONES = 0xFFFFFFFF


def masked(contents):
  """Computes CRCs as TensorFlow stores them.

  Args:
    contents: list of bytes, or of arrays of bytes. Several at a time cost less
      than one after the other.

  Returns:
    A list of int in [0, 2**32).
  """
  sizes = np.array([memoryview(content).nbytes for content in contents])
  states = np.array([_columns(content) for content in contents], np.uint32)
  states = states.reshape(-1, _COLUMNS)
  for log in reversed(range(_LOG_COLUMNS)):  # Halves of 2**log columns.
    before, after = np.split(states, 2, axis=1)
    states = _followed(before, log + _LOG_WORD) ^ after
  crcs = _followed(states[:, 0], _LOG_WORD)
  # The first four bytes of a message count inverted, as does the result.
  start = np.full(len(sizes), _ONES, np.uint32)
  for log in range(int(sizes.max(initial=0)).bit_length()):
    start = np.where(sizes >> log & 1, _followed(start, log), start)
  crcs ^= start ^ np.uint32(_ONES)
  rotated = crcs >> np.uint32(15) | crcs << np.uint32(17)
  return (rotated + np.uint32(0xA282EAD8)).tolist()


def _columns(content):
  """The states of the columns, uint32 [_COLUMNS], that a message ends in."""
  content = np.frombuffer(content, np.uint8)
  head, body = np.split(content, [len(content) % _ROW])
  # Zeros in front do not count.
  state = np.pad(head, (_ROW - len(head), 0)).view('<u4')
  low, high = _row_tables()
  halves = state.view('<u2').reshape(-1, 2).T
  follow_low, follow_high = np.empty_like(state), np.empty_like(state)
  for row in body.view('<u4').reshape(-1, _COLUMNS):
    # No index is out of bounds; `wrap` saves the look, and a copy.
    low.take(halves[0], out=follow_low, mode='wrap')
    high.take(halves[1], out=follow_high, mode='wrap')
    np.bitwise_xor(follow_low, follow_high, out=state)
    np.bitwise_xor(state, row, out=state)
  return state


def _followed(states, log):
  """The states once 2**log bytes of zeros have followed."""
  tables = _byte_tables(log)
  return np.bitwise_xor.reduce(
    [table[states >> 8 * place & 0xFF] for place, table in enumerate(tables)]
  )


@functools.cache
def _byte_tables(log):
  """`_followed` of every byte in each of the four places, uint32 [4, 256]."""
  states = np.arange(256, dtype=np.uint32) << 8 * np.arange(4)[:, np.newaxis]
  states = states.astype(np.uint32)
  if log:
    return _followed(_followed(states, log - 1), log - 1)
  for _ in range(8):
    states = states >> 1 ^ np.where(states & 1, np.uint32(_POLYNOMIAL), 0)
  return states.astype(np.uint32)


@functools.cache
def _row_tables():
  """As `_byte_tables` of a row, of every half of a word: uint32 [2, 65536]."""
  halves = np.arange(1 << 16, dtype=np.uint32)
  log = _LOG_COLUMNS + _LOG_WORD
  return _followed(halves, log), _followed(halves << np.uint32(16), log)
