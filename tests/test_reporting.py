"""What is said of a run from around its steps."""

import numpy as np
import pytest

from two_stream import errors
from two_stream.records import record_index
from two_stream.training import reporting


def test_too_many_damaged_records_name_the_last_of_them():
  index = record_index.RecordIndex(
    paths=['shard'],
    shards=np.zeros(4, int),
    offsets=np.arange(0, 400, 100),
    torn={},
  )
  report = reporting.DamageReport(index, max_damaged=1)

  report.add([3, 1, 0], [0, 2, 0])
  report.add([1, 0, 3], [2, 0, 0])  # Met again, it counts once.
  with pytest.raises(errors.InputError, match='^2 .* the record at byte 200:'):
    report.add([0, 2, 1, 3], [0, 1, 1, 0])
