"""The checksums in TensorFlow's files: CRC-32C, masked.

TensorFlow does not store a CRC as it is, but rotated and with a constant added,
because the CRC of a string that contains its own CRC is nearly always the same
(tsl/lib/hash/crc32c.h in TensorFlow's sources).
"""

import google_crc32c
import numpy as np

_MASK = 0xA282EAD8


def masked(content: bytes | memoryview | np.ndarray) -> int:
  """Computes a checksum as TensorFlow stores it.

  Args:
    content: bytes, or a contiguous NumPy array, whose bytes count.

  Returns:
    An int in [0, 2**32).
  """
  crc = google_crc32c.value(content)
  return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF
