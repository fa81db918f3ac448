"""Table files give their entries in order, or say what is wrong.

What is wrong with the tables of checkpoints is tried in
test_checkpoint_files.py and test_checkpoint_fuzz.py.
"""

import numpy as np
import pytest
import reference
import small_tables

from two_stream.networks import sorted_table

ROWS = [(b'', b'first'), (b'a', b''), (b'ab', b'\0\xff' * 100), (b'b', b'c')]


def entries(path):
  with path.open('rb') as stream:
    return list(sorted_table.entries(stream))


def write(path, content):
  path.write_bytes(content)
  return path


def test_rows_are_given_as_they_stand(tmp_path):
  path = write(tmp_path / 'table', small_tables.table(ROWS))
  assert entries(path) == ROWS


def test_a_key_continues_the_one_before_it(tmp_path):
  """Of the key before, `shared` bytes are kept; tables of LevelDB do so."""
  content = (
    b'\0\x04\x01wideX'  # shares 0, adds 4 of the key, has 1 byte of value
    b'\x02\x03\x01reyY' + small_tables.block([])  # shares 'wi'
  )
  path = write(tmp_path / 'table', small_tables.table(content))
  assert entries(path) == [(b'wide', b'X'), (b'wirey', b'Y')]


def test_a_table_of_many_blocks_is_read(tmp_path):
  """TensorFlow begins a block every 256 KiB; the names take more than that."""
  names = [f'{number:04}/{"x" * 900}' for number in range(600)]
  value = np.zeros(1, np.float32)
  reference.write_checkpoint(tmp_path / 'a', dict.fromkeys(names, value))
  assert (tmp_path / 'a.index').stat().st_size > 2 << 18
  found = [key.decode() for key, _ in entries(tmp_path / 'a.index')]
  assert found == ['', *names]


@pytest.mark.parametrize('length', range(0, 40, 7))
def test_a_file_that_is_too_short_is_no_table(tmp_path, length):
  path = write(tmp_path / 'table', small_tables.table(ROWS)[-length:][:length])
  with pytest.raises(ValueError, match='too short'):
    entries(path)


def test_what_comes_before_the_damage_is_given(tmp_path):
  path = write(tmp_path / 'table', small_tables.table([*ROWS, (b'a', b'')]))
  with path.open('rb') as stream:
    table = sorted_table.entries(stream)
    assert [next(table) for _ in ROWS] == ROWS
    with pytest.raises(ValueError, match='entry 5 is out of order'):
      next(table)


def test_a_changed_byte_changes_the_checksum(tmp_path):
  content = bytearray(small_tables.table(ROWS))
  content[5] ^= 1
  with pytest.raises(ValueError, match='wrong checksum of the block at byte 0'):
    entries(write(tmp_path / 'table', bytes(content)))
