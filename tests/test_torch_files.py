"""Files of torch.save, written by PyTorch and byte by byte."""

import io
import pathlib
import zipfile

import numpy as np
import pytest
import small_pickles
import small_torch

from two_stream.networks import foreign_arrays, torch_files

GOLDEN = pathlib.Path(__file__).parent / 'golden'
VALUES = {
  'a': np.arange(6, dtype=np.float32).reshape(2, 3),
  'b': np.array([0.5, -1], np.float32),
}
READERS = {
  'zip': (torch_files.read_zip, small_torch.zip_form),
  'legacy': (torch_files.read_legacy, small_torch.legacy_form),
}
both = pytest.mark.parametrize('form', READERS)


def read(form, content):
  """Reads a file to the last value."""
  tree = READERS[form][0](io.BytesIO(content), len(content))
  return {
    key: value.read() if isinstance(value, foreign_arrays.Array) else value
    for key, value in tree.items()
  }


@both
def test_what_pytorch_wrote_is_read(form):
  """golden/make_torch.py made the files."""
  found = read(form, (GOLDEN / f'torch_{form}.pt').read_bytes())
  whole = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
  expected = {
    'whole': whole,
    'transposed': whole.transpose(2, 0, 1),
    'part': whole[1, :, 1:3],
    'parameter': np.float32([0, 1, 2]),
    'half': np.float16([0, 1, 2]),
    'double': np.float64([0, 1, 2]),
    'scalar': np.float32(3),
    'empty': np.zeros((0, 4), np.float32),
  }
  for name, value in expected.items():
    np.testing.assert_array_equal(found[name], value, strict=True)
  assert found['bfloat16'].dtype.name == 'bfloat16'
  np.testing.assert_array_equal(found['bfloat16'].astype(float), [0, 1, 2])
  assert found['epoch'] == 7
  module = {k: v.read().tolist() for k, v in found['state_dict'].items()}
  assert module == {
    'bn.weight': [1, 1],
    'bn.bias': [0, 0],
    'bn.running_mean': [0, 0],
    'bn.running_var': [1, 1],
    'bn.num_batches_tracked': 0,
    'conv.weight': [[[[[0.5]]]], [[[[-2]]]]],
    'conv.bias': [1, 2],
  }


@both
def test_what_the_rule_says_is_read(form):
  content = READERS[form][1](*small_torch.state_dict(VALUES))
  found = read(form, content)
  for name, value in VALUES.items():
    np.testing.assert_array_equal(found[name], value, strict=True)


def tensor(offset, shape, stride, size=6):
  """A tensor in a storage of 6 values."""
  place = small_torch.storage('0', '<f4', size)
  return small_pickles.Call(
    small_torch.REBUILD, (place, offset, shape, stride, False, None)
  )


@both
def test_the_step_of_an_axis_of_one_element_means_nothing(form):
  content = READERS[form][1](
    {'a': tensor(2, (1, 3, 1), (1 << 61, 1, 7))},
    {'0': np.arange(6.0, dtype='<f4').tobytes()},
  )
  assert read(form, content)['a'].tolist() == [[[2], [3], [4]]]


def test_a_file_of_python_2_and_pytorch_0_3_is_read():
  """Texts are those of Python 2, and a dict is made of a list of pairs."""
  old = small_pickles.Python2Text
  kind = small_pickles.Global('torch.cuda', 'FloatStorage')
  place = small_pickles.Persistent(
    (old('storage'), kind, old('94'), old('cuda:0'), 6, None)
  )
  made = small_pickles.Call(
    small_pickles.Global('torch._utils', '_rebuild_tensor'),
    (place, 0, (2, 3), (3, 1)),
  )
  tree = small_pickles.Call(small_torch.ORDERED, ([[old('a'), made]],))
  machine = {
    old('protocol_version'): 1001,
    old('little_endian'): True,
    old('type_sizes'): {old('int'): 4, old('long'): 4, old('short'): 2},
  }
  values = np.arange(6, dtype='<f4')
  content = small_torch.legacy_form(
    tree, {old('94'): values.tobytes()}, machine=machine
  )
  assert read('legacy', content)['a'].tolist() == [[0, 1, 2], [3, 4, 5]]


@both
@pytest.mark.parametrize(
  'value',
  [
    tensor(0, (7,), (1,)),
    tensor(6, (1,), (1,)),
    tensor(0, (2, 3), (4, 1)),
    tensor(0, (1 << 40, 1 << 40), (0, 0)),
    tensor(0, (7,), (0,)),
    tensor(-1, (3,), (1,)),
    tensor(3, (3,), (-1,)),
    tensor(0, (-1,), (1,)),
    tensor(0, (2, 3), (1,)),
    tensor(0, (1,) * 9, (1,) * 9),
    tensor(0, (3,), (1 << 200,)),
    tensor(0, (0, 1 << 200), (1, 1)),
    tensor(0, (0, 1 << 61), (1, 1)),
    tensor(0, [3], [1]),
    tensor(0.0, (3,), (1,)),
    tensor(0, (True,), (1,)),
    tensor(0, (3,), (1,), size=1 << 62),
    tensor(0, (3,), (1,), size=5),
    tensor(0, (3,), (1,), size=-6),
    small_pickles.Call(small_torch.REBUILD, ('0', 0, (3,), (1,))),
    small_pickles.Call(small_torch.REBUILD, ()),
    small_pickles.Persistent('0'),
    small_pickles.Persistent(('module', None, '0', 'cpu', 6)),
    small_pickles.Persistent(('storage', None, '0', 'cpu', 6)),
    small_pickles.Persistent(('storage', small_torch.ORDERED, '0', 'cpu', 6)),
    small_pickles.Global('torch.nn.modules.conv', 'Conv3d'),
    small_pickles.Global('posix', 'system'),
  ],
)
def test_an_impossible_tensor_is_refused(form, value):
  content = READERS[form][1]({'a': value}, {'0': bytes(24)})
  with pytest.raises(ValueError):
    read(form, content)


@both
def test_every_cut_is_refused(form):
  content = READERS[form][1](*small_torch.state_dict(VALUES))
  for length in range(len(content)):
    with pytest.raises(ValueError):
      read(form, content[:length])


def test_a_compressed_archive_is_refused():
  """A small one could fill the memory."""
  content = small_torch.zip_form(
    *small_torch.state_dict(VALUES), method=zipfile.ZIP_DEFLATED
  )
  with pytest.raises(ValueError, match='compressed'):
    read('zip', content)


def test_an_archive_that_tells_of_one_place_twice_is_refused():
  """The files of such an archive together are larger than it."""
  content = io.BytesIO()
  with zipfile.ZipFile(content, 'w') as archive:
    archive.writestr('archive/data.pkl', small_pickles.dumps({}))
    archive.writestr('archive/data/0', bytes(1000))
    for i in range(1, 50):
      info = zipfile.ZipInfo(f'archive/data/{i}')
      first = archive.infolist()[1]
      for field in ('header_offset', 'file_size', 'compress_size', 'CRC'):
        setattr(info, field, getattr(first, field))
      archive.filelist.append(info)
  with pytest.raises(ValueError, match='more than its'):
    read('zip', content.getvalue())


def test_big_endian_files_are_refused():
  tree, storages = small_torch.state_dict(VALUES)
  with pytest.raises(ValueError, match='big-endian'):
    read('zip', small_torch.zip_form(tree, storages, byteorder=b'big'))
  machine = {'little_endian': False}
  with pytest.raises(ValueError, match='big-endian'):
    read('legacy', small_torch.legacy_form(tree, storages, machine=machine))


@pytest.mark.parametrize('count', [-1, 0, 5, 7, 1 << 62])
def test_a_storage_of_another_size_is_refused(count):
  tree, storages = small_torch.state_dict(VALUES)
  content = small_torch.legacy_form(tree, storages, {'0': count})
  with pytest.raises(ValueError, match='not as large'):
    read('legacy', content)


def test_storages_that_no_tensor_has_are_refused():
  tree, storages = small_torch.state_dict(VALUES)
  content = small_torch.legacy_form(tree, {**storages, '2': b''})
  with pytest.raises(ValueError, match='not those of its tensors'):
    read('legacy', content)


def test_the_legacy_form_is_recognised_by_its_first_bytes():
  for content in (
    (GOLDEN / 'torch_legacy.pt').read_bytes(),
    small_torch.legacy_form({}, {}),
  ):
    assert content.startswith(torch_files.LEGACY_START)
