"""Damages files for hypothesis, like faulty copies, disks and attackers do."""

from collections.abc import Sequence

from hypothesis import strategies as st

# Values that replace the lengths and counts in a file.
EXTREMES = [b'\0' * 4, b'\xff' * 4, b'\x7f' + b'\xff' * 3, b'\x80' + b'\0' * 3]


def damaged(
  content: bytes, words: Sequence[bytes] = ()
) -> st.SearchStrategy[bytes]:
  """Draws contents that differ from a good one in one to eight places.

  Args:
    content: of a good file.
    words: byte strings that have a meaning in such files.

  Returns:
    A strategy of damaged contents.
  """
  place = st.integers(0, len(content) - 1)
  # Headers are short, but most checks depend on them.
  place = st.one_of(place, place.map(lambda i: i % 200))
  piece = st.one_of(
    st.binary(max_size=8), st.sampled_from([*EXTREMES, *words, b''])
  )
  edit = st.tuples(place, st.integers(0, 8), piece)

  def apply(edits):
    changed = bytearray(content)
    for start, length, new in edits:
      changed[start : start + length] = new
    return bytes(changed)

  return st.lists(edit, min_size=1, max_size=8).map(apply)
