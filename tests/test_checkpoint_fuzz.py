"""Whatever bytes a checkpoint's files have, they are read or refused.

Random bytes get no further than a checksum. So most of what is tried here is a
table whose checksums are right, of entries that are not.
"""

import resource

import hypothesis
import numpy as np
import pytest
import small_networks
import small_tables
from hypothesis import strategies as st
from tensorflow.core.protobuf import tensor_bundle_pb2
from tensorflow.core.util import saved_tensor_slice_pb2

from two_stream import errors
from two_stream.networks import (
  checkpoint_files,
  checkpoints,
  inflation,
  sorted_table,
)

# What the readers look for; with them they go on to look at the rest.
NAMES = [
  'RGB/inception_i3d/Conv3d_1a_7x7/conv_3d/w',
  'RGB/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d/w',
  'RGB/inception_i3d/Conv3d_2b_1x1/conv_3d/w',
  'InceptionV1/Conv2d_1a_7x7/weights',
  'InceptionV1/Conv2d_2b_1x1/weights',
  'global_step',
]
MAX_MEMORY = 1 << 28  # Bytes.


def read_everything(path):
  checkpoint = checkpoint_files.load(path)
  checkpoint.values(
    [name for name, tensor in checkpoint.tensors.items() if tensor.dtype]
  )


READERS = (
  read_everything,
  checkpoints.describe,
  checkpoints.read,
  inflation.is_inception_v1,
  lambda path: inflation.read(path, 3),
)

numbers = st.one_of(st.integers(-2, 70), st.integers(-(1 << 63), (1 << 63) - 1))
small_numbers = st.one_of(
  st.integers(-2, 3), st.integers(-(1 << 31), 2**31 - 1)
)
shapes = st.lists(numbers, max_size=6)


@st.composite
def entries(draw):
  """Bytes of a `BundleEntryProto`, or of what is none."""
  if draw(st.integers(0, 5)) == 0:
    return draw(st.binary(max_size=40))
  entry = tensor_bundle_pb2.BundleEntryProto(
    dtype=draw(st.sampled_from([1, 1, 1, 2, 7, 9, 14, 19, 21, 101, 999])),
    shard_id=draw(st.one_of(st.just(0), small_numbers)),
    offset=draw(numbers),
    size=draw(numbers),
    crc32c=draw(st.integers(0, (1 << 32) - 1)),
  )
  for length in draw(shapes):
    entry.shape.dim.add(size=length)
  if draw(st.booleans()):  # As it should be.
    shape = [axis.size for axis in entry.shape.dim]
    size = 4 * int(np.prod(shape, dtype=object))
    entry.size = size if 0 <= size < 1 << 63 else 0
  if draw(st.integers(0, 9)) == 0:
    entry.slices.add().extent.add(start=draw(numbers), length=draw(numbers))
  return entry.SerializeToString()


@st.composite
def saved_slices(draw):
  """Bytes of the old format's `SavedTensorSlices`."""
  saved = saved_tensor_slice_pb2.SavedTensorSlices()
  for name in draw(st.lists(st.sampled_from(NAMES), max_size=4)):
    meta = saved.meta.tensor.add(
      name=name, type=draw(st.sampled_from([1, 1, 2, 7, 999]))
    )
    for length in draw(shapes):
      meta.shape.dim.add(size=length)
  if draw(st.booleans()):
    saved.data.name = draw(st.sampled_from(NAMES))
    saved.data.data.float_val.extend(
      draw(st.lists(st.floats(width=32), max_size=5))
    )
  return saved.SerializeToString()


@st.composite
def tables(draw):
  """Bytes of a table, often with right checksums."""
  header = tensor_bundle_pb2.BundleHeaderProto(
    num_shards=draw(st.one_of(st.just(1), small_numbers)),
    endianness=draw(st.integers(0, 2)),
  )
  header.version.min_consumer = draw(st.integers(0, 2))
  first = draw(st.one_of(st.just(header.SerializeToString()), saved_slices()))
  names = st.one_of(
    st.sampled_from(NAMES).map(str.encode), st.binary(max_size=12)
  )
  values = st.one_of(entries(), saved_slices())
  rows = draw(st.dictionaries(names, values, max_size=8))
  rows = sorted({b'': first, **rows}.items())
  content = bytearray(
    small_tables.table(rows, draw(st.sampled_from([0, 0, 1])))
  )
  for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
    place = draw(st.integers(0, len(content) - 1))
    content[place : place + draw(st.integers(0, 2))] = draw(
      st.binary(max_size=4)
    )
  return bytes(content)


contents = st.one_of(tables(), tables(), st.binary(max_size=200))


def refused_or_read(path):
  for use in READERS:
    try:
      use(path)
    except errors.InputError as error:
      assert str(path) in str(error)
      assert '\n' not in str(error)


def try_all(rounds, *strategies):
  """A decorator: tries a function of examples, other ones in each round.

  Its memory is measured; what hypothesis remembers goes with each round.
  """

  def decorate(attempt):
    attempt = hypothesis.settings(
      max_examples=50, deadline=None, database=None
    )(hypothesis.given(*strategies)(attempt))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(rounds):
      hypothesis.seed(number)(attempt)()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < MAX_MEMORY

  return decorate


# The longer ones take a few minutes.
many = pytest.mark.parametrize(
  'rounds', [1, pytest.param(200, marks=pytest.mark.slow)]
)


@many
def test_bytes_are_read_or_refused(tmp_path, rounds):
  """As an index, and as a file of the old format."""

  @try_all(rounds, contents, st.binary(max_size=64))
  def attempt(content, data):
    (tmp_path / f'new{small_tables.INDEX}').write_bytes(content)
    (tmp_path / f'new{small_tables.DATA}').write_bytes(data)
    (tmp_path / 'old').write_bytes(content)
    refused_or_read(tmp_path / 'new')
    refused_or_read(tmp_path / 'old')


@pytest.fixture(name='network', scope='module')
def make_network(tmp_path_factory):
  """Prefix of a small network's checkpoint."""
  return small_networks.write(
    tmp_path_factory.mktemp('network'), 'rgb_scratch', 3
  )


changes = st.tuples(
  st.integers(0, 229),
  st.sampled_from(['dtype', 'shape', 'shard_id', 'offset', 'size', 'crc32c']),
  st.one_of(st.integers(-9, 9), small_numbers),
)


def change(entry, field, by):
  """Adds a number to a field, as far as the field goes."""
  if field == 'shape':
    axis = entry.shape.dim[by % len(entry.shape.dim)]
    axis.size += by
  elif field == 'crc32c':
    entry.crc32c = (entry.crc32c + by) % (1 << 32)
  else:
    limit = 1 << (63 if field in ('offset', 'size') else 31)
    value = getattr(entry, field) + by
    setattr(entry, field, max(-limit, min(value, limit - 1)))


@many
def test_a_changed_network_is_read_right_or_refused(network, tmp_path, rounds):
  with network.with_name('model.ckpt.index').open('rb') as stream:
    (_, header), *rows = sorted_table.entries(stream)
  data = network.with_name(network.name + small_tables.DATA).read_bytes()
  expected = checkpoints.read(network)
  path = tmp_path / 'model.ckpt'

  @try_all(
    rounds,
    st.lists(changes, min_size=1, max_size=3),
    st.lists(st.integers(0, len(data) - 1), max_size=1),
  )
  def attempt(changes, damaged):
    changed = dict(rows)
    for number, field, by in changes:
      name, value = rows[number]
      entry = tensor_bundle_pb2.BundleEntryProto.FromString(changed[name])
      change(entry, field, by)
      changed[name] = entry.SerializeToString()
    index = small_tables.table([(b'', header), *changed.items()])
    path.with_name('model.ckpt.index').write_bytes(index)
    content = bytearray(data)
    for place in damaged:
      content[place] ^= 1
    path.with_name(path.name + small_tables.DATA).write_bytes(content)
    try:
      values = checkpoints.read(path)
    except errors.InputError as error:
      assert str(path) in str(error)
    else:
      assert values.keys() == expected.keys()
      for name, value in expected.items():
        np.testing.assert_array_equal(values[name], value)
