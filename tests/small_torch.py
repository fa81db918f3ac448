"""Writes files as `torch.save` does, from the rule of their format.

The golden files of test_torch_files.py come from PyTorch itself; with these any
part can be wrong.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import small_pickles

STORAGES = {
  '<f4': 'FloatStorage',
  '<f8': 'DoubleStorage',
  '<f2': 'HalfStorage',
  '<i8': 'LongStorage',
}
REBUILD = small_pickles.Global('torch._utils', '_rebuild_tensor_v2')
ORDERED = small_pickles.Global('collections', 'OrderedDict')
MAGIC = 0x1950A86A20F9469CFC6C
MACHINE = {'protocol_version': 1001, 'little_endian': True}


def storage(key: str, dtype: str, size: int) -> small_pickles.Persistent:
  """Returns what a pickle says of a storage."""
  kind = small_pickles.Global('torch', STORAGES[dtype])
  return small_pickles.Persistent(('storage', kind, key, 'cpu', size))


def tensor(key: str, value: np.ndarray) -> small_pickles.Call:
  """Returns what a pickle says of a tensor that fills its storage."""
  steps, step = [], 1
  for size in reversed(value.shape):
    steps.insert(0, step)
    step *= size
  hooks = small_pickles.Call(ORDERED, ())
  place = storage(key, value.dtype.newbyteorder('<').str, value.size)
  shape = tuple(map(int, value.shape))
  return small_pickles.Call(
    REBUILD, (place, 0, shape, tuple(steps), False, hooks)
  )


def state_dict(
  values: Mapping[str, np.ndarray],
) -> tuple[dict[str, Any], dict[str, bytes]]:
  """Returns (a tree for `small_pickles`, key -> bytes of a storage)."""
  tree, storages = {}, {}
  for number, (name, value) in enumerate(values.items()):
    tree[name] = tensor(str(number), value)
    storages[str(number)] = value.tobytes()
  return tree, storages


def zip_form(
  tree: Any,
  storages: Mapping[str, bytes],
  method: int = zipfile.ZIP_STORED,
  byteorder: bytes = b'little',
  pickle: bytes | None = None,
) -> bytes:
  """Returns a file of the zip form; `pickle` takes the place of the tree's."""
  content = io.BytesIO()
  with zipfile.ZipFile(content, 'w', method) as archive:
    archive.writestr('archive/data.pkl', pickle or small_pickles.dumps(tree))
    archive.writestr('archive/byteorder', byteorder)
    for key, values in storages.items():
      archive.writestr(f'archive/data/{key}', values)
    archive.writestr('archive/version', b'3\n')
  return content.getvalue()


def legacy_form(
  tree: Any,
  storages: Mapping[str, bytes],
  counts: Mapping[str, int] | None = None,
  machine: Any = None,
) -> bytes:
  """Returns a file of the legacy form.

  Args:
    tree: what the pickle holds.
    storages: key -> bytes.
    counts: key -> the number of values that is written before a storage; by
      default the storage has float32 values.
    machine: the dict about the machine.
  """
  parts = [MAGIC, 1001, machine or MACHINE, tree, list(storages)]
  content = b''.join(map(small_pickles.dumps, parts))
  for key, values in storages.items():
    count = (counts or {}).get(key, len(values) // 4)
    content += struct.pack('<q', count) + values
  return content
