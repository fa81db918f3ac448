"""A part is used if it is of this checkpoint and shard, and whole."""

import dataclasses
import io
import os
import zipfile

import damage
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from two_stream import errors
from two_stream.evaluation import logit_parts

CLASSES = 5
RECORDS = 6  # Of the shard; records 1 and 4 cannot be read.
SHARD = '/records/validation-00003-of-00388.tfrecord'
PART = logit_parts.Part(
  records=np.array([0, 2, 3, 5], np.int64),
  ids=np.array(['0', '22', '3', 'fünf']),
  labels=np.array([0, 4, -1, 2], np.int32),
  logits=np.random.default_rng(0).normal(size=[4, CLASSES]).astype(np.float32),
  repeated=np.array([False, True, True, False]),
)
CHECKPOINT_DIGEST, SHARD_DIGEST = 'c' * 64, '5' * 64


@pytest.fixture(name='parts')
def make_parts(tmp_path):
  return logit_parts.Parts(tmp_path, CHECKPOINT_DIGEST, CLASSES)


@pytest.fixture(name='path')
def write_part(parts, tmp_path):
  parts.write(SHARD, SHARD_DIGEST, PART)
  return tmp_path / 'validation-00003-of-00388.npz'


def read(parts):
  return parts.read(SHARD, SHARD_DIGEST, RECORDS)


def expect_equal(part, expected):
  for name, values in expected.arrays().items():
    found = part.arrays()[name]
    np.testing.assert_array_equal(found, values, err_msg=name)
    assert found.dtype == values.dtype


def test_a_part_reads_back(parts, path):
  expect_equal(read(parts), PART)
  assert path.is_file()


def test_a_part_without_a_readable_record_reads_back(parts):
  part = logit_parts.Part.of_rows([], CLASSES)
  parts.write(SHARD, SHARD_DIGEST, part)
  expect_equal(read(parts), part)


def test_a_part_of_rows_has_their_columns():
  rows = zip(*PART.arrays().values())
  expect_equal(logit_parts.Part.of_rows(list(rows), CLASSES), PART)


@pytest.mark.usefixtures('path')
def test_a_part_is_of_one_checkpoint_shard_and_number_of_classes(
  parts, tmp_path
):
  assert parts.read(SHARD, '6' * 64, RECORDS) is None
  assert parts.read('/other/name.tfrecord', SHARD_DIGEST, RECORDS) is None
  for digest, classes in ((SHARD_DIGEST, CLASSES), (CHECKPOINT_DIGEST, 4)):
    assert read(logit_parts.Parts(tmp_path, digest, classes)) is None
  # In another folder the shard is still the same.
  expect_equal(parts.read(f'/moved{SHARD}', SHARD_DIGEST, RECORDS), PART)


@pytest.mark.usefixtures('path')
def test_a_part_is_of_the_views_that_it_was_made_from(parts, tmp_path):
  def of_views(views):
    return logit_parts.Parts(tmp_path, CHECKPOINT_DIGEST, CLASSES, views)

  assert read(of_views('3x64x1')) is None
  of_views('3x64x1').write(SHARD, SHARD_DIGEST, PART)
  expect_equal(read(of_views('3x64x1')), PART)
  assert read(of_views('3x64x3')) is None
  assert read(parts) is None


def test_a_part_of_an_older_version_is_used(parts, path):
  """Written as older versions did: every clip was shown whole."""
  with np.load(path) as content:
    old = {name: content[name] for name in content if name != 'repeated'}
  assert old['made_from'] == f'{CHECKPOINT_DIGEST} {SHARD_DIGEST}'
  np.savez(path, **old)
  expect_equal(
    read(parts), dataclasses.replace(PART, repeated=np.zeros(4, bool))
  )


def rewrite(path, **changes):
  with np.load(path) as content:
    np.savez(path, **{**content, **changes})


def invalid_characters():
  return np.array([0x110000, 1, 2, 3], np.uint32).view('<U1')


@pytest.mark.parametrize(
  'changes',
  [
    {'records': np.array([0, 2, 3, 6])},
    {'records': np.array([0, 2, 2, 5])},
    {'records': np.array([2, 0, 3, 5])},
    {'records': np.array([-1, 2, 3, 5])},
    {'records': np.array([0, 2, 3])},
    {'records': np.array(0)},
    {'records': np.array([[0, 2, 3, 5]])},
    {'records': PART.records.astype(np.int32)},
    {'records': PART.records.astype('>i8')},
    {'ids': PART.ids.reshape(2, 2)},
    {'ids': np.arange(4)},
    {'ids': PART.ids[:3]},
    {'ids': invalid_characters()},
    {'ids': PART.ids.astype(object)},
    {'labels': PART.labels.astype(np.float32)},
    {'labels': PART.labels[:, np.newaxis]},
    {'logits': PART.logits[:, :-1]},
    {'logits': PART.logits[:-1]},
    {'logits': PART.logits.astype(np.float64)},
    {'logits': np.asfortranarray(PART.logits)},
    {'logits': PART.logits.astype('>f4')},
    {'repeated': PART.repeated[:3]},
    {'repeated': PART.repeated.astype(np.uint8)},
    {'made_from': np.array([{}], object)},
    {'made_from': np.arange(4)},
    {'made_from': np.array(4)},
    {'made_from': invalid_characters()[:1].reshape([])},
    {'made_from': np.array([f'{CHECKPOINT_DIGEST} {SHARD_DIGEST}'])},
  ],
)
def test_a_part_of_other_shapes_and_types_is_none(parts, path, changes):
  rewrite(path, **changes)
  assert read(parts) is None


def header(dtype, shape):
  stream = io.BytesIO()
  np.lib.format.write_array_header_1_0(
    stream, {'descr': dtype, 'fortran_order': False, 'shape': shape}
  )
  return stream.getvalue()


def with_member(path, name, content, compression=zipfile.ZIP_STORED):
  """Puts another member into a part."""
  with zipfile.ZipFile(path) as archive:
    members = {each: archive.read(each) for each in archive.namelist()}
  with zipfile.ZipFile(path, 'w', compression) as archive:
    for each, old in members.items():
      archive.writestr(each, content if each == f'{name}.npy' else old)


@pytest.mark.parametrize(
  ('dtype', 'shape'),
  [
    ('<f4', (10**6, 10**6)),
    ('<f4', (2**62, 4)),
    ('<f4', (4, CLASSES + 1)),
    ('<f4', (10**50,)),
    ('<U99999', (10**9,)),
    ('|O', (10**12,)),
  ],
)
def test_a_size_that_a_part_claims_is_not_believed(parts, path, dtype, shape):
  """It would take terabytes."""
  with_member(path, 'logits', header(dtype, shape) + PART.logits.tobytes())
  assert read(parts) is None


def test_a_compressed_part_is_none(parts, path):
  """A zip bomb: 100 kB that would take 100 MB."""
  content = header('<f4', (4, 5 * 10**6)) + bytes(80 * 10**6)
  with_member(path, 'logits', content, zipfile.ZIP_DEFLATED)
  assert path.stat().st_size < 200_000
  assert read(parts) is None


def test_a_part_larger_than_any_is_not_read(parts, path):
  os.truncate(path, 2**40)  # Sparse: it takes no room.
  assert read(parts) is None


def test_what_is_no_file_is_no_part(parts, path):
  path.unlink()
  assert read(parts) is None
  os.mkfifo(path)
  assert read(parts) is None
  with pytest.raises(errors.InputError, match='cannot be written'):
    parts.write(SHARD, SHARD_DIGEST, PART)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(errors.InputError, match='file/parts: cannot be written'):
    logit_parts.Parts(tmp_path / 'file' / 'parts', CHECKPOINT_DIGEST, CLASSES)


def test_a_folder_that_went_away_is_one_line(parts, tmp_path):
  tmp_path.rename(tmp_path.with_name('moved'))
  with pytest.raises(errors.InputError, match='cannot be written'):
    parts.write(SHARD, SHARD_DIGEST, PART)


@pytest.mark.parametrize(
  'examples', [300, pytest.param(40_000, marks=pytest.mark.slow)]
)
def test_a_damaged_part_is_none_or_says_the_same(parts, path, examples):
  """Some bytes of the container mean nothing."""
  whole = path.read_bytes()

  @settings(max_examples=examples, deadline=None)
  @given(damage.damaged(whole) | st.binary(max_size=200))
  def check(content):
    path.write_bytes(content)
    part = read(parts)
    if part is not None:
      expect_equal(part, PART)

  check()


@pytest.mark.parametrize(
  'examples', [200, pytest.param(20_000, marks=pytest.mark.slow)]
)
def test_a_part_made_to_do_harm_is_none_or_has_its_form(parts, path, examples):
  """Members with the right checksums and any header and content."""
  descriptions = st.sampled_from(
    ['<i8', '<i4', '<f4', '<U1', '<U0', '|O', '|V8', '<U999999', '<c8', '|b1']
  ) | st.text('<>|=iufcUOSVM019(),', max_size=6)
  shapes = st.lists(
    st.integers(0, 6) | st.sampled_from([2**31, 2**63, 10**30]), max_size=4
  ).map(tuple)
  contents = st.tuples(
    st.builds(header, descriptions, shapes) | st.binary(max_size=140),
    st.binary(max_size=80) | st.sampled_from([bytes(n) for n in (16, 32, 80)]),
  ).map(b''.join)
  names = st.sampled_from(['made_from', *logit_parts.ARRAYS])

  @settings(max_examples=examples, deadline=None)
  @given(names, contents)
  def check(name, content):
    parts.write(SHARD, SHARD_DIGEST, PART)
    with_member(path, name, content)
    part = read(parts)
    if part is not None:
      assert len(part.ids.tolist()) == len(part.records)
      assert part.logits.shape == (len(part.records), CLASSES)

  check()
