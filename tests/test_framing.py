"""Records of a file are found by their lengths, whatever the file holds."""

import os
import struct

import damage
import pytest
import small_records
import small_tables
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from two_stream import errors
from two_stream.records import framing, tfrecords

CONTENTS = [b'a' * 100, b'', b'c' * 3000, b'd']
# Of the records of CONTENTS.
STARTS = [0, 116, 132, 3148, 3165]


@pytest.fixture(name='path')
def write_file(tmp_path):
  path = tmp_path / 'shard'
  tfrecords.write_shard(path, CONTENTS)
  return path


def test_every_record_is_found_where_it_begins(path):
  found = framing.scan(path)
  assert found == framing.Framing(STARTS[:-1], None)
  assert path.stat().st_size == STARTS[-1]
  assert [framing.read(path, start) for start in found.offsets] == CONTENTS


def test_records_without_bytes_are_records(tmp_path):
  path = tmp_path / 'shard'
  tfrecords.write_shard(path, [b''] * 3)
  assert path.read_bytes() == small_records.EMPTY_RECORD * 3
  assert framing.scan(path) == framing.Framing([0, 16, 32], None)


def test_an_empty_file_has_no_record(tmp_path):
  (tmp_path / 'empty').touch()
  assert framing.scan(tmp_path / 'empty') == framing.Framing([], None)


def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(path):
  whole = path.read_bytes()
  for size in range(3140, 3165):
    path.write_bytes(whole[:size])
    found = framing.scan(path)
    if size < 3148:  # In the third record.
      assert found == framing.Framing(STARTS[:2], 132)
    else:
      assert found == framing.Framing(STARTS[:3], 3148 if size > 3148 else None)


def test_files_are_found_in_their_order_and_torn_ones_named(path, caplog):
  torn = path.with_name('torn')
  torn.write_bytes(path.read_bytes()[:140])
  found = framing.scan_all([torn, path])
  assert found == [framing.Framing([0, 116], 132), framing.scan(path)]
  assert f'{torn}: breaks off at byte 132, where no whole' in caplog.text
  assert len(caplog.records) == 1


@pytest.mark.parametrize('length', [1, 99, 2**31, 2**62, 2**64 - 1])
def test_a_length_that_is_damaged_is_not_believed(path, length):
  content = bytearray(path.read_bytes())
  content[116:124] = struct.pack('<Q', length)
  path.write_bytes(content)
  assert framing.scan(path) == framing.Framing([0], 116)
  with pytest.raises(errors.InputError, match='no record begins at byte 116'):
    framing.read(path, 116)


@pytest.mark.parametrize('length', [4000, 2**31, 2**62, 2**64 - 1])
def test_a_length_beyond_the_file_is_not_believed(path, length):
  """Its CRC is right: whoever wrote it meant it."""
  header = struct.pack('<Q', length)
  masked = small_tables.masked(small_tables.crc32c(header))
  path.write_bytes(path.read_bytes() + header + struct.pack('<I', masked))
  assert framing.scan(path) == framing.Framing(STARTS[:-1], STARTS[-1])
  with pytest.raises(errors.InputError, match='no record begins at byte 3165'):
    framing.read(path, STARTS[-1])


def test_a_record_too_large_for_a_parser_is_none(tmp_path):
  """The file is sparse and takes no room."""
  header = struct.pack('<Q', 2**31)
  path = tmp_path / 'large'
  path.write_bytes(
    header + struct.pack('<I', small_tables.masked(small_tables.crc32c(header)))
  )
  os.truncate(path, 2**31 + 16)
  assert framing.scan(path) == framing.Framing([], 0)


def test_a_file_of_zeros_is_not_a_million_empty_records(tmp_path):
  path = tmp_path / 'zeros'
  path.touch()
  os.truncate(path, 2**40)
  assert framing.scan(path) == framing.Framing([], 0)


def test_what_is_no_file_is_refused(tmp_path):
  os.mkfifo(tmp_path / 'fifo')
  (tmp_path / 'loop').symlink_to('loop')
  for name in ('fifo', 'loop', 'missing', '.'):
    with pytest.raises(errors.InputError, match='cannot be read'):
      framing.scan(tmp_path / name)
    with pytest.raises(errors.InputError, match='cannot be read'):
      framing.read(tmp_path / name, 0)


WORDS = [b'\xff' * 8, bytes(12)]  # A length, and a header, of a record.


def by_tensorflow(path):
  """The records that TensorFlow reads one after the other."""
  found = []
  try:
    for content in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
      found.append(content)
  except tf.errors.OpError:
    pass
  return found


@pytest.mark.parametrize(
  'examples', [100, pytest.param(5_000, marks=pytest.mark.slow)]
)
def test_damaged_files_lead_to_no_record_that_is_not_in_them(
  tmp_path_factory, examples
):
  """And to all that TensorFlow finds, which reads none after a damaged one."""
  path = tmp_path_factory.mktemp('damaged') / 'shard'
  tfrecords.write_shard(path, CONTENTS)
  whole = path.read_bytes()

  @settings(max_examples=examples, deadline=None)
  @example(bytes(4096))
  @given(damage.damaged(whole, WORDS) | st.binary(max_size=300))
  def check(content):
    path.write_bytes(content)
    found = framing.scan(path)
    read = [framing.read(path, start) for start in found.offsets]
    ends = [*found.offsets, len(content) if found.torn is None else found.torn]
    lengths = [end - start - 16 for start, end in zip(ends, ends[1:])]
    assert [len(each) for each in read] == lengths
    assert all(
      content[start + 12 : end - 4] == each
      for start, end, each in zip(ends, ends[1:], read)
    )
    expected = by_tensorflow(path)
    assert read[: len(expected)] == expected

  check()
