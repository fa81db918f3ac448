"""Damage to files, as copying, disks and attackers do it, for hypothesis."""

from hypothesis import strategies as st

# What lengths and counts of files are damaged to.
EXTREMES = [b'\0' * 4, b'\xff' * 4, b'\x7f' + b'\xff' * 3, b'\x80' + b'\0' * 3]


def damaged(content, words=()):
  """Draws contents that differ from a good one in one to eight places.

  Args:
    content: bytes of a good file.
    words: bytes that mean something in such files.

  Returns:
    A strategy of bytes.
  """
  place = st.integers(0, len(content) - 1)
  # Headers are short and decide most.
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
