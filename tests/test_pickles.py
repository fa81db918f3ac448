"""Pickles are read as data: what they name is never imported or called."""

import io
import os
import pickle
import time

import numpy as np
import pytest
import small_pickles

from two_stream.networks import pickles

ORDERED = {('collections', 'OrderedDict'): pickles.ordered_dict}


def read(content, meanings=ORDERED, persistent=None):
  source = pickles.Source(io.BytesIO(content), len(content))
  return pickles.read(source, meanings, persistent)


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_values_are_those_that_python_reads(protocol):
  shared = ['x', 2]
  value = {
    'numbers': (0, -1, 255, 256, 70_000, -(1 << 31), 1 << 90, 1.5),
    'constants': [None, True, False],
    'tuples': [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    'texts': ['', 'café', 'long ' * 100],
    'shared': [shared, shared],
    7: {},
  }
  if protocol > 2:  # Before, bytes were the result of a function.
    value['bytes'] = [b'', b'\0\xff' * 200]
  assert read(pickle.dumps(value, protocol)) == value


def test_texts_of_python_2_are_read():
  assert read(b'\x80\x02U\x03abcT\x02\0\0\0de\x86.') == ('abc', 'de')


def test_an_ordered_dict_of_python_2_and_of_python_3():
  function = small_pickles.Global('collections', 'OrderedDict')
  pairs = [['b', 1], ('a', 2)]
  found = read(
    small_pickles.dumps(
      small_pickles.Call(function, (pairs,), {'_metadata': {}})
    )
  )
  assert list(found.items()) == [('b', 1), ('a', 2)]


class Harm:
  """Runs a command when Python reads its pickle."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.system, (f'touch {self.path}',)


@pytest.mark.parametrize('protocol', [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_runs_a_command_is_refused(tmp_path, protocol):
  path = tmp_path / 'harm'
  with pytest.raises(ValueError, match=r'posix\.system|instruction'):
    read(pickle.dumps({'weights': Harm(path)}, protocol))
  assert not path.exists()


@pytest.mark.parametrize(
  'module, name',
  [
    ('builtins', 'eval'),
    ('os', 'system'),
    ('collections', 'OrderedDict.__init__'),
    ('collections', 'namedtuple'),
    ('numpy', 'load'),
    ('torch.hub', 'load'),
    ('', ''),
  ],
)
def test_a_name_that_the_table_lacks_is_refused(module, name):
  with pytest.raises(ValueError, match='is refused'):
    read(small_pickles.dumps(small_pickles.Global(module, name)))


@pytest.mark.parametrize(
  'instructions, reason',
  [
    (b'.', 'takes an object'),
    (b'(0.', 'instruction POP'),
    (b'(.', 'takes an object'),
    (b']u.', 'without a beginning'),
    (b'](N\x86.', 'takes an object'),
    (b'N(Ne.', 'no list'),
    (b'](NNu.', 'no dict'),
    (b'}(Nu.', 'no dict'),
    (b'}(NNu.', 'neither text nor'),
    (b'})Ns.', 'neither text nor'),
    (b'h\x01.', 'does not have'),
    (b'N)R.', 'cannot be called'),
    (b'ccollections\nOrderedDict\nNR.', 'cannot be called'),
    (b'ccollections\nOrderedDict\n(NNtR.', 'in an unknown way'),
    (b'ccollections\nOrderedDict\nN\x85R.', 'no list'),
    (b'ccollections\nOrderedDict\n](Ne\x85R.', 'no pair'),
    (b'NNb.', 'cannot be changed'),
    (b'NQ.', 'outside of it'),
    (b'NN\x93.', 'without a name'),
    (b'\x8e' + b'\xff' * 7 + b'\x7fN.', 'bytes'),
    (b'B\xff\xff\xff\xffN.', 'bytes'),
    (b'c' + b'x' * 5000 + b'\nOrderedDict\n.', 'does not end'),
    (b'\x81.', 'instruction NEWOBJ'),
    (b'Pos\n.', 'instruction PERSID'),
    (b'(iposix\nsystem\n.', 'instruction INST'),
    (b'NNo.', 'instruction OBJ'),
    (b'\x82\x01.', 'instruction EXT1'),
  ],
)
def test_impossible_instructions_are_refused(instructions, reason):
  with pytest.raises(ValueError, match=reason):
    read(b'\x80\x02' + instructions)


def test_every_cut_is_refused():
  content = small_pickles.dumps({'a': (1, 2.5, 'text'), 'b': [b'bytes', None]})
  for length in range(len(content)):
    with pytest.raises(ValueError):
      read(content[:length])


def test_too_many_instructions_are_refused_in_time():
  start = time.monotonic()
  with pytest.raises(ValueError, match='more than'):
    read(b'\x80\x02' + b'N' * (1 << 20) + b'.')
  assert time.monotonic() - start < 20


def test_lists_that_double_stay_small():
  """2 ** 60 elements, if somebody counted them all."""
  doubled = b']' + b''.join(
    b'q' + bytes([i]) + b'](h%ch%ce' % (i, i) for i in range(60)
  )
  assert len(read(b'\x80\x02' + doubled + b'.')) == 2


def test_the_source_stands_behind_the_pickle_afterwards():
  content = small_pickles.dumps(1) + small_pickles.dumps('two') + b'rest'
  source = pickles.Source(io.BytesIO(content), len(content))
  assert pickles.read(source, {}) == 1
  assert pickles.read(source, {}) == 'two'
  assert source.read(4) == b'rest'
  assert source.left == 0


def test_what_the_table_has_is_called_and_gets_its_state():
  class Made(pickles.Stateful):
    def __init__(self, *arguments):
      self.arguments = arguments

    def set_state(self, state):
      self.state = state

  function = small_pickles.Global('some', 'where')
  call = small_pickles.Call(function, (1, small_pickles.Persistent('id')), 'me')
  made = read(
    small_pickles.dumps(call), {('some', 'where'): Made}, lambda key: [key]
  )
  assert made.arguments == (1, ['id'])
  assert made.state == 'me'


def test_numpys_own_pickles_need_a_table():
  with pytest.raises(ValueError, match=r'numpy.*_reconstruct.* is refused'):
    read(pickle.dumps(np.zeros(3), 4))
