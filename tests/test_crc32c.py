"""The checksum of TensorFlow's files."""

import numpy as np
import pytest
import small_tables

from two_stream import crc32c


@pytest.mark.parametrize(
  'content, crc',
  [
    (b'123456789', 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b'\xff' * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (b'', 0),
  ],
  ids=['digits', 'zeros', 'ones', 'rising', 'empty'],
)
def test_published_values(content, crc):
  """Those of RFC 3720, appendix B.4, and the CRC catalogue's check value."""
  assert small_tables.crc32c(content) == crc
  assert crc32c.masked(content) == small_tables.masked(crc)


def test_lengths_around_words_and_blocks():
  random = np.random.default_rng(0)
  lengths = [*range(10), 255, 8190, 8191, 8192, 8193, 8196, 20_001]
  for length in lengths:
    content = random.bytes(length)
    expected = small_tables.masked(small_tables.crc32c(content))
    assert crc32c.masked(content) == expected


def test_arrays_count_by_their_bytes():
  values = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
  assert crc32c.masked(values) == crc32c.masked(values.tobytes())
