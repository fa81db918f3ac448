"""TensorFlow's checkpoint files: read as TensorFlow does, and not believed."""

import os

import numpy as np
import pytest
import reference
import small_tables
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2
from tensorflow.core.util import saved_tensor_slice_pb2

from two_stream import errors
from two_stream.networks import checkpoint_files

DATA, INDEX = small_tables.DATA, small_tables.INDEX
DTYPES = [
  *('float32', 'float64', 'float16', 'bfloat16', 'bool'),
  *('int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'),
]


def read(path):
  """Every variable whose values can be read."""
  checkpoint = checkpoint_files.load(path)
  return checkpoint.values(
    [name for name, tensor in checkpoint.tensors.items() if tensor.dtype]
  )


def assert_equal(values, expected):
  assert values.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(values[name], value)
    assert values[name].dtype == value.dtype
    assert values[name].shape == value.shape


@pytest.fixture(name='values', scope='module')
def make_values():
  """Arrays of every type and of several shapes, by name."""
  random = np.random.default_rng(0)
  arrays = {
    f'of/{name}': tf.cast(random.integers(0, 2, [3, 5]), name).numpy()
    for name in DTYPES
  }
  for shape in ((), (0,), (1,), (5000,), (7, 300, 11)):
    name = 'x'.join(map(str, shape))
    arrays[f'shape{name}'] = np.array(random.standard_normal(shape), np.float32)
  return arrays


def test_what_tensorflow_saved_is_read(values, tmp_path):
  path = tmp_path / 'model.ckpt'
  reference.write_checkpoint(path, {**values, 'text': np.array([b'a', b'bc'])})
  checkpoint = checkpoint_files.load(path)
  assert checkpoint.tensors.keys() == {*values, 'text'}
  assert checkpoint.tensors['text'] == (None, [2])
  assert checkpoint.files == [f'{path}{INDEX}', f'{path}{DATA}']
  assert_equal(read(path), values)


def test_values_in_several_files_are_read(values, tmp_path):
  """As tf.compat.v1.train.Saver(sharded=True) writes them."""
  parts = [tmp_path / 'part0', tmp_path / 'part1']
  names = sorted(values)
  for part, chosen in zip(parts, (names[::2], names[1::2])):
    reference.write_checkpoint(part, {name: values[name] for name in chosen})
  path = tmp_path / 'model.ckpt'
  tf.raw_ops.MergeV2Checkpoints(
    checkpoint_prefixes=[str(part) for part in parts],
    destination_prefix=str(path),
  )
  assert_equal(read(path), values)
  assert checkpoint_files.load(path).files == [
    f'{path}{suffix}'
    for suffix in (
      '.index',
      '.data-00000-of-00002',
      '.data-00001-of-00002',
    )
  ]


def test_the_old_format_is_read(values, tmp_path):
  """Its float32, which is all that networks were saved in."""
  path = save_old(values, tmp_path / 'old.ckpt')
  checkpoint = checkpoint_files.load(path)
  assert checkpoint.files == [path]
  assert checkpoint.tensors['of/int64'] == (None, [3, 5])
  assert_equal(
    read(path),
    {name: value for name, value in values.items() if value.dtype == 'float32'},
  )


def save_old(values, path):
  """Saves what the old format can hold; returns the file."""
  variables = {
    name: tf.Variable(value)
    for name, value in values.items()
    if value.dtype in ('float32', 'int64')
  }
  saver = tf.compat.v1.train.Saver(
    variables, write_version=tf.compat.v1.train.SaverDef.V1
  )
  return saver.save(None, str(path), write_meta_graph=False, write_state=False)


def test_big_endian_values_are_read(tmp_path):
  value = np.array([1, 2, 3.5], '>f4')
  content = value.tobytes()
  crc = small_tables.masked(small_tables.crc32c(content))
  small_tables.write(
    tmp_path / 'a',
    {'x': small_tables.entry([3], crc32c=crc)},
    content,
    endianness=tensor_bundle_pb2.BundleHeaderProto.BIG,
  )
  assert read(tmp_path / 'a')['x'].tolist() == [1, 2, 3.5]


@pytest.mark.parametrize(
  'name',
  ['a[1]b', '[', 'a]b', 'a*b', 'a?b', '{a,b}', 'a\\b', 'a b', 'ä', '-', '#'],
)
def test_no_path_is_a_pattern(tmp_path, name):
  values = {'x': np.arange(3, dtype=np.float32)}
  for folder in (tmp_path / name, tmp_path / 'a1b', tmp_path / 'aXb'):
    reference.write_checkpoint(
      folder / f'{name}.ckpt', {'x': values['x'] + (folder.name != name)}
    )
  assert_equal(read(tmp_path / name / f'{name}.ckpt'), values)
  (tmp_path / 'old' / name).mkdir(parents=True)
  assert_equal(
    read(save_old({'shape': values['x']}, tmp_path / 'old' / name / 'a.ckpt')),
    {'shape': values['x']},
  )


def test_a_path_need_not_be_utf_8(tmp_path):
  values = {'x': np.arange(3, dtype=np.float32)}
  reference.write_checkpoint(tmp_path / 'a' / 'model.ckpt', values)
  folder = (tmp_path / 'a').rename(tmp_path / os.fsdecode(b'a\xff'))
  assert_equal(read(folder / 'model.ckpt'), values)


THREE = np.arange(3, dtype=np.float32).tobytes()
CRC = small_tables.masked(small_tables.crc32c(THREE))


def shapeless():
  entry = small_tables.entry([3])
  entry.shape.unknown_rank = True
  return entry


CLAIMS = {
  'two thousand million channels': small_tables.entry([7, 7, 7, 3, 2 * 10**9]),
  'more bytes than an int has': small_tables.entry([2**40, 2**40], size=12),
  'a size below its shape': small_tables.entry([3], size=8),
  'a size beyond its shape': small_tables.entry([2], size=12),
  'a place beyond the end': small_tables.entry([3], offset=4),
  'a place before the beginning': small_tables.entry([3], offset=-4),
  'a size below zero': small_tables.entry([-3]),
  'two axes below zero': small_tables.entry([-3, -1]),
  'an unknown shape': shapeless(),
  'axes without end': small_tables.entry([1] * 300),
  'a file beyond the number of files': small_tables.entry([3], shard_id=1),
  'a file before the first': small_tables.entry([3], shard_id=-1),
  'no entry': b'\xff\xff\xff',
}


def assert_refused(path, match=None, use=read):
  with pytest.raises(errors.InputError, match=match) as error:
    use(path)
  assert str(path) in str(error.value)
  assert '\n' not in str(error.value)


def test_a_small_checkpoint_made_by_hand_is_read(tmp_path):
  """What the next tests change is right but for the change."""
  small_tables.write(
    tmp_path / 'a', {'x': small_tables.entry([3], crc32c=CRC)}, THREE
  )
  assert read(tmp_path / 'a')['x'].tolist() == [0, 1, 2]
  tensorflows = tf.train.load_checkpoint(str(tmp_path / 'a'))
  assert tensorflows.get_tensor('x').tolist() == [0, 1, 2]


@pytest.mark.parametrize('claim', CLAIMS)
def test_no_claim_of_an_index_is_believed(tmp_path, claim):
  """When it is opened. TensorFlow aborts the process on some of these."""
  small_tables.write(tmp_path / 'a', {'x': CLAIMS[claim]}, THREE)
  assert_refused(tmp_path / 'a', 'is damaged', checkpoint_files.load)


def test_values_of_another_checksum_are_refused(tmp_path):
  entry = small_tables.entry([3], crc32c=CRC ^ 1)
  small_tables.write(tmp_path / 'a', {'x': entry}, THREE)
  assert_refused(tmp_path / 'a', "wrong checksum of the values of 'x'")


def test_a_variable_in_slices_is_refused(tmp_path):
  """As a partitioner of TensorFlow 1 divides it."""
  tf.raw_ops.SaveV2(
    prefix=str(tmp_path / 'a'),
    tensor_names=['x', 'x'],
    shape_and_slices=['6 0,3', '6 3,3'],
    tensors=[np.zeros(3, np.float32)] * 2,
  )
  assert_refused(tmp_path / 'a', 'variables in slices; save it without')


def test_values_that_overlap_are_refused(tmp_path):
  """A small file could otherwise be made into much."""
  entries = {
    f'{number}': small_tables.entry([3], crc32c=CRC) for number in range(3)
  }
  small_tables.write(tmp_path / 'a', entries, THREE)
  assert_refused(tmp_path / 'a', 'has 12 bytes, and the index tells of more')


def test_a_newer_format_is_refused(tmp_path):
  header = tensor_bundle_pb2.BundleHeaderProto(num_shards=1)
  header.version.min_consumer = 2
  write_index(
    tmp_path / 'a', small_tables.table([(b'', header.SerializeToString())])
  )
  assert_refused(tmp_path / 'a', 'a newer TensorFlow wrote it')


def write_index(path, content):
  path.with_name(path.name + INDEX).write_bytes(content)
  path.with_name(path.name + DATA).write_bytes(THREE)


HEADER = (b'', b'\x08\x01\x1a\x02\x08\x01')
X = small_tables.entry([3], crc32c=CRC).SerializeToString()
# What is wrong -> the index, what the message says.
TABLES = {
  'nothing': (b'', 'the file is too short'),
  'text': (b'<html>' * 100, 'the end of the file is not that of'),
  'no header': (small_tables.table([(b'x', X)]), 'does not begin as'),
  'a name that is not UTF-8': (
    small_tables.table([HEADER, (b'\xff', X)]),
    "codec can't decode",
  ),
  'a name without end': (
    small_tables.table([HEADER, (b'x' * 1025, X)]),
    'does not fit its block',
  ),
  'a name twice': (
    small_tables.table([HEADER, (b'x', X), (b'x', X)]),
    'entry 3 is out of order',
  ),
  'names out of order': (
    small_tables.table([HEADER, (b'y', X), (b'x', X)]),
    'entry 3 is out of order',
  ),
  'names without number': (
    small_tables.table(
      [HEADER, *((b'%06d' % number, b'') for number in range(1 << 14))]
    ),
    'it has more than 16384 entries',
  ),
  'a key that shares what there is not': (
    small_tables.table(b'\x05' + small_tables.block([HEADER])[1:]),
    'does not fit its block',
  ),
  'a value that does not end': (
    small_tables.table(b'\0\0\x40' + small_tables.block([])),
    'does not fit its block',
  ),
  'a compressed block': (
    small_tables.table([HEADER, (b'x', X)], kind=1),
    'it is compressed',
  ),
  'a block without entries': (
    small_tables.table(small_tables.block([])),
    'a block is empty',
  ),
  'a block of nothing': (small_tables.table(b''), 'a block is too short'),
  'a block of numbers alone': (
    small_tables.table(b'\xff' * 8),
    'a block is too short',
  ),
  'a block beyond the end': (
    small_tables.footer(0, 1 << 20),
    'a block of 1048576 bytes at byte 0 of 0',
  ),
  'a block beyond all files': (
    small_tables.footer(1 << 69, 0),
    'a block of 0 bytes at byte 590295810358705651712 of 0',
  ),
  'a block that is nowhere': (
    small_tables.table([HEADER], handle=b''),
    'a number does not end',
  ),
  'a number without end': (
    b'\xff' * 40 + small_tables.MAGIC,
    'a number does not end',
  ),
}


@pytest.mark.parametrize('name', TABLES)
def test_no_index_that_is_none_is_read(tmp_path, name):
  content, reason = TABLES[name]
  write_index(tmp_path / 'a', content)
  assert_refused(tmp_path / 'a', f'is damaged or no .*{reason}')


def test_an_index_of_gigabytes_is_not_read(tmp_path):
  write_index(tmp_path / 'a', b'')
  os.truncate(tmp_path / f'a{INDEX}', 1 << 40)
  assert_refused(tmp_path / 'a', 'its index has more than')


def test_a_block_larger_than_any_network_needs_is_not_read(tmp_path):
  """Though the file of the old format is as large: it takes no room."""
  with (tmp_path / 'a').open('wb') as stream:
    stream.truncate(1 << 40)
    stream.seek(0, os.SEEK_END)
    stream.write(small_tables.footer(0, 1 << 39))
  assert_refused(tmp_path / 'a', f'a block of {1 << 39} bytes')


def test_every_cut_and_every_changed_byte_is_found(tmp_path):
  """Of an index, and of a file of the old format, where they mean anything."""
  value = np.arange(3, dtype=np.float32)
  reference.write_checkpoint(tmp_path / 'a', {'x': value})
  save_old({'x': value}, tmp_path / 'old')
  for path, name in ((tmp_path / 'a', f'a{INDEX}'), (tmp_path / 'old', 'old')):
    whole = (tmp_path / name).read_bytes()
    refused = 0
    for place in range(len(whole)):
      (tmp_path / name).write_bytes(whole[:place])
      assert_refused(path)
      changed = bytearray(whole)
      changed[place] ^= 1
      (tmp_path / name).write_bytes(changed)
      try:
        assert_equal(read(path), {'x': value})
      except errors.InputError:
        refused += 1
    # But for the block of LevelDB's filters, which is empty, and a padding.
    assert len(whole) - refused <= 52


def old_format(shape, values):
  """The bytes of a file of the old format with one variable."""
  first = saved_tensor_slice_pb2.SavedTensorSlices()
  meta = first.meta.tensor.add(name='x', type=tf.float32.as_datatype_enum)
  for length in shape:
    meta.shape.dim.add(size=length)
  rows = [(b'', first.SerializeToString())]
  if values is not None:
    then = saved_tensor_slice_pb2.SavedTensorSlices()
    then.data.name = 'x'
    then.data.data.float_val.extend(values)
    rows.append((b'x', then.SerializeToString()))
  return small_tables.table(rows)


def test_a_small_file_of_the_old_format_made_by_hand_is_read(tmp_path):
  (tmp_path / 'a').write_bytes(old_format([3], [0, 1, 2]))
  assert read(tmp_path / 'a')['x'].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
  'shape, values, reason',
  [
    ([2 * 10**9], [0], 'tells of more than its'),
    ([-3, -1], [0, 1, 2], 'a variable of shape'),
    ([3], [0, 1], 'cannot reshape'),
    ([3], None, "values of 'x' are missing"),
  ],
  ids=['huge', 'negative', 'other', 'missing'],
)
def test_no_claim_of_the_old_format_is_believed(
  tmp_path, shape, values, reason
):
  (tmp_path / 'a').write_bytes(old_format(shape, values))
  assert_refused(tmp_path / 'a', reason)


@pytest.mark.parametrize('suffix', [INDEX, DATA])
@pytest.mark.parametrize(
  'plant',
  [
    os.mkfifo,
    os.mkdir,
    lambda path: path.symlink_to('/dev/zero'),
    lambda path: path.symlink_to(path),
    lambda path: None,
  ],
  ids=['fifo', 'folder', 'device', 'loop', 'nothing'],
)
def test_files_that_are_no_files_are_refused(tmp_path, suffix, plant):
  """Before a byte is read, and without waiting."""
  reference.write_checkpoint(tmp_path / 'a', {'x': np.zeros(3, np.float32)})
  (tmp_path / f'a{suffix}').unlink()
  plant(tmp_path / f'a{suffix}')
  assert_refused(tmp_path / 'a')


@pytest.mark.parametrize('suffix', [INDEX, DATA])
def test_a_part_of_a_checkpoint_is_not_its_name(tmp_path, suffix):
  reference.write_checkpoint(tmp_path / 'a', {'x': np.zeros(3, np.float32)})
  assert_refused(tmp_path / f'a{suffix}', 'have in common')
