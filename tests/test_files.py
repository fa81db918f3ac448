"""Files appear whole or not at all, and nobody can plant one."""

import contextlib
import os
import pathlib
import secrets
import signal
import stat
import subprocess

import programs
import pytest

from two_stream import errors, files


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
  path = tmp_path / 'result.txt'
  with files.atomic_open(path, 'w') as stream:
    stream.write('naïve')
    stream.flush()
    assert not path.exists()
  assert path.read_text(encoding='utf-8') == 'naïve'
  assert names(tmp_path) == ['result.txt']


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
  path = tmp_path / 'result'
  path.write_bytes(b'old')
  with pytest.raises(RuntimeError), files.atomic_open(path) as stream:
    stream.write(b'new')
    raise RuntimeError
  assert path.read_bytes() == b'old'
  assert names(tmp_path) == ['result']


def test_the_longest_file_name_is_possible(tmp_path):
  path = tmp_path / ('ä' * 127)  # 254 bytes.
  with files.atomic_open(path) as stream:
    stream.write(b'new')
    assert len(names(tmp_path)) == 1
  assert path.read_bytes() == b'new'


@pytest.mark.parametrize(('mask', 'mode'), [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(tmp_path, mask, mode):
  before = os.umask(mask)
  try:
    with files.atomic_open(tmp_path / 'result') as stream:
      stream.write(b'new')
  finally:
    os.umask(before)
  assert stat.S_IMODE((tmp_path / 'result').stat().st_mode) == mode


@pytest.fixture(name='victim')
def make_victim(tmp_path):
  """A file elsewhere that nothing may write into."""
  (tmp_path / 'elsewhere').mkdir()
  path = tmp_path / 'elsewhere' / 'victim'
  path.write_bytes(b'untouched')
  yield path
  assert path.read_bytes() == b'untouched'


def test_a_link_at_the_name_of_old_temporary_files_is_not_followed(
  tmp_path, victim
):
  """These were predictable: the process's number was in them."""
  (tmp_path / f'.result.{os.getpid()}.tmp').symlink_to(victim)
  with files.atomic_open(tmp_path / 'result') as stream:
    stream.write(b'new')
  assert (tmp_path / 'result').read_bytes() == b'new'


def test_a_link_at_the_temporary_name_is_not_followed(
  tmp_path, victim, monkeypatch
):
  """Nobody can guess the name; here somebody does."""
  monkeypatch.setattr(secrets, 'token_hex', lambda size: 'guessed')
  (tmp_path / '.result.guessed.tmp').symlink_to(victim)
  with (
    pytest.raises(FileExistsError),
    files.atomic_open(tmp_path / 'result') as stream,
  ):
    stream.write(b'new')
  with (
    pytest.raises(FileExistsError),
    files.temporary_folder(tmp_path / 'result'),
  ):
    pass
  assert not (tmp_path / 'result').exists()


def test_a_link_at_the_final_name_is_replaced(tmp_path, victim):
  (tmp_path / 'result').symlink_to(victim)
  with files.atomic_open(tmp_path / 'result') as stream:
    stream.write(b'new')
  assert not (tmp_path / 'result').is_symlink()
  assert (tmp_path / 'result').read_bytes() == b'new'


def make_special(tmp_path):
  """Names of a folder, a FIFO and a device."""
  (tmp_path / 'folder').mkdir()
  os.mkfifo(tmp_path / 'fifo')
  return [tmp_path / 'folder', tmp_path / 'fifo', '/dev/null']


def test_what_is_no_file_is_not_replaced(tmp_path):
  for path in make_special(tmp_path):
    before = os.lstat(path)
    with pytest.raises(OSError, match='regular file|directory'):
      files.atomic_open(path).__enter__()
    assert os.path.samestat(os.lstat(path), before)


def test_only_regular_files_are_read(tmp_path):
  """Opening a FIFO would wait for a writer; a device might be endless."""
  descriptors = names(pathlib.Path('/proc/self/fd'))
  for path in [*make_special(tmp_path), tmp_path / 'missing', 'a\0b']:
    with pytest.raises(errors.InputError, match='cannot be read'):
      files.open_to_read(path)
  loop = tmp_path / 'loop'
  loop.symlink_to(loop)
  with pytest.raises(errors.InputError, match='Too many levels of symbolic'):
    files.open_to_read(loop)
  assert names(pathlib.Path('/proc/self/fd')) == descriptors


def test_links_are_read_but_not_out_of_a_folder(tmp_path, victim):
  (tmp_path / 'link').symlink_to(victim)
  with files.open_to_read(tmp_path / 'link', inside=tmp_path) as stream:
    assert stream.read() == b'untouched'
  folder = tmp_path / 'folder'
  folder.mkdir()
  (folder / 'link').symlink_to(victim)
  with pytest.raises(errors.InputError, match='link: is a link out of'):
    files.open_to_read(folder / 'link', inside=folder)
  (tmp_path / 'alias').symlink_to(folder)
  (folder / 'file').touch()
  files.open_to_read(folder / 'file', inside=tmp_path / 'alias').close()


# Writes and waits, until it is killed or told to go on.
WRITER = """
import sys
from two_stream import files
path = sys.argv[1]
with files.temporary_folder(path) as folder, files.atomic_open(path) as stream:
  (folder / 'a').touch()
  stream.write(b'new')
  stream.flush()
  print('writing', flush=True)
  sys.stdin.readline()
"""


@contextlib.contextmanager
def start_writer(path):
  with programs.started_code(
    WRITER, path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
  ) as process:
    assert process.stdout.readline() == b'writing\n'
    yield process


@pytest.mark.process
def test_a_kill_leaves_the_old_file_and_leftovers_that_are_known_as_dead(
  tmp_path,
):
  path = tmp_path / 'result'
  path.write_bytes(b'old')
  with start_writer(path) as killed:
    killed.send_signal(signal.SIGKILL)
  assert path.read_bytes() == b'old'
  assert len(names(tmp_path)) == 3  # With a file and a folder.
  files.remove_leftovers(path)
  assert names(tmp_path) == ['result']


@pytest.mark.process
def test_the_temporary_files_of_live_processes_stay(tmp_path):
  path = tmp_path / 'result'
  with start_writer(path) as live:
    before = names(tmp_path)
    files.remove_leftovers(path)
    assert names(tmp_path) == before
    live.communicate(b'go on\n')
  assert path.read_bytes() == b'new'
  assert names(tmp_path) == ['result']


def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path):
  left = tmp_path / '.result.123.tmp'
  left.touch()
  of_another = tmp_path / '.other.123.tmp'
  of_another.touch()
  with files.atomic_open(tmp_path / 'result'):
    assert not left.exists()
  assert of_another.exists()


def test_a_folder_is_listed_once_however_many_paths(tmp_path, monkeypatch):
  listed = []
  original = pathlib.Path.iterdir

  def iterdir(folder):
    listed.append(folder)
    return original(folder)

  monkeypatch.setattr(pathlib.Path, 'iterdir', iterdir)
  names = [f'{number:04d}' for number in range(50)]
  for name in names:
    (tmp_path / f'.{name}.123.tmp').touch()
  files.remove_leftovers(*(tmp_path / name for name in names))
  assert listed == [tmp_path]
  assert not list(original(tmp_path))


def test_what_others_named_as_leftovers_are_does_no_harm(tmp_path, victim):
  (tmp_path / '.result.0.tmp').symlink_to(victim)
  (tmp_path / '.result.1.tmp').mkdir()
  (tmp_path / '.result.1.tmp' / 'link').symlink_to(victim.parent)
  files.remove_leftovers(tmp_path / 'result')
  assert names(tmp_path) == ['.result.0.tmp', 'elsewhere']


def test_a_temporary_folder_is_private_and_goes(tmp_path):
  with files.temporary_folder(tmp_path / 'result') as folder:
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / 'a').touch()
  assert names(tmp_path) == []


def test_a_lock_file_is_made_but_not_elsewhere(tmp_path, victim):
  with files.open_lock(tmp_path / '.lock'):
    pass
  with files.open_lock(tmp_path / '.lock'):
    pass
  (tmp_path / 'link').symlink_to(victim.parent / 'new')
  with pytest.raises(OSError, match='Too many levels of symbolic links'):
    files.open_lock(tmp_path / 'link')
  assert names(victim.parent) == ['victim']
  os.mkfifo(tmp_path / 'fifo')
  with pytest.raises(OSError, match='Is not a regular file'):
    files.open_lock(tmp_path / 'fifo')


def write_result(path):
  with files.open_result(path, 'w') as stream:
    stream.write('näive')


def test_a_result_replaces_a_file(tmp_path, victim):
  for name in ('new', 'old', 'link'):
    path = tmp_path / name
    if name == 'old':
      path.write_bytes(b'old')
    if name == 'link':
      path.symlink_to(victim)
    write_result(path)
    assert path.read_text(encoding='utf-8') == 'näive'


@pytest.mark.process
def test_a_result_is_written_into_a_pipe_and_into_a_device(tmp_path):
  fifo = tmp_path / 'fifo'
  os.mkfifo(fifo)
  before = pathlib.Path('/dev/null').stat()
  write_result('/dev/null')
  assert os.path.samestat(pathlib.Path('/dev/null').stat(), before)
  assert stat.S_ISCHR(before.st_mode)
  with subprocess.Popen(['cat', fifo], stdout=subprocess.PIPE) as reader:
    write_result(fifo)
    assert reader.stdout.read().decode() == 'näive'
  assert stat.S_ISFIFO(os.lstat(fifo).st_mode)
  with pytest.raises(OSError, match='No space left'):
    write_result('/dev/full')


def test_a_result_is_not_written_into_a_folder(tmp_path):
  (tmp_path / 'link').symlink_to(tmp_path)
  for path in (tmp_path, tmp_path / 'link'):
    with pytest.raises(IsADirectoryError):
      write_result(path)


STANDARD = """
import sys
from two_stream import files
print('printed')
with files.open_result(sys.argv[1], 'w') as stream:
  stream.write('written')
"""


@pytest.mark.process
@pytest.mark.parametrize('name', ['/dev/stdout', 'output'])
def test_a_result_comes_after_what_was_printed_to_the_same_file(tmp_path, name):
  """A file would lose one of the two, and a link in /dev be replaced."""
  path = tmp_path / 'output'
  before = os.lstat('/dev/stdout')
  with path.open('wb') as output:
    programs.run_code(STANDARD, tmp_path / name, stdout=output, check=True)
  assert path.read_text() == 'printed\nwritten'
  result = programs.run_code(STANDARD, '/dev/stdout', check=True)
  assert result.stdout == 'printed\nwritten'
  assert os.path.samestat(os.lstat('/dev/stdout'), before)
