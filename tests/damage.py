"""Damages files for hypothesis, like faulty copies, disks and attackers do."""

from collections.abc import Sequence

from hypothesis import strategies as st

# Values that replace the lengths and counts in a file.
EXTREMES = [b'\0' * 4, b'\xff' * 4, b'\x7f' + b'\xff' * 3, b'\x80' + b'\0' * 3]


def damaged(
  content: bytes, words: Sequence[bytes] = (), head: int = 200
) -> st.SearchStrategy[bytes]:
  """Draws contents that differ from a good one in one to eight places.

  Args:
    content: of a good file.
    words: byte strings that have a meaning in such files.
    head: half of the places are among so many bytes at the beginning, because
      headers are short and most checks depend on them.

  Returns:
    A strategy of damaged contents.
  """
  place = st.integers(0, len(content) - 1)
  place = st.one_of(place, place.map(lambda i: i % head))
  piece = st.one_of(
    st.binary(max_size=8), st.sampled_from([*EXTREMES, *words, b''])
  )
  length = st.one_of(st.integers(0, 8), st.integers(0, len(content)))
  edit = st.tuples(place, length, piece)

  def apply(edits):
    changed = bytearray(content)
    for start, length, new in edits:
      changed[start : start + length] = new
    return bytes(changed)

  return st.lists(edit, min_size=1, max_size=8).map(apply)
